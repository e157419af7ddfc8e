use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crae::tenants::TenantCredentials;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::weather::Weather;
use crate::{document, logs, stack};

/// How long a test waits for what the API promises to do soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// `true` on an answer that is an earlier one again.
const REPLAYED: &str = "idempotency-replayed";

/// How often a request is tried while services fail on purpose; each try fails by chance.
const MOST_TRIES: usize = 30;

/// Whether an answer comes from an index, which may lag: lists do, what is looked up for them, and who is named
/// as a customer by facts alone.
fn reads_index(method: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/api/v1/attribution/") {
        let of_leads =
            ["calculate", "batch", "leads/", "reports/", "analytics/"].iter().any(|word| rest.contains(word));
        let lists = ["touchpoints", "conversions", "attributions"].iter().any(|list| rest.starts_with(list));
        return of_leads || method == "GET" && lists;
    }
    let lists = ["/v1/interactions", "/v1/conversions"].contains(&path);
    method == "GET" && (lists || path.ends_with("/unattributed")) || path.starts_with("/v1/customers")
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub headers: HeaderMap,
    /// Whether an earlier attempt failed, which may have been carried out all the same.
    pub is_of_retry: bool,
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

    /// Whether a client should try again: that we are busy, that the gateway waited in vain for us, or that an earlier
    /// attempt is still being worked on. Another error that we answer ourselves is none.
    fn is_temporary(&self) -> bool {
        let is_gateways = self.status == 500 && self.code().is_empty();
        [429, 503].contains(&self.status) || is_gateways || self.code() == "REQUEST_IN_PROGRESS"
    }

    /// Whether all that was asked for at once was done or refused.
    fn is_whole(&self) -> bool {
        let data = &self.body["data"];
        let results = data["results"].as_array().into_iter().flatten();
        results.into_iter().all(|result| result["status"] != 503) && data["failed"].as_u64().unwrap_or(0) == 0
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What this client has been told: of facts and deliveries that they are stored, and the answers to requests with a key.
///
/// The answer that says something was created may be lost, inside or outside; the first that says it is stored already,
/// or is an earlier one again, is taken for it then. A delivery whose answer was lost was taken all the same, and so was
/// the one sent in its place; only the latter is known here.
#[derive(Debug, Default)]
struct Told {
    stored: HashSet<String>,
    /// By request.
    answers: HashMap<String, String>,
}

impl Told {
    fn set_right(&mut self, request: Option<String>, answer: &mut Answer) {
        let mut is_first = true;
        if let Some(request) = request.filter(|_| answer.status < 300 || answer.status == 400) {
            match self.answers.get(&request) {
                None => {
                    answer.headers.remove(REPLAYED);
                    self.answers.insert(request, answer.text.clone());
                }
                Some(known) if *known == answer.text => {
                    is_first = false;
                    answer.headers.insert(REPLAYED, HeaderValue::from_static("true"));
                }
                Some(_) => {}
            }
        }
        // What is repeated for its key is the first answer, word for word.
        if is_first && answer.header(REPLAYED).is_empty() {
            self.set_facts_right(answer);
        }
    }

    fn set_facts_right(&mut self, answer: &mut Answer) {
        let results = answer.body.pointer_mut("/data/results").and_then(Value::as_array_mut);
        for result in results.into_iter().flatten() {
            let id = result["id"].as_str().unwrap_or_default().to_owned();
            if result["status"] == 200 || result["status"] == 201 {
                result["status"] = if self.stored.insert(id) { json!(201) } else { json!(200) };
            }
        }
        let data = &answer.body["data"];
        if let Some(delivery) = data["delivery_id"].as_str() {
            self.stored.insert(delivery.to_owned());
        }
        let id = [&data["interaction_id"], &data["conversion_event_id"], &data["id"]]
            .into_iter()
            .find_map(Value::as_str);
        let Some(id) = id.map(str::to_owned) else { return };
        let first = self.stored.insert(id);
        match answer.status {
            200 if first && answer.body["meta"]["idempotent_replay"] == true => {
                answer.status = 201;
                answer.body["meta"] = json!({});
            }
            201 if !first => {
                answer.status = 200;
                answer.body["meta"] = json!({ "idempotent_replay": true });
            }
            _ => {}
        }
    }
}

/// A client of one tenant.
#[derive(Clone, Debug)]
pub struct Client {
    pub url: String,
    pub tenant: TenantCredentials,
    http: reqwest::Client,
    told: Arc<Mutex<Told>>,
}

impl Client {
    pub fn new(url: &str, tenant: TenantCredentials) -> Self {
        logs::watch();
        logs::keep_secret(&tenant);
        Self {
            url: url.to_owned(),
            tenant,
            http: crae::http_client(url).unwrap_or_else(|error| panic!("{error}")),
            told: Arc::default(),
        }
    }

    /// The same tenant's client with another key.
    #[must_use]
    pub fn with_key(&self, api_key: &str) -> Self {
        let tenant = TenantCredentials { api_key: api_key.to_owned(), ..self.tenant.clone() };
        Self { tenant, ..self.clone() }
    }

    /// Sends anything with this tenant's key, and holds what is answered to the OpenAPI document. An empty `x-api-key`
    /// sends none.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method.parse().unwrap_or_default(), url).body(body.clone());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-api-key")) {
            request = request.header("X-API-Key", &self.tenant.api_key);
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let body_read = serde_json::from_str(&text).unwrap_or_default();
        let answer = Answer { status, body: body_read, text, headers, is_of_retry: false };
        document::hold(method, path, &body, &answer);
        logs::hold();
        Ok(answer)
    }

    /// Sends, and where services fail on purpose tries again as a client outside would.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let weather = Weather::now();
        if weather.lag && reads_index(method, path) {
            stack().await.indexes_settled().await;
        }
        let mut answer = self.must_send(method, path, headers, body.clone()).await;
        if !weather.failures {
            return answer;
        }
        let key = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        let mut tries = 0;
        // With a key, a batch of which a part failed is sent again whole.
        let is_one = key.is_some() || path.ends_with("/redrive");
        while tries < MOST_TRIES && (answer.is_temporary() || is_one && !answer.is_whole()) {
            // What is still being carried out by an attempt that is gone can be taken over after half a minute.
            tries += usize::from(answer.status != 409);
            if let Ok(seconds) = answer.header("retry-after").parse() {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            answer = self.must_send(method, path, headers, body.clone()).await;
            answer.is_of_retry = true;
        }
        if path.ends_with("/batch") && answer.status == 200 {
            self.try_rest_of_batch(path, &body, &mut answer).await;
        }
        if method == "POST" || key.is_some() {
            let request = key.map(|(_, key)| format!("{} {method} {path} {key}", self.tenant.api_key));
            self.told.lock().unwrap_or_else(PoisonError::into_inner).set_right(request, &mut answer);
        }
        answer
    }

    /// Sends the entries of a batch that failed for a while until none do.
    async fn try_rest_of_batch(&self, path: &str, body: &[u8], answer: &mut Answer) {
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        for _ in 0..MOST_TRIES {
            let results = answer.body["data"]["results"].as_array().cloned().unwrap_or_default();
            let failed = results.iter().filter(|result| result["status"] == 503);
            let failed: Vec<_> =
                failed.filter_map(|result| usize::try_from(result["index"].as_u64()?).ok()).collect();
            if failed.is_empty() {
                return;
            }
            let items: Vec<_> = failed.iter().map(|index| sent["items"][index].clone()).collect();
            let again = json!({ "items": items }).to_string().into_bytes();
            let again = self.must_send("POST", path, &headers, again).await;
            for (place, index) in failed.into_iter().enumerate() {
                let mut result = again.body["data"]["results"][place].clone();
                if result.is_object() {
                    result["index"] = json!(index);
                    answer.body["data"]["results"][index] = result;
                }
            }
        }
    }

    async fn must_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let sent = self.try_send(method, path, headers, body).await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// What must not be carried out twice, as whoever tries again sends it: with a key of its own.
    pub async fn post_once(&self, path: &str, body: Value) -> Answer {
        static SENT: AtomicU64 = AtomicU64::new(0);
        let key = format!("once-{}", SENT.fetch_add(1, Ordering::Relaxed));
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        self.send("POST", path, &headers, body.to_string().into_bytes()).await
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
            assert!(
                since.elapsed() < Weather::now().patience(PATIENCE),
                "still not so: {path} {} {}",
                answer.status,
                answer.text
            );
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
                None => break,
            }
        }
        if Weather::now().failures {
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|entry| entry["delivery_id"].as_str().is_none_or(|id| told.stored.contains(id)));
        }
        all
    }
}
