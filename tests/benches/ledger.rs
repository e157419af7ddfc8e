//! How long it takes to calculate one lead's attribution, and to report on a month of 100,000 touchpoints whose 25,000
//! conversions were settled by an approved run.
//!
//! Run it with `cargo bench -p e2e --bench ledger`, on an otherwise quiet machine. Any other way of running it
//! (`cargo test --all-targets`) only shows that it runs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::{Duration, Instant};

use e2e::{Client, new_tenant, rollups_done};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// At once, as the batch route takes them.
const BATCH: usize = 500;

/// Of each lead.
const TOUCHPOINTS: u64 = 4;

/// Looking is work too, so that it is done seldom.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(600);

const REPORT: &str = "/api/v1/attribution/reports/attribution?startDate=2026-03-01&endDate=2026-03-30";

#[tokio::main]
async fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (leads, calculations, reports) = if measured { (25_000, 2_000, 20) } else { (100, 5, 1) };
    let shop = new_tenant().await;
    post_all(&shop, "/v1/interactions/batch", leads * TOUCHPOINTS, |n| touchpoint(n, leads)).await;
    post_all(&shop, "/v1/conversions/batch", leads, |n| conversion(n, leads)).await;
    let run = shop.run("LINEAR", json!({"time_window_hours": 720})).await;
    assert_eq!(run["conversions_processed"], leads, "{run}");
    rollups_done().await;
    let since = Instant::now();
    shop.post(&format!("/v1/attribution/runs/{}/approve", run["run_id"].as_str().unwrap()), json!({})).await;
    while shop.get(REPORT).await.data()["summary"]["settledConversions"] != leads {
        assert!(since.elapsed() < PATIENCE, "the run is still being settled");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    println!(
        "approving a run over {leads} conversions: settled within {:.0} s",
        since.elapsed().as_secs_f64()
    );
    let asked = |n: u64| json!({"leadId": format!("lead-{}", n * 7 % leads), "model": "position_based", "conversionValue": 1500});
    let took = timed(calculations, async |n| {
        let answer = shop.post("/api/v1/attribution/attribution/calculate", asked(n)).await.data();
        assert_eq!(answer["attributions"].as_array().unwrap().len(), usize::try_from(TOUCHPOINTS).unwrap());
    });
    tell("calculating a lead", &took.await);
    let took = timed(reports, async |_| assert_eq!(shop.get(REPORT).await.status, 200));
    tell(&format!("a report on 30 days of {} touchpoints", leads * TOUCHPOINTS), &took.await);
}

/// How long each of `times` took, the shortest first.
async fn timed(times: u64, act: impl AsyncFn(u64)) -> Vec<Duration> {
    let mut took = Vec::new();
    for n in 0..times {
        let since = Instant::now();
        act(n).await;
        took.push(since.elapsed());
    }
    took.sort();
    took
}

fn tell(what: &str, took: &[Duration]) {
    let ms = |place: usize| took[place.min(took.len() - 1)].as_secs_f64() * 1_000.0;
    let (median, p99, slowest) = (ms(took.len() / 2), ms(took.len() * 99 / 100), ms(took.len()));
    println!("{what}: median {median:.1} ms, p99 {p99:.1} ms, slowest of {} {slowest:.1} ms", took.len());
}

async fn post_all(shop: &Client, path: &str, count: u64, item: impl Fn(u64) -> Value) {
    let items: Vec<Value> = (0..count).map(item).collect();
    let batches = items.chunks(BATCH).map(|items| json!({ "items": items }));
    let answers = stream::iter(batches).map(|batch| shop.post(path, batch)).buffer_unordered(4);
    let results: Vec<Value> = answers.map(|answer| answer.data()["results"].clone()).collect().await;
    let results = results.iter().flat_map(|results| results.as_array().unwrap());
    results.for_each(|result| assert_eq!(result["status"], 201, "{result}"));
}

/// Evenly over 29 days, and `later` seconds.
fn at(n: u64, of: u64, later: u64) -> String {
    let second = n * 29 * 86_400 / of + later;
    let (day, second) = (1 + second / 86_400, second % 86_400);
    format!("2026-03-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn known_as(lead: u64) -> Value {
    json!([{"type": "lead_id", "value": format!("lead-{lead}")}])
}

fn touchpoint(n: u64, leads: u64) -> Value {
    const CHANNELS: [&str; 5] = ["paid_search", "email", "direct", "partner_referral", "call"];
    let (lead, number) = (n / TOUCHPOINTS, n % TOUCHPOINTS);
    json!({
        "external_interaction_id": format!("touch-{n}"), "channel": CHANNELS[usize::try_from(n * 13 % 5).unwrap()],
        "started_at": at(lead, leads, number * 3_600), "customer_identifiers": known_as(lead),
        "partner_id": format!("partner-{}", n % 40), "utm_campaign": format!("campaign-{}", n % 12),
    })
}

fn conversion(n: u64, leads: u64) -> Value {
    json!({
        "external_event_id": format!("sale-{n}"), "event_type": "purchase", "event_source": "shop",
        "amount_decimal": 10 + n % 500, "currency": "USD", "occurred_at": at(n, leads, 5 * 3_600),
        "commission_rate": 0.1, "customer_identifiers": known_as(n),
    })
}
