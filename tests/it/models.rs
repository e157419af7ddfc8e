//! What models make of what was heard in a call.

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

const BOUGHT: &str = "2026-03-03T12:00:00Z";

/// A call on the day before, with more said about it.
async fn call(shop: &Client, id: &str, more: Value) {
    let mut item = json!({
        "external_interaction_id": id, "channel": "call", "started_at": "2026-03-02T12:00:00Z",
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(shop.post("/v1/interactions", item).await.status, 201);
}

/// 100.00 for whoever spoke to the customer.
async fn order(shop: &Client) {
    let order = json!({
        "external_event_id": "order-1", "event_type": "purchase", "event_source": "billing",
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
        "amount_decimal": "100.00", "currency": "USD", "occurred_at": BOUGHT,
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
}

/// Executes AI_WEIGHTED; the credits, by their amounts.
async fn credits(shop: &Client) -> Vec<Value> {
    let run = shop.run("AI_WEIGHTED", json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["config"]["half_life_hours"], 24);
    assert_eq!(run["config"]["intent_factors"]["purchase"], 1.5);
    let path = format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap());
    let mut credits = shop.list(&path).await;
    let amount = |credit: &Value| credit["attributed_amount"].as_f64().unwrap();
    credits.sort_by(|a, b| amount(a).total_cmp(&amount(b)));
    credits
}

fn amounts(credits: &[Value]) -> Vec<f64> {
    credits.iter().map(|credit| credit["attributed_amount"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn likelier_calls_earn_more_as_the_guide_shows() {
    let shop = new_tenant().await;
    for (id, probability) in [("low", 0.30), ("medium", 0.45), ("high", 0.76)] {
        call(&shop, id, json!({"purchase_probability": probability})).await;
    }
    order(&shop).await;
    let credits = credits(&shop).await;
    assert_eq!(amounts(&credits), [14.98, 25.10, 59.92]);
    let told: Vec<_> = credits.iter().map(|credit| &credit["explanation"]).collect();
    assert!(told.iter().all(|told| told["model_code"] == "AI_WEIGHTED" && told["fallback"].is_null()));
    assert_eq!(
        told[2]["signals"],
        json!({
            "purchase_probability": 0.76, "intent": null, "intent_factor": 1, "sentiment_factor": 1,
            "duration_seconds": null,
        })
    );
}

#[tokio::test]
async fn intent_mood_and_duration_count_and_stand_in_the_explanation() {
    let shop = new_tenant().await;
    call(&shop, "plain", json!({"purchase_probability": 0.5, "duration_seconds": 300})).await;
    let keen = json!({
        "purchase_probability": 0.5, "duration_seconds": 300, "primary_intent": "purchase_inquiry",
        "sentiment": "positive",
    });
    call(&shop, "keen", keen).await;
    order(&shop).await;
    let credits = credits(&shop).await;
    // As 1 to 1.5 · 1.2.
    assert_eq!(amounts(&credits), [35.71, 64.29]);
    assert_eq!(
        credits[1]["explanation"]["signals"],
        json!({
            "purchase_probability": 0.5, "intent": "purchase_inquiry", "intent_factor": 1.5,
            "sentiment_factor": 1.2, "duration_seconds": 300,
        })
    );
}

#[tokio::test]
async fn where_too_little_was_heard_time_decides_and_the_credit_says_so() {
    let shop = new_tenant().await;
    call(&shop, "heard", json!({"purchase_probability": 0.9})).await;
    call(&shop, "unheard", json!({})).await;
    call(&shop, "older", json!({"started_at": "2026-03-01T12:00:00Z"})).await;
    order(&shop).await;
    let credits = credits(&shop).await;
    assert_eq!(amounts(&credits), [20.0, 40.0, 40.0]);
    assert!(credits.iter().all(|credit| credit["explanation"]["fallback"] == "TIME_DECAY"));
}
