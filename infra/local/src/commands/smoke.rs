//! `crae smoke`.

use std::io;
use std::time::{Duration, Instant};

use clap::Parser;
use crae::tenants::signature;
use domain::ids::TenantId;
use domain::source::Source;
use reqwest::{RequestBuilder, StatusCode};
use runtime::Clock;
use serde_json::{Value, json};

use super::send::provider;

/// How long it may take until a delivery can be read.
const PATIENCE: Duration = Duration::from_secs(30);

const POLL_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where CRAE answers: the ApiUrl among the outputs of the deployment
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key that may view interactions; without it, only what is public is checked
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The key's tenant, to whom a webhook is sent if --secret is given
    #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
    tenant: TenantId,
    /// Whose webhook it is: convin or telephony
    #[arg(long, default_value = "convin", value_parser = provider)]
    provider: Source,
    /// The webhook secret. With it, a call that lasted no time is sent and read again; it stays in the tenant's data
    #[arg(long, requires = "key")]
    secret: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SmokeError {
    #[error("it does not work: {0}")]
    Failed(String),
    #[error("nothing can be sent")]
    Client(#[source] reqwest::Error),
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
}

/// Checks one thing after the other, and stops at the first that does not work.
pub(crate) fn run(args: &Args) -> Result<(), SmokeError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(SmokeError::Process)?;
    runtime.block_on(async {
        let http = crae::http_client(&args.url).map_err(SmokeError::Client)?;
        let deployment = Deployment { http, url: args.url.trim_end_matches('/'), key: args.key.as_deref() };
        deployment.check_public().await?;
        if args.key.is_some() {
            deployment.check_reading(&args.tenant).await?;
        }
        if let Some(secret) = &args.secret {
            deployment.check_webhook(args, secret).await?;
        }
        said("it works")
    })
}

struct Deployment<'a> {
    http: reqwest::Client,
    url: &'a str,
    key: Option<&'a str>,
}

/// What must be answered.
struct Expected<'a> {
    status: StatusCode,
    /// At this place of the body.
    at: &'a str,
    value: Value,
}

impl Deployment<'_> {
    async fn check_public(&self) -> Result<(), SmokeError> {
        let ok = |at, value: &str| Expected { status: StatusCode::OK, at, value: json!(value) };
        self.get("/live", None, &ok("/status", "ok")).await?;
        self.get("/ready", None, &ok("/status", "ok")).await?;
        self.get("/health", None, &ok("/table", "ok")).await?;
        self.get("/openapi.json", None, &ok("/openapi", "3.1.0")).await?;
        let refused = |status, code| Expected { status, at: "/code", value: json!(code) };
        self.get("/v1/tenant", None, &refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED")).await?;
        self.get("/nowhere", None, &refused(StatusCode::NOT_FOUND, "NOT_FOUND")).await
    }

    async fn check_reading(&self, tenant: &TenantId) -> Result<(), SmokeError> {
        let tenant =
            Expected { status: StatusCode::OK, at: "/data/tenant_id", value: json!(tenant.as_str()) };
        self.get("/v1/tenant", self.key, &tenant).await
    }

    /// A call is sent as its provider would, and must be there.
    async fn check_webhook(&self, args: &Args, secret: &str) -> Result<(), SmokeError> {
        let now = Clock::system().now();
        let (provider, call) = (args.provider.code(), format!("smoke-{}", now.ms()));
        let body = json!({
            "event_type": "call.started", "call_id": call, "timestamp": now.to_string(),
            "data": { "started_at": now.to_string() },
        });
        let body = body.to_string();
        let path = format!("/v1/webhooks/{provider}/{}", args.tenant);
        let request =
            self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        let request = request.header("x-webhook-signature", signature(secret, body.as_bytes())).body(body);
        let accepted = Expected { status: StatusCode::ACCEPTED, at: "/message", value: json!("accepted") };
        self.check(&format!("POST {path}"), request, &accepted).await?;
        let path = format!("/v1/interactions/ext:{provider}:{call}");
        let there =
            Expected { status: StatusCode::OK, at: "/data/external_interaction_id", value: json!(call) };
        let since = Instant::now();
        loop {
            match self.get(&path, self.key, &there).await {
                Err(SmokeError::Failed(_)) if since.elapsed() < PATIENCE => {}
                found => return found,
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn get(&self, path: &str, key: Option<&str>, expected: &Expected<'_>) -> Result<(), SmokeError> {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = key.into_iter().fold(request, |request, key| request.header("x-api-key", key));
        self.check(&format!("GET {path}"), request, expected).await
    }

    async fn check(
        &self,
        what: &str,
        request: RequestBuilder,
        expected: &Expected<'_>,
    ) -> Result<(), SmokeError> {
        let since = Instant::now();
        let failed = |why: String| SmokeError::Failed(format!("{what} {why}"));
        let no_answer = |error: reqwest::Error| failed(format!("was not answered: {}", cause(&error)));
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        let text = answer.text().await.map_err(no_answer)?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        if status != expected.status || body.pointer(expected.at) != Some(&expected.value) {
            let text: String = text.chars().take(300).collect();
            return Err(failed(format!("answered {status}: {text}")));
        }
        said(&format!("{:>6} ms  {} {what}", since.elapsed().as_millis(), status.as_u16()))
    }
}

/// The innermost cause, which tells most.
fn cause(error: &dyn std::error::Error) -> String {
    let innermost = std::iter::successors(Some(error), |error| (*error).source()).last();
    innermost.map_or_else(String::new, ToString::to_string)
}

fn said(line: &str) -> Result<(), SmokeError> {
    super::print(&format!("{line}\n")).map_err(SmokeError::Process)
}
