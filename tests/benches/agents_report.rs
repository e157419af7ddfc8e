//! How long the agents' report takes: a month of 12,000 calls by 40 agents, with 2,400 purchases.
//!
//! Run it with `cargo bench -p e2e --bench agents_report`, on an otherwise quiet machine. Any other way of running it
//! (`cargo test --all-targets`) only shows that it runs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::{Duration, Instant};

use e2e::{Answer, Client, new_tenant, rollups_done};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// At once, as the batch route takes them.
const BATCH: usize = 500;

#[tokio::main]
async fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (calls, times) = if measured { (12_000, 50) } else { (200, 1) };
    let shop = new_tenant().await;
    post_all(&shop, "/v1/interactions/batch", calls, call).await;
    post_all(&shop, "/v1/conversions/batch", calls / 5, order).await;
    let run = shop.run("TIME_DECAY", json!({"time_window_hours": 168})).await;
    assert_eq!(run["status"], "completed", "{run}");
    rollups_done().await;
    let days = "start_date=2026-03-01&end_date=2026-03-30";
    let path = format!("/v1/analytics/agents/revenue?{days}&run_id={}", run["run_id"].as_str().unwrap());
    let rows = |report: &Answer| report.body["data"]["rows"].as_array().cloned().unwrap_or_default();
    let calls_of = |row: &Value| row["total_interactions"].as_u64().unwrap_or_default();
    let shown = |report: &Answer| rows(report).iter().map(calls_of).sum::<u64>();
    shop.get_until(&path, |report| shown(report) == calls).await;
    let mut took = Vec::new();
    for _ in 0..times {
        let since = Instant::now();
        assert_eq!(shop.get(&path).await.status, 200);
        took.push(since.elapsed());
    }
    took.sort();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("agents' report over {calls} calls: median {}, slowest of {times} {}", ms(median), ms(slowest));
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

async fn post_all(shop: &Client, path: &str, count: u64, item: impl Fn(u64) -> Value) {
    let items: Vec<Value> = (0..count).map(item).collect();
    let batches = items.chunks(BATCH).map(|items| json!({ "items": items }));
    let answers = stream::iter(batches).map(|batch| shop.post(path, batch)).buffer_unordered(4);
    let results: Vec<Value> = answers.map(|answer| answer.data()["results"].clone()).collect().await;
    let results = results.iter().flat_map(|results| results.as_array().unwrap());
    results.for_each(|result| assert_eq!(result["status"], 201, "{result}"));
}

/// Evenly over 30 days, of which each hour has as many as another.
fn at(n: u64, of: u64) -> String {
    let second = n * 30 * 86_400 / of;
    let (day, second) = (1 + second / 86_400, second % 86_400);
    format!("2026-03-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn call(n: u64) -> Value {
    json!({
        "external_interaction_id": format!("call-{n}"), "channel": "call", "started_at": at(n, 12_000),
        "agent_id": format!("agent-{}", n * 7 % 40), "vendor_code": format!("vendor-{}", n % 3),
        "duration_seconds": 60 + n % 900, "primary_intent": "buy",
        "customer_identifiers": [{"type": "customer_id", "value": format!("customer-{}", n % 4_000)}],
    })
}

fn order(n: u64) -> Value {
    json!({
        "external_event_id": format!("order-{n}"), "event_type": "purchase", "event_source": "shop",
        "amount_decimal": 10 + n % 500, "currency": "USD", "occurred_at": at(n * 5 + 3, 12_000),
        "customer_identifiers": [{"type": "customer_id", "value": format!("customer-{}", n * 5 % 4_000)}],
    })
}
