//! Which touches make a journey, and what those earn that made a customer more than they were.

use std::collections::BTreeMap;

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

fn at(time: &str) -> String {
    format!("2026-03-02T{time}:00Z")
}

async fn conversion(shop: &Client, id: &str, event_type: &str, (amount, time): (&str, &str)) {
    let order = json!({
        "external_event_id": id, "event_type": event_type, "event_source": "billing",
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
        "amount_decimal": amount, "currency": "USD", "occurred_at": at(time),
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
}

/// Five touches by which a customer signs up, is quoted a price, and buys for 100.00.
async fn told() -> Client {
    let shop = new_tenant().await;
    for (time, channel) in
        [("08:00", "email"), ("09:00", "call"), ("10:00", "call"), ("11:00", "email"), ("12:00", "direct")]
    {
        let touch = json!({
            "external_interaction_id": time, "channel": channel, "started_at": at(time),
            "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
        });
        assert_eq!(shop.post("/v1/interactions", touch).await.status, 201);
    }
    conversion(&shop, "signup-1", "SignUp", ("0", "08:30")).await;
    conversion(&shop, "quote-1", "quote", ("0", "10:30")).await;
    conversion(&shop, "order-1", "purchase", ("100.00", "13:00")).await;
    shop
}

/// The credits of a run by model and configuration, in order of time.
async fn credits(shop: &Client, model: &str, config: Value) -> (String, Vec<Value>) {
    let run = shop.run(model, config).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    let run_id = run["run_id"].as_str().unwrap().to_owned();
    let mut credits = shop.list(&format!("/v1/attribution/runs/{run_id}/results")).await;
    let touched = |credit: &Value| credit["explanation"]["touched_at"].as_str().unwrap().to_owned();
    credits.sort_by_key(touched);
    (run_id, credits)
}

/// What touches earn of the order, by the hour of each.
async fn earned(shop: &Client, model: &str, config: Value) -> Vec<(String, f64)> {
    let order = shop.list("/v1/conversions?external_id=order-1").await[0]["conversion_event_id"].clone();
    let (_, credits) = credits(shop, model, config).await;
    let of_order = credits.iter().filter(|credit| credit["conversion_event_id"] == order);
    let earned = |credit: &Value| {
        let hour = credit["explanation"]["touched_at"].as_str().unwrap()[11..13].to_owned();
        (hour, credit["attributed_amount"].as_f64().unwrap())
    };
    of_order.map(earned).collect()
}

fn by_hour<const N: usize>(shares: [(&str, f64); N]) -> Vec<(String, f64)> {
    shares.map(|(hour, share)| (hour.to_owned(), share)).to_vec()
}

#[tokio::test]
async fn touches_that_made_a_customer_more_than_they_were_earn_for_that() {
    let shop = told().await;
    // What the customer was made by is known of conversions too that the run does not credit.
    let config = |lead: &str, opportunity: &str| json!({"event_types": ["purchase"], "lead_event_types": [lead], "opportunity_event_types": [opportunity]});
    let known = || config("signup", "Quote");
    assert_eq!(
        earned(&shop, "W", known()).await,
        by_hour([("08", 60.0), ("09", 3.34), ("10", 30.0), ("11", 3.33), ("12", 3.33)])
    );
    assert_eq!(
        earned(&shop, "FULL_PATH", known()).await,
        by_hour([("08", 45.0), ("09", 5.0), ("10", 22.5), ("11", 5.0), ("12", 22.5)])
    );
    assert_eq!(
        earned(&shop, "U", json!({"event_types": ["purchase"]})).await,
        by_hour([("08", 80.0), ("09", 5.0), ("10", 5.0), ("11", 5.0), ("12", 5.0)])
    );
    let (_, told) = credits(&shop, "FULL_PATH", known()).await;
    let milestones: Vec<_> = told.iter().map(|credit| &credit["explanation"]["milestones"]).collect();
    let none = &Value::Null;
    assert_eq!(
        milestones,
        [&json!(["first", "lead"]), none, &json!(["opportunity"]), none, &json!(["customer"])]
    );
    // Where nothing is known, they are taken to lie evenly.
    assert_eq!(
        earned(&shop, "W", config("never", "ever")).await,
        by_hour([("08", 30.0), ("09", 5.0), ("10", 30.0), ("11", 5.0), ("12", 30.0)])
    );
    let (_, told) = credits(&shop, "W", config("never", "ever")).await;
    assert!(told.iter().all(|credit| credit["explanation"]["milestones"].is_null()), "{told:#?}");
}

#[tokio::test]
async fn single_touches_at_both_ends_earn_shares_of_their_own() {
    let shop = told().await;
    let purchases = |weights: Value| json!({"event_types": ["purchase"], "custom_weights": weights});
    let weights = json!({"first": [30, 10], "middle": 20, "last": [40]});
    assert_eq!(
        earned(&shop, "CUSTOM", purchases(weights)).await,
        by_hour([("08", 30.0), ("09", 10.0), ("10", 10.0), ("11", 10.0), ("12", 40.0)])
    );
    assert_eq!(
        earned(&shop, "CUSTOM", purchases(json!({"last": [25, 75]}))).await,
        by_hour([("11", 25.0), ("12", 75.0)])
    );
    let as_usual = earned(&shop, "CUSTOM", purchases(Value::Null)).await;
    assert_eq!(as_usual, earned(&shop, "POSITION_BASED", json!({"event_types": ["purchase"]})).await);
    for (wrong, field) in [
        (json!({"first": [30], "middle": 20}), "config.custom_weights"),
        (json!({"first": [20, 20, 20, 20, 20]}), "config.custom_weights.first"),
        (json!({"first": [101]}), "config.custom_weights.first"),
        (json!({"others": 100}), "config.custom_weights.others"),
        (json!([40, 20, 40]), "config.custom_weights"),
    ] {
        let body = json!({"model_code": "CUSTOM", "config": {"custom_weights": wrong}});
        let refusal = shop.post("/v1/attribution/runs", body).await.refusal();
        assert_eq!(refusal, format!("400 VALIDATION_ERROR {field}"), "{wrong}");
    }
}

#[tokio::test]
async fn a_conversion_ends_a_journey_where_the_run_says_so() {
    let shop = told().await;
    conversion(&shop, "order-2", "purchase", ("50.00", "13:30")).await;
    let fifths = ["08", "09", "10", "11", "12"].map(|hour| (hour, 20.0));
    assert_eq!(earned(&shop, "LINEAR", json!({})).await, by_hour(fifths));
    let reset = |types: Value| json!({"after_conversion": "reset", "event_types": types});
    // Only conversions that the run takes end journeys.
    assert_eq!(earned(&shop, "LINEAR", reset(json!(["purchase"]))).await, by_hour(fifths));
    assert_eq!(earned(&shop, "LINEAR", reset(Value::Null)).await, by_hour([("11", 50.0), ("12", 50.0)]));
    let (run_id, _) = credits(&shop, "LINEAR", reset(Value::Null)).await;
    let unattributed = shop.list(&format!("/v1/attribution/runs/{run_id}/unattributed")).await;
    let told = |field: &str| unattributed.iter().map(|order| order[field].clone()).collect::<Vec<_>>();
    assert_eq!(
        (told("external_event_id"), told("reason")),
        (vec![json!("order-2")], vec![json!("before_conversion")])
    );
    // What made a lead of them on the journey before does not on this one; conversions of one moment end the same journey.
    conversion(&shop, "lead-2", "lead", ("0", "10:15")).await;
    conversion(&shop, "gift-1", "purchase", ("0", "13:00")).await;
    let config = reset(json!(["purchase", "signup"]));
    let shares = by_hour([("09", 40.0), ("10", 40.0), ("11", 10.0), ("12", 10.0)]);
    assert_eq!(earned(&shop, "U", config).await, shares);
}

#[tokio::test]
async fn repeated_touches_on_a_channel_count_as_often_as_the_run_says() {
    let shop = told().await;
    let linear = async |transform: &str| {
        let config = json!({"event_types": ["purchase"], "path_transform": transform});
        earned(&shop, "LINEAR", config).await
    };
    assert_eq!(linear("unique").await, by_hour(["08", "09", "10", "11", "12"].map(|hour| (hour, 20.0))));
    assert_eq!(linear("EXPOSURE").await, by_hour(["08", "09", "11", "12"].map(|hour| (hour, 25.0))));
    let thirds = by_hour([("08", 33.34), ("09", 33.33), ("12", 33.33)]);
    assert_eq!(linear("first").await, thirds);
    assert_eq!(linear("frequency").await, thirds);
    let config = json!({"event_types": ["purchase"], "path_transform": "frequency", "min_conversions": 1});
    let (run_id, told) = credits(&shop, "DATA_DRIVEN", config).await;
    let learned =
        shop.get(&format!("/v1/attribution/runs/{run_id}")).await.data()["learned"]["channels"].clone();
    let names: Vec<_> =
        learned.as_array().unwrap().iter().map(|channel| channel["channel"].clone()).collect();
    assert_eq!(names, ["call(2)", "direct(1)", "email(2)"]);
    for credit in told {
        let explained = &credit["explanation"];
        let step = explained["step"].as_str().unwrap();
        assert!(step.starts_with(credit["channel"].as_str().unwrap()), "{credit:#}");
        let share = learned.as_array().unwrap().iter().find(|channel| channel["channel"] == step).unwrap();
        assert_eq!(explained["channel_share"], share["share"]);
    }
}

#[tokio::test]
async fn a_full_refund_leaves_no_touch_anything_however_the_journey_was_told() {
    let shop = told().await;
    let refund = json!({
        "external_event_id": "refund-1", "event_type": "refund", "event_source": "billing", "refund_of": "order-1",
        "amount_decimal": "-100.00", "currency": "USD", "occurred_at": at("15:00"),
    });
    assert_eq!(shop.post("/v1/conversions", refund).await.status, 201);
    for (model, config) in [
        ("W", json!({"event_types": ["purchase"]})),
        ("LINEAR", json!({"after_conversion": "reset"})),
        ("CUSTOM", json!({"custom_weights": {"first": [1], "last": [98, 1]}, "path_transform": "exposure"})),
        (
            "DATA_DRIVEN",
            json!({"min_conversions": 1, "path_transform": "frequency", "after_conversion": "reset"}),
        ),
    ] {
        let (_, told) = credits(&shop, model, config).await;
        let mut left: BTreeMap<String, f64> = BTreeMap::new();
        for credit in &told {
            let amount = credit["attributed_amount"].as_f64().unwrap();
            *left.entry(credit["interaction_id"].to_string()).or_default() += amount;
        }
        assert!(told.iter().any(|credit| !credit["refund_of"].is_null()), "{model}: {told:#?}");
        assert!(left.values().all(|amount| amount.abs() < 0.001), "{model}: {left:?}");
    }
}
