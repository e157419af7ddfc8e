//! How quick the whole stack is on this machine: `crae serve --ephemeral` in a process of its own, reached by HTTP.
//!
//! Run it with `infra/speed.sh`, on an otherwise quiet machine. Any other way of running it (`cargo test --all-targets`)
//! only shows that it runs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use crae::dynamodb::DynamoDb;
use crae::template::{EMBEDDED, Template};
use crae::tenants::{TenantCredentials, signature};
use crae::{OWNER, Options, http_client};
use domain::ids::TenantId;
use domain::time::{Day, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp, Zone};
use futures::{StreamExt, stream};
use runtime::{Aws, Endpoints};
use serde_json::{Value, json};
use tokio::time::{sleep, sleep_until};

/// The batch routes take no more.
const BATCH: u64 = 500;

/// How many batches are under way at a time.
const BATCHES_ABREAST: usize = 4;

/// How many puts are.
const PUTS_ABREAST: usize = 16;

/// How much is measured.
struct Size {
    webhooks: u64,
    touchpoints: u64,
    puts: u64,
    conversions: u64,
    touches: u64,
}

const MEASURED: Size =
    Size { webhooks: 6_000, touchpoints: 50_000, puts: 50_000, conversions: 100_000, touches: 350_000 };

/// Shows that it runs.
const TRIED: Size = Size { webhooks: 20, touchpoints: 100, puts: 100, conversions: 20, touches: 70 };

const WEBHOOKS_PER_SECOND: u32 = 200;

#[tokio::main]
async fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let size = if measured { MEASURED } else { TRIED };
    let folder = tempfile::tempdir().unwrap();
    let stack = Served::start(folder.path()).await;
    let demo = stack.client("demo");
    acknowledgement(&demo, size.webhooks).await;
    let touchpoints = touchpoints(&demo, size.touchpoints).await;
    let puts = puts(size.puts).await;
    println!("a batched touchpoint for every {:.1} puts", puts / touchpoints);
    run(&stack.client("acme"), size.conversions, size.touches).await;
}

/// The program as a user starts it, killed at the end.
struct Served {
    process: Child,
    url: String,
}

/// Acts for a tenant.
struct Client {
    url: String,
    tenant: TenantCredentials,
    http: reqwest::Client,
}

impl Served {
    async fn start(folder: &Path) -> Self {
        let ready_file = folder.join("ready.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
        command.args(["serve", "--port", "0", "--ephemeral", "--empty", "--ready-file"]).arg(&ready_file);
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        while !ready_file.exists() {
            sleep(Duration::from_millis(10)).await;
        }
        let ready: Value = serde_json::from_slice(&std::fs::read(ready_file).unwrap()).unwrap();
        Self { process, url: ready["url"].as_str().unwrap().to_owned() }
    }

    fn client(&self, tenant: &str) -> Client {
        let tenant = TenantCredentials::of(&TenantId::parse(tenant).unwrap());
        Client { url: self.url.clone(), tenant, http: http_client(&self.url).unwrap() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Client {
    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).header("x-api-key", &self.tenant.api_key);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.url)).header("x-api-key", &self.tenant.api_key);
        let answer = request.json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Waits until reports count so many interactions: the stack is at rest then.
    async fn counted(&self, interactions: u64) {
        let path = "/v1/analytics/agents/revenue?start_date=2026-06-01&end_date=2026-08-01";
        while self.get(path).await["data"]["totals"]["total_interactions"] != interactions {
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Posts so many items in batches; each must be new.
    async fn post_all(&self, path: &str, count: u64, item: impl Fn(u64) -> Value) {
        let starts = (0..count).step_by(usize::try_from(BATCH).unwrap());
        let batches = stream::iter(starts).map(|start| {
            let items: Vec<_> = (start..count.min(start + BATCH)).map(&item).collect();
            async move { self.post(path, &json!({ "items": items })).await }
        });
        let answers = batches.buffer_unordered(BATCHES_ABREAST);
        let created = answers.map(|answer| {
            let results = answer["data"]["results"].as_array().unwrap().clone();
            results.iter().for_each(|result| assert_eq!(result["status"], 201, "{result}"));
        });
        created.collect::<Vec<()>>().await;
    }
}

/// Webhooks come evenly, whether or not earlier ones are answered; each is timed from the moment at which it was due.
async fn acknowledgement(client: &Client, count: u64) {
    let begun = tokio::time::Instant::now();
    let sent = (0..count).map(|number| {
        let body = call(number);
        let secret = &client.tenant.webhook_secrets["convin"];
        let url = format!("{}/v1/webhooks/convin/demo", client.url);
        let request = client.http.post(url).header("x-webhook-signature", signature(secret, body.as_bytes()));
        let request = request.body(body);
        let due = begun + Duration::from_secs(1) * u32::try_from(number).unwrap() / WEBHOOKS_PER_SECOND;
        tokio::spawn(async move {
            sleep_until(due).await;
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 202);
            due.elapsed()
        })
    });
    let mut took = Vec::new();
    for sent in sent.collect::<Vec<_>>() {
        took.push(sent.await.unwrap());
    }
    took.sort();
    let at = |per_mille: usize| ms(took[(took.len() - 1) * per_mille / 1_000]);
    println!(
        "webhook acknowledgement at {WEBHOOKS_PER_SECOND}/s: median {}, p99 {}, slowest of {count} {}",
        at(500),
        at(990),
        at(1_000)
    );
}

fn call(number: u64) -> String {
    let started_at = start().plus_ms(i64::try_from(number).unwrap() * SECOND_MS).to_string();
    let event = json!({
        "event_type": "call.started", "call_id": format!("call-{number}"), "timestamp": started_at,
        "data": {
            "phone_number": format!("+1415{:07}", number % 2_000), "agent_id": format!("agent-{}", number % 40),
            "started_at": started_at, "vendor_code": "vendor-a",
        },
    });
    event.to_string()
}

/// Touchpoints per second through the batch route.
async fn touchpoints(client: &Client, count: u64) -> f64 {
    let begun = Instant::now();
    let item = |number| interaction("touchpoint", number, number / 3, 30 * 24 * HOUR_MS);
    client.post_all("/v1/interactions/batch", count, item).await;
    per_second("touchpoints in batches of 500", count, begun)
}

/// Puts per second that the embedded table takes by itself, of items as large as an interaction, with nothing before it.
async fn puts(count: u64) -> f64 {
    let table = Template::read(EMBEDDED, &Options::default().parameters).unwrap().table;
    let database = DynamoDb::start(None, &table).unwrap();
    let url = database.url().to_owned();
    let client = Aws::local(Endpoints { dynamodb: url.clone(), s3: url.clone(), sqs: url }, OWNER).dynamodb();
    let begun = Instant::now();
    let put = |number: u64| {
        let id = format!("{number:032x}");
        let texts = [
            ("pk", format!("T#demo#INT#{id}")),
            ("sk", "INT".to_owned()),
            ("g1p", format!("T#demo#NODE#1{:032x}", number / 3)),
            ("g1s", format!("{number:013}#INT#{id}")),
            ("g2p", format!("T#demo#HOUR#INT#{}#0", 202_601_010_000 + number / 70)),
            ("g2s", format!("{number:013}#{id}")),
            ("ch", "web_chat".to_owned()),
            ("sx", "x".repeat(300)),
        ];
        let put = client.put_item().table_name(&table.name);
        let put = texts.into_iter().fold(put, |put, (name, text)| put.item(name, AttributeValue::S(text)));
        async move { put.condition_expression("attribute_not_exists(pk)").send().await.unwrap() }
    };
    stream::iter(0..count).map(put).buffer_unordered(PUTS_ABREAST).collect::<Vec<_>>().await;
    let rate = per_second("puts that the embedded table takes", count, begun);
    database.stop(Duration::from_secs(1)).await;
    rate
}

/// A run over everything there is, of the tenant that has nothing else, once all of it is counted for reports.
async fn run(client: &Client, conversions: u64, touches: u64) {
    let customers = conversions;
    let touch = |number| interaction("touch", number, number % customers, 60 * 24 * HOUR_MS);
    client.post_all("/v1/interactions/batch", touches, touch).await;
    client.post_all("/v1/conversions/batch", conversions, conversion).await;
    let told = Instant::now();
    client.counted(touches).await;
    println!(
        "rollups have counted {touches} touches {:.1} s after the last was told",
        told.elapsed().as_secs_f64()
    );
    let more = ["FIRST_TOUCH", "LAST_TOUCH", "TIME_DECAY", "POSITION_BASED", "W"];
    for (models, first, more) in [
        ("LINEAR", "LINEAR", &[][..]),
        ("DATA_DRIVEN", "DATA_DRIVEN", &[]),
        ("LINEAR and 5 more", "LINEAR", &more),
    ] {
        let config = json!({ "time_window_hours": 2_000 });
        let asked = json!({ "model_code": first, "more_models": more, "config": config });
        let run = client.post("/v1/attribution/runs", &asked).await;
        let path = format!("/v1/attribution/runs/{}", run["data"]["run_id"].as_str().unwrap());
        let begun = Instant::now();
        client.post(&format!("{path}/execute"), &json!({})).await;
        let run = loop {
            let run = client.get(&path).await["data"].clone();
            if run["status"] == "completed" || run["status"] == "failed" {
                break run;
            }
            sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(
            (&run["status"], &run["conversions_processed"]),
            (&json!("completed"), &json!(conversions))
        );
        let seconds = begun.elapsed().as_secs_f64();
        println!("a run by {models} over {conversions} conversions and {touches} touches: {seconds:.1} s");
    }
}

fn start() -> Timestamp {
    Zone::parse("UTC").unwrap().start_of(Day::parse("2026-06-01").unwrap())
}

const CHANNELS: [&str; 4] = ["web_chat", "call", "email", "paid_search"];

/// The numbers are spread evenly over so long a time.
fn interaction(name: &str, number: u64, customer: u64, over_ms: i64) -> Value {
    let minutes = over_ms / MINUTE_MS;
    let minute = i64::try_from(number).unwrap().wrapping_mul(7_919) % minutes;
    json!({
        "external_interaction_id": format!("{name}-{number}"), "channel": CHANNELS[usize::try_from(minute % 4).unwrap()],
        "started_at": start().plus_ms(minute * MINUTE_MS).to_string(),
        "agent_id": format!("agent-{}", number % 40), "vendor_code": format!("vendor-{}", number % 3),
        "customer_identifiers": [{ "type": "customer_id", "value": format!("customer-{customer}") }],
    })
}

/// After all touches.
fn conversion(number: u64) -> Value {
    let minute = i64::try_from(number % (24 * 60)).unwrap();
    json!({
        "external_event_id": format!("order-{number}"), "event_type": "purchase", "event_source": "shop",
        "amount_decimal": 10 + number % 500, "currency": "USD",
        "occurred_at": start().plus_ms(61 * 24 * HOUR_MS + minute * MINUTE_MS).to_string(),
        "customer_identifiers": [{ "type": "customer_id", "value": format!("customer-{number}") }],
    })
}

fn per_second(what: &str, count: u64, begun: Instant) -> f64 {
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    println!("{what}: {rate:.0} per second");
    rate
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
