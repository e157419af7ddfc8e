//! `crae`: runs CRAE on this machine.

mod commands;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::Env;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use commands::{attribute, keys, send, serve, smoke, tenant};

/// Turns phone calls and other touches into attributed revenue, here on embedded parts.
#[derive(Debug, Parser)]
#[command(name = "crae", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API on 127.0.0.1; what `crae` does without a command
    Serve(serve::Args),
    /// Sign a webhook as its provider does, and post it
    Send(send::Args),
    /// Create tenants, and read and change their settings, here or in a deployed table
    Tenant(tenant::Args),
    /// Create, list and revoke API keys, here or in a deployed table
    Keys(keys::Args),
    /// Attribute what stands in a file, by any set of models, without anything running
    Attribute(attribute::Args),
    /// Check that a deployment works, from its health to a webhook that can be read
    Smoke(smoke::Args),
}

/// The embedded DynamoDB reports every failed condition as a warning, which are the normal way of things here.
const LOGGED: [(&str, LevelFilter); 2] = [("crae", LevelFilter::INFO), ("dynoxide", LevelFilter::ERROR)];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let otherwise = Targets::new().with_default(LevelFilter::WARN).with_targets(LOGGED);
    let filter = Env::of_process().log_filter(otherwise);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
    let done: Result<(), Box<dyn Error>> = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(args).map_err(Into::into),
        Command::Send(args) => send::run(&args).map_err(Into::into),
        Command::Tenant(args) => tenant::run(&args).map_err(Into::into),
        Command::Keys(args) => keys::run(&args).map_err(Into::into),
        Command::Attribute(args) => attribute::run(&args).map_err(Into::into),
        Command::Smoke(args) => smoke::run(&args).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crae: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
