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

/// Pays some of it back an hour later.
async fn refund(shop: &Client, id: &str, amount: &str) {
    let refund = json!({
        "external_event_id": id, "event_type": "refund", "event_source": "billing",
        "refund_of": "order-1", "amount_decimal": amount, "currency": "USD",
        "occurred_at": "2026-03-03T13:00:00Z",
    });
    assert_eq!(shop.post("/v1/conversions", refund).await.status, 201);
}

/// What each of these touches of a journey earns of 100.00 by a model, and by which model instead if it is so.
async fn by_model(shop: &Client, model: &str, config: Value) -> (Vec<(String, f64)>, Value) {
    let run = shop.run(model, config).await;
    let path = format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap());
    let credits = shop.list(&path).await;
    let earned = |credit: &Value| {
        (credit["channel"].as_str().unwrap().to_owned(), credit["attributed_amount"].as_f64().unwrap())
    };
    let fallback = credits[0]["explanation"]["fallback"].clone();
    let mut earned: Vec<_> = credits.iter().map(earned).collect();
    earned.sort_by(|a, b| a.0.cmp(&b.0));
    (earned, fallback)
}

#[tokio::test]
async fn touches_that_were_paid_for_or_not_direct_and_the_ends_of_a_journey_earn_by_models_of_their_own() {
    let shop = new_tenant().await;
    for (hour, channel) in ["paid_search", "email", "affiliate", "direct"].into_iter().enumerate() {
        let at = format!("2026-03-02T{:02}:00:00Z", 8 + hour);
        call(&shop, channel, json!({"channel": channel, "started_at": at})).await;
    }
    order(&shop).await;
    let only = |channel: &str| (vec![(channel.to_owned(), 100.0)], Value::Null);
    let by = async |model: &str, config: Value| by_model(&shop, model, config).await;
    assert_eq!(by("LAST_NON_DIRECT", json!({})).await, only("affiliate"));
    assert_eq!(
        by("LAST_NON_DIRECT", json!({"direct_channels": ["direct", "affiliate"]})).await,
        only("email")
    );
    assert_eq!(by("FIRST_PAID", json!({})).await, only("paid_search"));
    assert_eq!(by("LAST_PAID", json!({})).await, only("affiliate"));
    // Nothing was paid for: then the last touch, and it says so.
    let (earned, fallback) = by("LAST_PAID", json!({"paid_channels": ["billboard"]})).await;
    assert_eq!((earned, fallback), (only("direct").0, json!("LAST_TOUCH")));
    let shares = |shares: [f64; 4]| {
        ["affiliate", "direct", "email", "paid_search"]
            .into_iter()
            .map(str::to_owned)
            .zip(shares)
            .collect::<Vec<_>>()
    };
    assert_eq!(by("J", json!({})).await.0, shares([10.0, 60.0, 10.0, 20.0]));
    assert_eq!(by("INVERSE_J", json!({})).await.0, shares([10.0, 20.0, 10.0, 60.0]));
}

#[tokio::test]
async fn a_run_can_be_called_off_and_executed_after_all() {
    let shop = new_tenant().await;
    call(&shop, "call-1", json!({})).await;
    order(&shop).await;
    let run = shop.post("/v1/attribution/runs", json!({"model_code": "LINEAR"})).await.data();
    let path = format!("/v1/attribution/runs/{}", run["run_id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(shop.post(&format!("{path}/cancel"), json!({})).await.data()["status"], "cancelled");
    }
    assert_eq!(shop.get(&format!("{path}/results")).await.refusal(), "409 RUN_NOT_COMPLETED");
    let run = shop.execute(run["run_id"].as_str().unwrap()).await;
    assert_eq!((&run["status"], &run["conversions_processed"]), (&json!("completed"), &json!(1)));
    assert_eq!(shop.post(&format!("{path}/cancel"), json!({})).await.refusal(), "409 RUN_ALREADY_EXECUTED");
}

#[tokio::test]
async fn completed_runs_stand_side_by_side_with_what_one_gives_more_than_another() {
    let shop = new_tenant().await;
    for (hour, agent) in ["ann", "bob"].into_iter().enumerate() {
        let at = format!("2026-03-02T{:02}:00:00Z", 8 + hour);
        call(&shop, agent, json!({"agent_id": agent, "started_at": at})).await;
    }
    order(&shop).await;
    let mut ids = Vec::new();
    for model in ["LAST_TOUCH", "LINEAR", "FIRST_TOUCH"] {
        ids.push(shop.run(model, json!({})).await["run_id"].as_str().unwrap().to_owned());
    }
    let path = format!("/v1/attribution/compare?run_ids={}", ids.join(","));
    let compared = shop.get(&path).await;
    let models = compared.body["meta"]["runs"].as_array().unwrap().iter().map(|run| &run["model_code"]);
    assert_eq!(models.collect::<Vec<_>>(), ["LAST_TOUCH", "LINEAR", "FIRST_TOUCH"]);
    let rows = compared.data()["rows"].clone();
    let told = |row: &Value| {
        let runs = row["runs"].as_array().unwrap();
        let of = |field: &str| runs.iter().map(|run| run[field].as_f64().unwrap()).collect::<Vec<_>>();
        (row["value"].clone(), of("attributed_revenue"), of("difference"))
    };
    assert_eq!(told(&rows[0]), (json!("bob"), vec![100.0, 50.0, 0.0], vec![0.0, -50.0, -100.0]));
    assert_eq!(told(&rows[1]), (json!("ann"), vec![0.0, 50.0, 100.0], vec![0.0, 50.0, 100.0]));
    let by_channel = shop.get(&format!("{path}&by=channel&end_date=2026-03-02")).await.data();
    assert_eq!(by_channel["rows"], json!([]));
    let by_channel = shop.get(&format!("{path}&by=channel&start_date=2026-03-03")).await.data();
    assert_eq!(by_channel["rows"][0]["value"], "call");

    let refusal = async |query: &str| shop.get(&format!("/v1/attribution/compare{query}")).await.refusal();
    assert_eq!(refusal("").await, "400 VALIDATION_ERROR run_ids");
    assert_eq!(refusal("?run_ids=,").await, "400 VALIDATION_ERROR run_ids");
    assert_eq!(refusal(&format!("?run_ids={}&by=colour", ids.join(","))).await, "400 VALIDATION_ERROR by");
    assert_eq!(refusal("?run_ids=run_0,run_1").await, "404 NOT_FOUND");
    let other = new_tenant().await;
    assert_eq!(other.get(&path).await.status, 404);
}

#[tokio::test]
async fn whoever_was_on_the_way_to_a_conversion_influenced_all_of_it_whatever_the_model_gave_them() {
    let shop = new_tenant().await;
    for (hour, agent) in ["ann", "bob", "bob"].into_iter().enumerate() {
        let at = format!("2026-03-02T{:02}:00:00Z", 8 + hour);
        call(&shop, &at, json!({"agent_id": agent, "started_at": at})).await;
    }
    call(&shop, "too early", json!({"agent_id": "eve", "started_at": "2026-02-01T08:00:00Z"})).await;
    order(&shop).await;
    let influenced = async || {
        let asked = json!({"model_code": "LAST_TOUCH", "more_models": ["FIRST_TOUCH"]});
        let run = shop.post("/v1/attribution/runs", asked).await.data();
        let run_id = shop.execute(run["run_id"].as_str().unwrap()).await["run_id"].clone();
        let path = format!("/v1/attribution/compare?run_ids={}", run_id.as_str().unwrap());
        let rows = shop.get(&path).await.data()["rows"].clone();
        let told = |row: &Value| {
            let of =
                |field: &str| row["runs"].as_array().unwrap().iter().map(|run| run[field].clone()).collect();
            let [revenue, conversions, earned]: [Vec<Value>; 3] =
                [of("influenced_revenue"), of("influenced_conversions"), of("attributed_revenue")];
            (row["value"].clone(), revenue, conversions, earned)
        };
        rows.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    let row = |agent: &str, revenue: f64, earned: [f64; 2]| {
        (json!(agent), vec![json!(revenue); 2], vec![json!(1); 2], earned.map(|minor| json!(minor)).to_vec())
    };
    assert_eq!(influenced().await, [row("bob", 100.0, [100.0, 0.0]), row("ann", 100.0, [0.0, 100.0])]);
    refund(&shop, "refund-1", "-40.00").await;
    assert_eq!(influenced().await, [row("bob", 60.0, [60.0, 0.0]), row("ann", 60.0, [0.0, 60.0])]);
    refund(&shop, "refund-2", "-60.00").await;
    assert_eq!(influenced().await, [row("ann", 0.0, [0.0, 0.0]), row("bob", 0.0, [0.0, 0.0])]);
}

#[tokio::test]
async fn a_run_credits_by_several_models_each_of_which_is_read_by_itself() {
    let shop = new_tenant().await;
    for (hour, agent) in ["ann", "bob"].into_iter().enumerate() {
        let at = format!("2026-03-02T{:02}:00:00Z", 8 + hour);
        call(&shop, agent, json!({"agent_id": agent, "started_at": at})).await;
    }
    order(&shop).await;
    let asked =
        json!({"model_code": "LINEAR", "more_models": ["last_touch", "LINEAR", "AI_WEIGHTED", "LAST_TOUCH"]});
    let run = shop.post("/v1/attribution/runs", asked).await.data();
    let run_id = run["run_id"].as_str().unwrap().to_owned();
    assert_eq!(run["models"], json!(["LINEAR", "LAST_TOUCH", "AI_WEIGHTED"]));
    let run = shop.execute(&run_id).await;
    assert_eq!((&run["status"], &run["model_code"]), (&json!("completed"), &json!("LINEAR")));
    let other = format!("{run_id}:LAST_TOUCH");
    let read = async |path: &str| shop.get(&format!("/v1/attribution/runs/{path}")).await;
    let shown = read(&format!("{run_id}:last_touch")).await.data();
    assert_eq!((&shown["run_id"], &shown["model_code"]), (&json!(other), &json!("LAST_TOUCH")));
    assert_eq!((&shown["models"], &shown["attributed_total"]), (&run["models"], &run["attributed_total"]));
    assert_eq!(shown["config_hash"], shop.run("LAST_TOUCH", json!({})).await["config_hash"]);
    assert_eq!(read(&format!("{run_id}:LINEAR")).await.data(), run);
    let credits = shop.list(&format!("/v1/attribution/runs/{other}/results")).await;
    assert_eq!((credits.len(), &credits[0]["agent_id"]), (1, &json!("bob")));
    assert_eq!(credits[0]["explanation"]["model_code"], "LAST_TOUCH");
    assert_eq!(shop.list(&format!("/v1/attribution/runs/{run_id}/results")).await.len(), 2);
    for unknown in ["W", "", "GUESS", "LINEAR:LINEAR"] {
        assert_eq!(read(&format!("{run_id}:{unknown}")).await.status, 404, "{unknown}");
    }
    // Named alone, it is compared by each of its models.
    let rows = shop.get(&format!("/v1/attribution/compare?run_ids={run_id}")).await;
    let models = rows.body["meta"]["runs"].as_array().unwrap().iter().map(|run| run["model_code"].clone());
    assert_eq!(models.collect::<Vec<_>>(), ["LINEAR", "LAST_TOUCH", "AI_WEIGHTED"]);
    let moved = shop.get(&format!("/v1/attribution/diff?run_ids={run_id},{other}")).await.data();
    assert_eq!(moved[0]["touches"].as_array().unwrap().len(), 2, "{moved:#}");
    // Each of them answers as runs of its own would: the tenant's reports go by the latest of its model.
    let days = "start_date=2026-03-01&end_date=2026-03-31";
    let report = shop.get(&format!("/v1/analytics/agents/revenue?{days}&run_id={other}")).await;
    assert_eq!(report.body["meta"]["run_id"], other.as_str());
    assert_eq!(report.data()["rows"][0]["attributed_revenue"], 100.0);
    // One of them is approved, and owed.
    let approved = shop.post(&format!("/v1/attribution/runs/{other}/approve"), json!({})).await.data();
    assert_eq!(approved["run_id"], other.as_str());
    assert!(approved["approved_at"].is_string(), "{approved:#}");
    assert_eq!(read(&run_id).await.data()["approved_at"], Value::Null);
    let refused = json!({"model_code": "LINEAR", "more_models": ["GUESS"]});
    assert_eq!(
        shop.post("/v1/attribution/runs", refused).await.refusal(),
        "400 VALIDATION_ERROR more_models"
    );
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

#[tokio::test]
async fn a_run_counts_touches_as_it_is_told() {
    let shop = new_tenant().await;
    for (id, channel, day) in [("t-1", "email", 1), ("t-2", "call", 2), ("t-3", "direct", 3)] {
        let touch = json!({
            "external_interaction_id": id, "channel": channel, "started_at": format!("2026-03-0{day}T10:00:00Z"),
            "customer_identifiers": [{"type": "lead_id", "value": "lead-1"}], "vendor_code": format!("of-{channel}"),
            "utm_campaign": if channel == "direct" { Value::Null } else { json!(format!("by-{channel}")) },
        });
        assert_eq!(shop.post("/v1/interactions", touch).await.status, 201);
    }
    let order = json!({
        "external_event_id": "order-1", "event_type": "purchase", "event_source": "shop", "amount_decimal": 90,
        "currency": "USD", "occurred_at": "2026-03-03T12:00:00Z",
        "customer_identifiers": [{"type": "lead_id", "value": "lead-1"}],
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
    for (config, expected) in [
        (json!({}), vec![("email", 30.0), ("call", 30.0), ("direct", 30.0)]),
        (json!({"exclude_channels": ["Call"]}), vec![("email", 45.0), ("direct", 45.0)]),
        (json!({"channel_window_hours": {"email": 24}}), vec![("call", 45.0), ("direct", 45.0)]),
        (
            json!({"time_window_hours": 3, "channel_window_hours": {"email": 72}}),
            vec![("email", 45.0), ("direct", 45.0)],
        ),
        (json!({"include_campaigns": ["by-email"]}), vec![("email", 90.0)]),
        (json!({"exclude_campaigns": ["by-email"]}), vec![("call", 45.0), ("direct", 45.0)]),
        (json!({"include_vendors": ["of-call", "of-direct"]}), vec![("call", 45.0), ("direct", 45.0)]),
        (json!({"exclude_vendors": ["of-call", "of-direct"]}), vec![("email", 90.0)]),
        (json!({"max_touches": 2}), vec![("call", 45.0), ("direct", 45.0)]),
        (json!({"max_touches": 2, "exclude_channels": ["direct"]}), vec![("email", 45.0), ("call", 45.0)]),
        (json!({"direct_touches": "count_alone", "max_touches": 1}), vec![("call", 90.0)]),
        (json!({"direct_touches": "count_alone"}), vec![("email", 45.0), ("call", 45.0)]),
        (json!({"direct_touches": "count_alone", "include_channels": ["direct"]}), vec![("direct", 90.0)]),
    ] {
        let run = shop.run("LINEAR", config.clone()).await;
        assert_eq!(run["answers_reports"], config == json!({}), "{config}");
        let results =
            shop.list(&format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap())).await;
        let credits: Vec<_> = results
            .iter()
            .map(|one| (one["channel"].as_str().unwrap(), one["attributed_amount"].as_f64().unwrap()))
            .collect();
        assert_eq!(credits, expected, "{config}");
    }
}
