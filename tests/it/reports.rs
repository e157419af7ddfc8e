//! Reports equal what all facts come to, whatever came late, twice, or was corrected.

mod brute_force;
mod facts;

use std::time::{Duration, Instant};

use brute_force::{Dimension, Range, Report, WINDOW_HOURS};
use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use e2e::{Client, deliveries_done, new_tenant_in, rollups_done};
use facts::{BEGIN, DAYS, Mail, World};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// In all zones together; one in twenty unless all of it is asked for.
const TOUCHES: usize = if option_env!("CRAE_FULL").is_some() { 20_000 } else { 1_000 };
const ORDERS: usize = TOUCHES / 5;

/// Their hours begin at a quarter to, their days have 23 or 25 hours, or 23.5 and 24.5.
const ZONES: [&str; 3] = ["Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"];

/// How long reports may still take when everything seems to be counted.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn reports_say_what_all_facts_come_to() {
    let tenants = ZONES.iter().zip(20_261_121..).map(|(zone, seed)| async move {
        let shop = new_tenant_in(zone).await;
        let (mut world, mail) = World::random(seed, TOUCHES / ZONES.len(), ORDERS / ZONES.len());
        send(&shop, &mail).await;
        check(&shop, &world, zone.parse().unwrap()).await;
        let changes = world.change(&mail);
        send(&shop, &changes).await;
        check(&shop, &world, zone.parse().unwrap()).await;
    });
    futures::future::join_all(tenants).await;
}

async fn send(shop: &Client, mail: &Mail) {
    for (path, items) in
        [("/v1/interactions/batch", &mail.interactions), ("/v1/conversions/batch", &mail.orders)]
    {
        for items in items.chunks(500) {
            let results = shop.post(path, json!({"items": items})).await.data()["results"].clone();
            let taken = |result: &Value| matches!(result["status"].as_u64(), Some(200 | 201));
            assert!(results.as_array().unwrap().iter().all(taken), "{results}");
        }
    }
    let delivered = stream::iter(&mail.webhooks).map(|body| shop.deliver("convin", body));
    let statuses: Vec<_> = delivered.buffer_unordered(8).map(|answer| answer.status).collect().await;
    assert!(statuses.iter().all(|status| *status == 202));
    deliveries_done().await;
}

/// Runs, and compares every report over several ranges.
async fn check(shop: &Client, world: &World, zone: Tz) {
    let run = shop.run("LINEAR", json!({"time_window_hours": WINDOW_HOURS})).await;
    assert_eq!(run["status"], "completed", "{run}");
    let run_id = run["run_id"].as_str().unwrap();
    rollups_done().await;
    for (from, to) in ranges() {
        for currency in ["USD", "EUR"] {
            let range = Range { zone, from, to, currency };
            let query = format!("start_date={from}&end_date={to}&currency={currency}&run_id={run_id}");
            let by = |dimension: Dimension| Report::of(world, range, dimension);
            let reports = [
                ("agents/revenue", by(|touch| touch.agent.as_ref()).agents()),
                ("vendors/comparison", by(|touch| touch.vendor.as_ref()).vendors()),
                ("intents/revenue", by(|touch| touch.intent.as_ref()).intents()),
            ];
            for (path, expected) in reports {
                until_equal(shop, &format!("/v1/analytics/{path}?{query}"), &expected).await;
            }
        }
    }
}

/// All days, the days on which clocks change, a week, and days without anything.
fn ranges() -> Vec<(NaiveDate, NaiveDate)> {
    let begin = chrono::DateTime::from_timestamp_millis(BEGIN).unwrap().date_naive();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    vec![
        (begin - Days::new(1), begin + Days::new(DAYS + 1)),
        (day("2026-03-08"), day("2026-03-08")),
        (day("2026-04-05"), day("2026-04-05")),
        (day("2026-03-28"), day("2026-04-03")),
        (day("2025-01-01"), day("2025-01-31")),
    ]
}

async fn until_equal(shop: &Client, path: &str, expected: &Value) {
    let since = Instant::now();
    loop {
        let mut data = shop.get(path).await.data();
        // Derived from the code, which is compared.
        for row in data["rows"].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("vendor_id");
        }
        if data == *expected {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{path}\n{}", difference(&data, expected));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The lines that differ.
fn difference(found: &Value, expected: &Value) -> String {
    let (found, expected) = (format!("{found:#}"), format!("{expected:#}"));
    let lines =
        found.lines().zip(expected.lines()).enumerate().filter(|(_, (found, expected))| found != expected);
    let lines = lines.map(|(number, (found, expected))| format!("{number}: {found} should be {expected}\n"));
    lines.take(40).collect::<String>()
        + &format!("{} lines, should be {}", found.lines().count(), expected.lines().count())
}
