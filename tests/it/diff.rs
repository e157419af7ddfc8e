//! Why credits moved from one run to another.

use std::collections::BTreeMap;

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

fn email(name: &str) -> Value {
    json!({"type": "email", "value": format!("{name}@example.com")})
}

async fn touch(shop: &Client, id: &str, who: &[Value], hour: u32) {
    let touch = json!({
        "external_interaction_id": id, "channel": "call", "agent_id": id,
        "started_at": format!("2026-03-02T{hour:02}:00:00Z"), "customer_identifiers": who,
    });
    assert_eq!(shop.post("/v1/interactions", touch).await.status, 201);
}

async fn order(shop: &Client, name: &str) {
    let order = json!({
        "external_event_id": name, "event_type": "purchase", "event_source": "shop", "amount_decimal": 100,
        "currency": "USD", "occurred_at": "2026-03-02T12:00:00Z", "customer_identifiers": [email(name)],
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
}

async fn run(shop: &Client, model: &str, config: Value) -> String {
    shop.run(model, config).await["run_id"].as_str().unwrap().to_owned()
}

/// The differences by the conversion's external id.
async fn differences(shop: &Client, before: &str, after: &str) -> BTreeMap<String, Value> {
    let path = format!("/v1/attribution/diff?run_ids={before},{after}");
    let whole = shop.get(&path).await.data();
    let by_ones = shop.list(&format!("{path}&limit=1")).await;
    assert_eq!(whole, json!(by_ones));
    let mut found = BTreeMap::new();
    for difference in by_ones {
        let id = difference["conversion_event_id"].as_str().unwrap();
        let name = shop.get(&format!("/v1/conversions/{id}")).await.data()["external_event_id"].clone();
        assert!(found.insert(name.as_str().unwrap().to_owned(), difference).is_none());
    }
    found
}

#[tokio::test]
async fn whatever_became_known_between_two_runs_is_told_of_each_conversion_that_it_moved() {
    let shop = new_tenant().await;
    for name in ["same", "late", "corrected", "merged", "anonymous"] {
        touch(&shop, &format!("call-{name}"), &[email(name)], 8).await;
        order(&shop, name).await;
    }
    touch(&shop, "call-other", &[email("other")], 9).await;
    let nobody = json!({
        "external_event_id": "nobody", "event_type": "purchase", "event_source": "shop", "amount_decimal": 100,
        "currency": "USD", "occurred_at": "2026-03-02T12:00:00Z", "customer_identifiers": [email("nobody")],
    });
    assert_eq!(shop.post("/v1/conversions", nobody).await.status, 201);
    let before = run(&shop, "LINEAR", json!({})).await;
    touch(&shop, "call-too-late", &[email("late")], 10).await;
    order(&shop, "new").await;
    let corrected = json!({
        "external_event_id": "refund", "event_type": "refund", "event_source": "shop", "amount_decimal": -40,
        "currency": "USD", "occurred_at": "2026-03-02T13:00:00Z", "refund_of": "corrected",
    });
    assert_eq!(shop.post("/v1/conversions", corrected).await.status, 201);
    let customer = shop.list("/v1/customers?identifier=email:merged@example.com").await.remove(0);
    let merge = format!("/v1/customers/{}/merge", customer["customer_id"].as_str().unwrap());
    let merged = shop.post(&merge, json!({"with": email("other"), "reason": "the same person"})).await;
    assert_eq!(merged.status, 200, "{}", merged.text);
    // The same touch a little later, which changes nobody's credit.
    let moved = json!({"started_at": "2026-03-02T08:10:00Z"});
    let headers = [("content-type", "application/json")];
    let path = "/v1/interactions/ext:call-same";
    let corrected = shop.send("PATCH", path, &headers, moved.to_string().into_bytes()).await;
    assert_eq!(corrected.status, 200, "{}", corrected.text);
    let after = run(&shop, "LINEAR", json!({})).await;

    let found = differences(&shop, &before, &after).await;
    let told: Vec<(&str, &Value)> =
        found.iter().map(|(name, one)| (name.as_str(), &one["reasons"])).collect();
    // Whether a merged customer keeps its id depends on its identifiers.
    let of_merged = found["merged"]["reasons"].as_array().unwrap();
    assert!(of_merged.contains(&json!("touch_added")) && !of_merged.contains(&json!("weights_changed")));
    let expected = [
        ("late", json!(["touch_added"])),
        ("merged", json!(of_merged)),
        ("new", json!(["only_after"])),
        ("refund", json!(["only_after"])),
    ];
    assert_eq!(told, expected.iter().map(|(name, reasons)| (*name, reasons)).collect::<Vec<_>>());
    let moved = &found["late"]["touches"];
    assert_eq!(
        (&moved[0]["agent_id"], &moved[0]["before"], &moved[0]["after"]),
        (&json!("call-late"), &json!(100.0), &json!(50.0))
    );
    assert_eq!((&moved[1]["agent_id"], &moved[1]["difference"]), (&json!("call-too-late"), &json!(50.0)));
    assert_eq!(found["new"]["amount_before"], Value::Null);
    let back = differences(&shop, &after, &before).await;
    assert_eq!(back["new"]["reasons"], json!(["only_before"]));
    assert_eq!(back["late"]["reasons"], json!(["touch_removed"]));
    assert!(differences(&shop, &after, &after).await.is_empty());
}

#[tokio::test]
async fn what_the_configuration_says_otherwise_is_named() {
    let shop = new_tenant().await;
    for hour in [8, 11] {
        touch(&shop, &format!("call-{hour}"), &[email("ann")], hour).await;
    }
    order(&shop, "ann").await;
    let linear = run(&shop, "LINEAR", json!({})).await;
    let first = run(&shop, "TIME_DECAY", json!({"half_life_hours": 1})).await;
    let short = run(&shop, "LINEAR", json!({"time_window_hours": 2})).await;
    assert_eq!(differences(&shop, &linear, &first).await["ann"]["reasons"], json!(["weights_changed"]));
    assert_eq!(differences(&shop, &linear, &short).await["ann"]["reasons"], json!(["touch_removed"]));
    let changed = async |ids: &str| {
        let path = format!("/v1/attribution/diff?run_ids={ids}");
        shop.get(&path).await.body["meta"]["changed_configuration"].clone()
    };
    assert_eq!(changed(&format!("{linear},{first}")).await, json!(["half_life_hours", "model_code"]));
    assert_eq!(changed(&format!("{linear},{short}")).await, json!(["time_window_hours"]));
    let refusal = async |query: &str| shop.get(&format!("/v1/attribution/diff{query}")).await.refusal();
    for query in ["", "?run_ids=run_0", "?run_ids=run_0,run_1,run_2"] {
        assert_eq!(refusal(query).await, "400 VALIDATION_ERROR run_ids");
    }
    assert_eq!(refusal(&format!("?run_ids={linear},run_1")).await, "404 NOT_FOUND");
}

#[tokio::test]
async fn a_refund_that_takes_back_otherwise_is_told() {
    let shop = new_tenant().await;
    touch(&shop, "call-ann", &[email("ann")], 8).await;
    order(&shop, "ann").await;
    let refund = async |name: &str, amount: i64, day: u32| {
        let refund = json!({
            "external_event_id": name, "event_type": "refund", "event_source": "shop", "amount_decimal": amount,
            "currency": "USD", "occurred_at": format!("2026-03-{day:02}T13:00:00Z"), "refund_of": "ann",
        });
        assert_eq!(shop.post("/v1/conversions", refund).await.status, 201);
    };
    refund("later", -40, 5).await;
    let before = run(&shop, "LINEAR", json!({})).await;
    refund("earlier", -80, 3).await;
    let after = run(&shop, "LINEAR", json!({})).await;
    let found = differences(&shop, &before, &after).await;
    assert_eq!(found["later"]["reasons"], json!(["paid_back_otherwise"]));
    assert_eq!(found["later"]["touches"][0]["difference"], json!(20.0));
    assert_eq!((found.len(), &found["earlier"]["reasons"]), (2, &json!(["only_after"])));
}
