//! `crae serve`.

mod ready;
mod summary;

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Parser, value_parser};
use crae::demo::{self, DemoError, Filling, Standings};
use crae::tenants::TenantCredentials;
use crae::{Data, Options, Stack, StackError, tenants};
use domain::rate::Rate;
use domain::tenant::Settings;
use runtime::Clock;
use store::StoreError;
use tokio::signal::unix::{Signal, SignalKind, signal};

const MOST_RATE: i64 = Rate::MOST_PER_SECOND as i64;

#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where to serve; 0 takes any port that is free
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where everything is kept
    #[arg(long, value_name = "PATH", default_value = ".crae")]
    data_dir: PathBuf,
    /// Keep nothing: everything ends with the process
    #[arg(long, conflicts_with = "data_dir")]
    ephemeral: bool,
    /// Begin without example data; what is kept already stays as it is
    #[arg(long)]
    empty: bool,
    /// Let each tenant make so many requests per second, twice as many at once; without it nothing is limited
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate_limit: Option<u32>,
    /// Send what was put aside since it failed again and again back to its queues, once the cause is gone
    #[arg(long)]
    redrive: bool,
    /// Written once everything serves: KEY=value lines through which functions in other processes, such as those of
    /// `cargo lambda watch --env-file FILE`, reach the same embedded services
    #[arg(long, value_name = "FILE")]
    aws_env: Option<PathBuf>,
    /// Written once everything serves: the URL and the tenants' credentials, as JSON
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("the file {} cannot be written", path.display())]
    Unwritten {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the example data cannot be told; --empty begins without it")]
    Demo(#[from] DemoError),
    #[error("the data directory {} cannot be marked as being filled", path.display())]
    Mark {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the tenants cannot be set up")]
    Tenants(#[source] StoreError),
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
}

/// Serves until it is told to stop.
pub(crate) fn run(args: Args) -> Result<(), ServeError> {
    // One thread is enough to wait; the stack has its own.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(ServeError::Process)?;
    runtime.block_on(async {
        let mut signals = Signals::listen().map_err(ServeError::Process)?;
        let stack = tokio::select! {
            stack = start(args) => stack?,
            () = signals.next() => return Ok(()),
        };
        signals.next().await;
        stack.stop().await;
        Ok(())
    })
}

async fn start(args: Args) -> Result<Stack, ServeError> {
    let ready_file = args.ready_file.map(ready::File::remove).transpose()?;
    let data = if args.ephemeral { Data::Memory } else { Data::Dir(args.data_dir) };
    let mut options = Options { port: args.port, data: data.clone(), ..Options::default() };
    if let Some(rate) = args.rate_limit {
        options.parameters.insert("TenantRate".to_owned(), rate.to_string());
        options.parameters.insert("TenantBurst".to_owned(), (2 * rate).to_string());
    }
    let filling = if args.empty { None } else { filling(&data)? };
    let stack = Stack::start(options).await?;
    if args.redrive {
        stack.redrive_all().await?;
    }
    let tenants = tenants::seed(&stack).await.map_err(ServeError::Tenants)?;
    let standings = match (filling, tenants.first()) {
        (Some(filling), Some(demo)) => Some(fill(&stack, demo, filling, &data).await?),
        _ => None,
    };
    summary::show(stack.url(), &data, &tenants, standings.as_ref()).map_err(ServeError::Process)?;
    if let Some(path) = args.aws_env {
        let lines = stack.aws_env().into_iter().map(|(name, value)| format!("{name}={value}\n"));
        let written = fs::write(&path, lines.collect::<String>());
        written.map_err(|source| ServeError::Unwritten { path, source })?;
    }
    if let Some(file) = ready_file {
        file.write(stack.url(), &tenants)?;
    }
    Ok(stack)
}

/// Whether there is example data to be told, and which.
fn filling(data: &Data) -> Result<Option<Filling>, ServeError> {
    let today = Settings::default().zone().day_of(Clock::system().now());
    match data {
        Data::Memory => Ok(Some(Filling::of_memory(today))),
        Data::Dir(path) => {
            Filling::of_folder(path, today).map_err(|source| ServeError::Mark { path: path.clone(), source })
        }
    }
}

async fn fill(
    stack: &Stack,
    demo: &TenantCredentials,
    filling: Filling,
    data: &Data,
) -> Result<Standings, ServeError> {
    eprintln!("Telling tenant demo 90 days of example data; --empty begins without.");
    let standings = demo::fill(stack, demo, &filling.story()).await?;
    match (filling.done(), data) {
        (Err(source), Data::Dir(path)) => Err(ServeError::Mark { path: path.clone(), source }),
        _ => Ok(standings),
    }
}

/// Ctrl-C and what `kill` sends.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
