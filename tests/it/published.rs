//! Which runs answer when none is named.

use domain::time::Timestamp;
use e2e::{Client, new_tenant, new_tenant_in};
use serde_json::{Value, json};

const REPORT: &str = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-10";

/// Every noon from the 1st to the 5th of March Ann sells something worth 100, 200, …, 500, an hour after her call.
async fn shop() -> Client {
    let shop = new_tenant().await;
    for day in 1..=5 {
        let who = json!([{"type": "email", "value": "customer@example.com"}]);
        let call = json!({
            "external_interaction_id": format!("call-{day}"), "channel": "call", "agent_id": "ann",
            "started_at": format!("2026-03-0{day}T11:00:00Z"), "customer_identifiers": who,
        });
        assert_eq!(shop.post("/v1/interactions", call).await.status, 201);
        let order = json!({
            "external_event_id": format!("order-{day}"), "event_type": "purchase", "event_source": "billing",
            "customer_identifiers": who, "amount_decimal": day * 100, "currency": "USD",
            "occurred_at": format!("2026-03-0{day}T12:00:00Z"),
        });
        assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
    }
    shop
}

async fn run(shop: &Client, model: &str, config: Value) -> String {
    let run = shop.run(model, config).await;
    assert_eq!(run["status"], "completed", "{run}");
    run["run_id"].as_str().unwrap().to_owned()
}

fn days(from: u32, to: u32) -> Value {
    json!({"start_date": format!("2026-03-0{from}"), "end_date": format!("2026-03-0{to}")})
}

/// The runs of a report with their days of March, and the revenue.
async fn answered(shop: &Client) -> (Vec<(String, String, String)>, Value) {
    let report = shop.get(REPORT).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let runs = report.body["meta"]["runs"].as_array().unwrap().iter();
    let runs =
        runs.map(|run| (text(&run["run_id"]), text(&run["start_date"]), text(&run["end_date"]))).collect();
    (runs, report.body["data"]["totals"]["attributed_revenue"].clone())
}

fn part(run_id: &str, from: u32, to: u32) -> (String, String, String) {
    (run_id.to_owned(), format!("2026-03-{from:02}"), format!("2026-03-{to:02}"))
}

#[tokio::test]
async fn a_tenant_west_of_greenwich_publishes_one_run_over_all_days_after_another() {
    let shop = new_tenant_in("America/New_York").await;
    for _ in 0..2 {
        let run_id = run(&shop, "TIME_DECAY", json!({})).await;
        assert_eq!(answered(&shop).await.0, [part(&run_id, 1, 10)]);
    }
}

#[tokio::test]
async fn each_day_is_answered_by_the_latest_default_run_that_has_it() {
    let shop = shop().await;
    let first = run(&shop, "TIME_DECAY", days(1, 3)).await;
    assert_eq!(answered(&shop).await, (vec![part(&first, 1, 3)], json!(600.0)));
    let second = run(&shop, "TIME_DECAY", days(3, 5)).await;
    // Neither another model, nor a run with a filter or another window, answers for the tenant's default.
    run(&shop, "LINEAR", json!({})).await;
    run(&shop, "TIME_DECAY", json!({"event_types": ["signup"]})).await;
    run(&shop, "TIME_DECAY", json!({"time_window_hours": 1})).await;
    assert_eq!(answered(&shop).await, (vec![part(&first, 1, 2), part(&second, 3, 5)], json!(1500.0)));
    let meta = shop.get(REPORT).await.body["meta"].clone();
    assert_eq!((&meta["run_id"], &meta["model_code"]), (&json!(second), &json!("TIME_DECAY")));
    assert_eq!(meta["coverage"], json!({"start_date": "2026-03-01", "end_date": "2026-03-05"}));
    let as_of = |run: usize| Timestamp::parse(meta["runs"][run]["as_of"].as_str().unwrap()).unwrap();
    assert!(as_of(0) < as_of(1));
}

#[tokio::test]
async fn a_journey_shows_each_conversions_credits_of_the_run_of_its_day() {
    let shop = shop().await;
    run(&shop, "TIME_DECAY", days(1, 3)).await;
    run(&shop, "TIME_DECAY", days(5, 5)).await;
    run(&shop, "LINEAR", json!({"event_types": ["signup"]})).await;
    let customer = shop.get("/v1/customers?identifier=email:customer@example.com").await.data();
    let id = customer[0]["customer_id"].as_str().unwrap().to_owned();
    let journey = shop.get(&format!("/v1/customers/{id}/journey")).await.data();
    let sales = journey["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "conversion");
    let shown: Vec<_> =
        sales.map(|sale| sale["credits"].as_array().map(|credits| !credits.is_empty())).collect();
    assert_eq!(shown, [Some(true), Some(true), Some(true), None, Some(true)]);
}

#[tokio::test]
async fn a_named_run_answers_alone() {
    let shop = shop().await;
    run(&shop, "TIME_DECAY", json!({})).await;
    let small = run(&shop, "LAST_TOUCH", days(2, 2)).await;
    let report = shop.get(&format!("{REPORT}&run_id={small}")).await;
    assert_eq!(report.body["data"]["totals"]["attributed_revenue"], 200.0);
    assert_eq!(
        report.body["meta"]["coverage"],
        json!({"start_date": "2026-03-02", "end_date": "2026-03-02"})
    );
}
