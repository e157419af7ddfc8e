//! `crash`: kills the stack again and again, and checks that it keeps every promise.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::crash::{self, Plan};

/// Kills the stack while it works, starts it again, and checks that nothing acknowledged was lost
#[derive(Debug, Parser)]
struct Args {
    /// How often
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// What is sent and aimed at; the same number again repeats it
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,
    /// The program that is killed; by default the one beside this
    #[arg(long, value_name = "PATH")]
    crae: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match kill(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crash: {}", crash::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn kill(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    let crae = match args.crae {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("crae"),
    };
    let plan = Plan { kills: args.kills, seed: args.seed, crae };
    say(&format!("{} kills with seed {}", plan.kills, plan.seed));
    let report = crash::run(&plan, &mut say).await?;
    say(&report.to_string());
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: &str) {
    // Whoever closed the output does not want to know.
    drop(writeln!(io::stdout(), "{line}"));
}
