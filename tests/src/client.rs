use std::time::{Duration, Instant};

use crae::tenants::TenantCredentials;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::Sha256;

/// How long a test waits for what the API promises to do soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub headers: HeaderMap,
}

impl Answer {
    /// `data` of a success; anything else ends the test with what was answered.
    pub fn data(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.body["data"].clone()
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The fields that an error names.
    pub fn fields(&self) -> Vec<&str> {
        let details = self.body["details"].as_array();
        details.into_iter().flatten().filter_map(|problem| problem["field"].as_str()).collect()
    }

    /// An error in a line, as tables of cases write it: `400 VALIDATION_ERROR currency amount_decimal`.
    pub fn refusal(&self) -> String {
        let words = [vec![self.code()], self.fields()].concat().join(" ");
        format!("{} {words}", self.status).trim_end().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A client of one tenant.
#[derive(Clone, Debug)]
pub struct Client {
    pub url: String,
    pub tenant: TenantCredentials,
    http: reqwest::Client,
}

impl Client {
    pub fn new(url: &str, tenant: TenantCredentials) -> Self {
        Self { url: url.to_owned(), tenant, http: reqwest::Client::new() }
    }

    /// The same tenant's client with another key.
    #[must_use]
    pub fn with_key(&self, api_key: &str) -> Self {
        let tenant = TenantCredentials { api_key: api_key.to_owned(), ..self.tenant.clone() };
        Self { tenant, ..self.clone() }
    }

    /// Sends anything with this tenant's key. An empty `x-api-key` sends none.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().unwrap_or_default();
        let mut request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-api-key")) {
            request = request.header("X-API-Key", &self.tenant.api_key);
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or_default(), text, headers })
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.try_send(method, path, headers, body)
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.as_bytes().to_vec()).await
    }

    /// The signature this tenant's provider makes for a body.
    pub fn signature(&self, provider: &str, body: &[u8]) -> String {
        let secret = self.tenant.webhook_secrets.get(provider).map(String::as_bytes).unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|error| panic!("{error}"));
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Delivers a signed webhook to this tenant.
    pub async fn deliver(&self, provider: &str, body: &str) -> Answer {
        let signature = self.signature(provider, body.as_bytes());
        let path = format!("/v1/webhooks/{provider}/{}", self.tenant.tenant_id);
        self.send("POST", &path, &[("x-webhook-signature", &signature)], body.as_bytes().to_vec()).await
    }

    /// Asks until `holds` accepts the answer.
    pub async fn get_until(&self, path: &str, holds: impl Fn(&Answer) -> bool) -> Answer {
        let since = Instant::now();
        loop {
            let answer = self.get(path).await;
            if holds(&answer) {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "still not so: {path} {} {}", answer.status, answer.text);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Creates and executes a run, and waits until it is over.
    pub async fn run(&self, model: &str, config: Value) -> Value {
        let run = self
            .post("/v1/attribution/runs", json!({"model_code": model, "name": model, "config": config}))
            .await;
        let id = run.data()["run_id"].as_str().unwrap_or_default().to_owned();
        self.execute(&id).await
    }

    /// Executes a run and waits until it is over.
    pub async fn execute(&self, run_id: &str) -> Value {
        let answer =
            self.send("POST", &format!("/v1/attribution/runs/{run_id}/execute"), &[], Vec::new()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let over = |answer: &Answer| {
            matches!(answer.body["data"]["status"].as_str(), Some("completed" | "failed"))
                || answer.status != 200
        };
        self.get_until(&format!("/v1/attribution/runs/{run_id}"), over).await.data()
    }

    /// Every entry of a list, page after page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let answer = self.get(&format!("{path}{join}cursor={cursor}")).await;
            let next = answer.body["meta"]["next_cursor"].as_str().map(str::to_owned);
            all.extend(answer.data().as_array().cloned().unwrap_or_default());
            match next {
                Some(next) => cursor = next,
                None => return all,
            }
        }
    }
}
