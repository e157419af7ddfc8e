//! The public API, as a well-behaved client uses it: it signs, and what is to be tried again it tries again.

use std::time::Duration;

use domain::model::ModelCode;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::story::Delivery;
use super::{PATIENCE, POLL_EVERY};
use crate::http_client;
use crate::sqs::SqsError;
use crate::tenants::{TenantCredentials, signature};

/// How many webhooks are under way at a time.
const ABREAST: usize = 16;

/// The batch routes take no more.
const BATCH: usize = 500;

const MOST_ATTEMPTS: u32 = 5;

/// Why the demo could not be told.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the API did not answer")]
    NoAnswer(#[from] reqwest::Error),
    #[error("the API answered {status} to {what}: {text}")]
    Refused { what: String, status: StatusCode, text: String },
    #[error("the API answered {0} with what was not expected")]
    Unexpected(String, #[source] serde_json::Error),
    #[error("the queues cannot be looked at")]
    Queues(#[from] SqsError),
    #[error("what was sent is not read after {} minutes", PATIENCE.as_secs() / 60)]
    Unread,
    #[error("the run {0} failed")]
    RunFailed(String),
}

/// Acts for one tenant.
pub struct Client<'a> {
    http: reqwest::Client,
    url: &'a str,
    tenant: &'a TenantCredentials,
}

#[derive(Deserialize)]
struct Enveloped<T> {
    data: T,
}

#[derive(Deserialize)]
struct Run {
    run_id: String,
    status: String,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    status: u16,
    #[serde(default)]
    error: Value,
}

impl<'a> Client<'a> {
    pub fn new(url: &'a str, tenant: &'a TenantCredentials) -> Result<Self, DemoError> {
        let http = http_client(url)?;
        Ok(Self { http, url, tenant })
    }

    /// Sends webhooks, roughly in their order; `sent` is called after each.
    pub(super) async fn deliver(&self, deliveries: &[Delivery], sent: impl Fn()) -> Result<(), DemoError> {
        let posted = stream::iter(deliveries).map(|delivery| async {
            let provider = delivery.provider.code();
            let secret = self.tenant.webhook_secrets.get(provider).map(String::as_str).unwrap_or_default();
            let url = format!("{}/v1/webhooks/{provider}/{}", self.url, self.tenant.tenant_id);
            let request = self.http.post(url).header(CONTENT_TYPE, "application/json");
            let request = request.header("x-webhook-signature", signature(secret, &delivery.body));
            self.send::<Value>(request.body(delivery.body.clone())).await?;
            sent();
            Ok::<_, DemoError>(())
        });
        posted.buffered(ABREAST).try_collect().await
    }

    pub(super) async fn post_all(&self, path: &str, items: &[Value]) -> Result<(), DemoError> {
        for items in items.chunks(BATCH) {
            let answer: Results = self.post(path, json!({ "items": items })).await?;
            let refused = answer.results.into_iter().find(|entry| entry.status >= 300);
            if let Some(entry) = refused {
                let status = StatusCode::from_u16(entry.status).unwrap_or_default();
                return Err(DemoError::Refused {
                    what: path.to_owned(),
                    status,
                    text: entry.error.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Has models executed over everything there is; answers under which id each is found once it is done.
    pub(super) async fn execute(
        &self,
        [first, more @ ..]: [ModelCode; ModelCode::ALL.len()],
    ) -> Result<Vec<(ModelCode, String)>, DemoError> {
        let codes = more.map(ModelCode::code);
        let asked = json!({ "model_code": first.code(), "more_models": codes, "name": "demo" });
        let Run { run_id, .. } = self.post("/v1/attribution/runs", asked).await?;
        let path = format!("/v1/attribution/runs/{run_id}");
        let mut run: Run = self.post(&format!("{path}/execute"), json!({})).await?;
        let since = Instant::now();
        while run.status != "completed" {
            if run.status == "failed" {
                return Err(DemoError::RunFailed(run_id));
            }
            if since.elapsed() > PATIENCE {
                return Err(DemoError::Unread);
            }
            sleep(POLL_EVERY).await;
            run = self.get(&path).await?;
        }
        let others = more.map(|model| (model, format!("{run_id}:{}", model.code())));
        Ok([(first, run_id)].into_iter().chain(others).collect())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DemoError> {
        self.send(self.with_key(self.http.get(format!("{}{path}", self.url)))).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, DemoError> {
        self.send(self.with_key(self.http.post(format!("{}{path}", self.url))).json(&body)).await
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("x-api-key", &self.tenant.api_key)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, DemoError> {
        for attempt in 1.. {
            let Some(again) = request.try_clone() else { break };
            let answer = again.send().await?;
            let (status, url) = (answer.status(), answer.url().path().to_owned());
            let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            let text = answer.text().await?;
            if status.is_success() {
                let answer: Enveloped<T> =
                    serde_json::from_str(&text).map_err(|error| DemoError::Unexpected(url, error))?;
                return Ok(answer.data);
            }
            let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            if !passing || attempt >= MOST_ATTEMPTS {
                return Err(DemoError::Refused { what: url, status, text });
            }
            sleep(after.map_or(POLL_EVERY, Duration::from_secs)).await;
        }
        Err(DemoError::Unread)
    }
}
