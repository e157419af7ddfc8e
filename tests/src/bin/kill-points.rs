//! `kill-points`: aborts the stack at every call its functions make, and compares what it shows in the end.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use e2e::kill_points::{self, Plan};

/// Aborts the stack at every call that its functions make, starts it again, and compares what it shows in the end
#[derive(Debug, Parser)]
struct Args {
    /// Try one in so many points
    #[arg(long, default_value_t = 1)]
    one_in: u64,
    /// Which ones
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,
    /// How many at once
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    #[command(subcommand)]
    life: Option<Life>,
}

#[derive(Debug, Subcommand)]
enum Life {
    /// One life of the stack, which dies at a point if one is given
    #[command(hide = true)]
    Live { folder: PathBuf, point: Option<u64> },
}

#[tokio::main]
async fn main() -> ExitCode {
    match work(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kill-points: {}", e2e::crash::with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn work(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(Life::Live { folder, point }) = args.life {
        kill_points::live(&folder, point).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe()?;
    let plan = Plan { program, one_in: args.one_in.max(1), seed: args.seed, jobs: args.jobs.max(1) };
    let report = kill_points::run(&plan, &mut say).await?;
    say(&report.to_string());
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: &str) {
    // Whoever closed the output does not want to know.
    drop(writeln!(io::stdout(), "{line}"));
}
