//! `crae send`.

mod examples;

use std::fs;
use std::io::{self, Read};

use clap::Parser;
use crae::tenants::{TenantCredentials, signature};
use domain::ids::TenantId;
use domain::source::Source;
use reqwest::StatusCode;

#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Who sends: convin or telephony
    #[arg(value_parser = provider)]
    provider: Source,
    /// A file with one payload, - for the standard input, or the name of an example, such as call.started
    #[arg(value_name = "EVENT")]
    payload: String,
    /// Where CRAE is served
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose webhook it is
    #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
    tenant: TenantId,
    /// What to sign with, if not the secret that the local stack gave the tenant
    #[arg(long)]
    secret: Option<String>,
}

pub(super) fn provider(code: &str) -> Result<Source, &'static str> {
    let provider = Source::parse(code).filter(|source| *source != Source::Api);
    provider.ok_or("the providers are convin and telephony")
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("{name} is neither a file that can be read nor an example; the examples are {}", examples::NAMES.join(", "))]
    Payload {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("{0} does not begin with https:// or http://")]
    NotAUrl(String),
    #[error("nothing answers at {0}; is `cargo run` running?")]
    NothingThere(String),
    #[error("there was no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error(
        "it was refused: another secret signs for this tenant, or the payload's tenant_id is another tenant"
    )]
    WrongSignature,
    #[error("it was refused")]
    Refused,
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
}

/// Prints what came back; anything but 2xx is an error.
pub(crate) fn run(args: &Args) -> Result<(), SendError> {
    let body = payload(args)?;
    let request = request(args, body)?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(SendError::Process)?;
    let (status, answer) = runtime.block_on(exchange(request)).map_err(|error| {
        if error.is_connect() {
            SendError::NothingThere(args.url.clone())
        } else {
            SendError::NoAnswer(error)
        }
    })?;
    super::print(&format!("{status}\n{answer}\n")).map_err(SendError::Process)?;
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(SendError::WrongSignature),
        _ => Err(SendError::Refused),
    }
}

fn payload(args: &Args) -> Result<Vec<u8>, SendError> {
    if let Some(example) = examples::find(args.provider, &args.payload) {
        return Ok(example.as_bytes().to_vec());
    }
    let read = if args.payload == "-" {
        let mut body = Vec::new();
        io::stdin().read_to_end(&mut body).map(|_| body)
    } else {
        fs::read(&args.payload)
    };
    read.map_err(|source| SendError::Payload { name: args.payload.clone(), source })
}

fn request(args: &Args, body: Vec<u8>) -> Result<reqwest::RequestBuilder, SendError> {
    let url = args.url.trim_end_matches('/');
    if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(SendError::NotAUrl(args.url.clone()));
    }
    let provider = args.provider.code();
    let local = || TenantCredentials::of(&args.tenant).webhook_secrets.remove(provider).unwrap_or_default();
    let secret = args.secret.clone().unwrap_or_else(local);
    let client = crae::http_client(url).map_err(SendError::NoAnswer)?;
    let request = client.post(format!("{url}/v1/webhooks/{provider}/{}", args.tenant));
    Ok(request
        .header("content-type", "application/json")
        .header("x-webhook-signature", signature(&secret, &body))
        .body(body))
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<(StatusCode, String), reqwest::Error> {
    let answer = request.send().await?;
    Ok((answer.status(), answer.text().await?))
}
