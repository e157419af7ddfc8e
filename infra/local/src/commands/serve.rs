//! `crae serve`.

mod ready;
mod summary;

use std::io;
use std::path::PathBuf;

use clap::{Parser, value_parser};
use crae::{Data, Options, Stack, StackError, tenants};
use domain::rate::Rate;
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
    /// Begin without example data
    #[arg(long)]
    empty: bool,
    /// Let each tenant make so many requests per second, twice as many at once; without it nothing is limited
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate_limit: Option<u32>,
    /// Send what was put aside since it failed again and again back to its queues, once the cause is gone
    #[arg(long)]
    redrive: bool,
    /// Written once everything serves: the URL and the tenants' credentials, as JSON
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("the ready file {} cannot be written", path.display())]
    ReadyFile {
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
    let stack = Stack::start(options).await?;
    if args.redrive {
        stack.redrive_all().await?;
    }
    let tenants = tenants::seed(&stack).await.map_err(ServeError::Tenants)?;
    summary::show(stack.url(), &data, &tenants).map_err(ServeError::Process)?;
    if let Some(file) = ready_file {
        file.write(stack.url(), &tenants)?;
    }
    Ok(stack)
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
