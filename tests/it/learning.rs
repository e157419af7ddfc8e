//! What runs of DATA_DRIVEN learn, and what it is used for.

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

const BOUGHT: &str = "2026-03-03T12:00:00Z";

/// Sends journeys of customers of their own: the channels that each passed, and whether it bought for 100.00 in the end.
async fn journeys(shop: &Client, journeys: &[(&[&str], bool)]) {
    let (mut touches, mut orders) = (Vec::new(), Vec::new());
    for (number, (channels, buys)) in journeys.iter().enumerate() {
        let who = json!([{"type": "email", "value": format!("c{number}@example.com")}]);
        for (hour, channel) in channels.iter().enumerate() {
            touches.push(json!({
                "external_interaction_id": format!("{number}-{hour}"), "channel": channel,
                "started_at": format!("2026-03-02T{:02}:00:00Z", 8 + hour), "customer_identifiers": who,
            }));
        }
        if *buys {
            orders.push(json!({
                "external_event_id": format!("order-{number}"), "event_type": "purchase", "event_source": "billing",
                "customer_identifiers": who, "amount_decimal": "100.00", "currency": "USD", "occurred_at": BOUGHT,
            }));
        }
    }
    for (path, items) in [("interactions", touches), ("conversions", orders)] {
        for some in items.chunks(100) {
            let taken = shop.post(&format!("/v1/{path}/batch"), json!({"items": some})).await;
            assert_eq!(taken.status, 200, "{}", taken.text);
        }
    }
}

/// What the credits of the first order are by channel, and what the run learned that channels are worth.
async fn learned(shop: &Client, config: Value) -> (Vec<(String, f64)>, Value) {
    let run = shop.run("DATA_DRIVEN", config).await;
    let path = format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap());
    let mut credits = shop.list(&path).await;
    let first = shop.list("/v1/conversions").await;
    let first = first.iter().find(|order| order["external_event_id"] == "order-0").unwrap();
    credits.retain(|credit| credit["conversion_event_id"] == first["conversion_event_id"]);
    let mut earned: Vec<_> = credits
        .iter()
        .map(|credit| {
            let text = |name: &str| credit[name].as_str().unwrap().to_owned();
            (text("channel"), credit["attributed_amount"].as_f64().unwrap())
        })
        .collect();
    earned.sort_by(|a, b| a.0.cmp(&b.0));
    (earned, run["learned"].clone())
}

#[tokio::test]
async fn channels_earn_what_the_journeys_of_buyers_and_of_others_say_they_are_worth() {
    let shop = new_tenant().await;
    let told: [(&[&str], bool); 4] =
        [(&["email", "call"], true), (&["call"], true), (&["email"], false), (&["email", "call"], false)];
    journeys(&shop, &told).await;
    let shares = |call: f64, email: f64| vec![("call".to_owned(), call), ("email".to_owned(), email)];
    // Half of the journeys convert. None would without calls; without e-mails, two thirds of the one in four that begins
    // with a call.
    let (earned, learned_by) = learned(&shop, json!({"min_conversions": 2})).await;
    assert_eq!(earned, shares(60.0, 40.0));
    let channel = |name: &str, share: f64, effect: Value| json!({"channel": name, "share": share, "removal_effect": effect});
    assert_eq!(
        learned_by,
        json!({
            "conversions": 2, "not_converted": 2, "nothing_learned": null,
            "channels": [channel("call", 0.6, json!(1)), channel("email", 0.4, json!(0.666_666_667))],
        })
    );
    // Two states back, a call after an e-mail is another than one that begins: half of all that convert began so.
    let (earned, _) = learned(&shop, json!({"min_conversions": 2, "markov_order": 2})).await;
    assert_eq!(earned, shares(66.67, 33.33));
    let (earned, learned_by) =
        learned(&shop, json!({"min_conversions": 2, "learning_method": "shapley"})).await;
    assert_eq!(earned, shares(75.0, 25.0));
    assert_eq!(learned_by["channels"][1], channel("email", 0.25, Value::Null));
    // Of so few, nothing is learned unless it is asked for.
    let (earned, learned_by) = learned(&shop, json!({})).await;
    assert_eq!(earned, shares(50.0, 50.0));
    assert_eq!(
        (&learned_by["nothing_learned"], &learned_by["channels"]),
        (&json!("too_few_conversions"), &json!([]))
    );
}

#[tokio::test]
async fn a_calculation_weighs_channels_as_the_latest_run_learned_them() {
    let shop = new_tenant().await;
    let calculated = async || {
        let asked =
            json!({"leadId": "c0", "model": "data_driven", "conversionValue": 100, "occurredAt": BOUGHT});
        shop.post("/api/v1/attribution/attribution/calculate", asked).await.data()
    };
    let lead = json!({"leadId": "c0", "timestamp": "2026-03-02T07:00:00Z", "externalId": "click"});
    for (channel, hour) in [("email", 7), ("phone_call", 9)] {
        let mut touch = lead.clone();
        touch["channel"] = json!(channel);
        touch["timestamp"] = json!(format!("2026-03-02T{hour:02}:00:00Z"));
        touch["externalId"] = json!(channel);
        let taken = shop.post("/api/v1/attribution/touchpoints", touch).await;
        assert_eq!(taken.status, 201, "{}", taken.text);
    }
    let before = calculated().await;
    assert_eq!((&before["fallback"], &before["attributions"][0]["credit"]), (&json!("linear"), &json!(0.5)));
    let one: [(&[&str], bool); 4] =
        [(&["email", "call"], true), (&["call"], true), (&["email"], false), (&["email", "call"], false)];
    journeys(&shop, &one.repeat(50)).await;
    let run = shop.run("DATA_DRIVEN", json!({})).await;
    assert_eq!(run["learned"]["conversions"], 100, "{run:#}");
    let after = calculated().await;
    assert_eq!(after["fallback"], Value::Null, "{after:#}");
    let credit = |place: usize| after["attributions"][place]["credit"].as_f64().unwrap();
    assert!(credit(1) > credit(0), "{after:#}");
}
