//! Deliveries commute: whatever order, repetition and concurrency, a reader sees the same.

use e2e::{Client, event, new_tenant, stack};
use serde_json::Value;

const EVENTS: [&str; 4] = ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"];

fn guide_events() -> Vec<String> {
    EVENTS.iter().map(|name| event(&format!("convin/{name}.json")).replace("\"tenant_id\": 3,", "")).collect()
}

/// Every order of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let with = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(move |at| with(order, at))).collect()
}

/// Eight senders deliver the same events at once, each in this order and each twice.
async fn deliver_in(order: &[usize], events: &[String], shop: &Client) {
    let senders = (0..8).map(|_| {
        let (shop, mine): (_, Vec<String>) =
            (shop.clone(), order.iter().map(|&i| events[i].clone()).collect());
        tokio::spawn(async move {
            for body in mine.iter().chain(&mine) {
                assert_eq!(shop.deliver("convin", body).await.status, 202);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
}

/// Waits until no delivery is queued or being worked on.
async fn drained() {
    let queues = stack().await.queues();
    loop {
        let counts = queues.counts("crae-deliveries").await.unwrap();
        if counts.visible + counts.in_flight + counts.delayed == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// What a reader sees of the call: itself, the lists, the journey; without what depends on arrival, and with the
/// tenant's own ids replaced.
async fn seen(shop: &Client) -> String {
    let call = shop.get("/v1/interactions/ext:convin:call-12345").await.data();
    let customer = call["customer_id"].as_str().unwrap().to_owned();
    let lists = [
        shop.list("/v1/interactions").await,
        shop.list(&format!("/v1/interactions?customer_id={customer}")).await,
        shop.list("/v1/customers?identifier=email:customer@example.com").await,
    ];
    let journey = shop.get(&format!("/v1/customers/{customer}/journey")).await.data();
    let mut all = serde_json::json!({"call": call, "lists": lists, "journey": journey});
    strip(&mut all);
    let mut text = serde_json::to_string_pretty(&all).unwrap();
    let ids = ["interaction_id", "vendor_id"].map(|field| call[field].as_str().unwrap_or("none").to_owned());
    for (id, name) in ids.iter().zip(["INTERACTION", "VENDOR"]) {
        text = text.replace(id, name);
    }
    // Which member is the smallest depends on the tenant's key alone; that there are the same two does not.
    for member in journey["customer"]["members"].as_array().unwrap() {
        let name = member["identifier_type"].as_str().unwrap().to_uppercase();
        text = text.replace(member["member_id"].as_str().unwrap(), &name);
    }
    text
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in ["received_at", "updated_at", "sections"] {
                fields.remove(field);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn all_orders_agree(events: &[String]) {
    let mut shops = Vec::new();
    for order in orders(events.len()) {
        let shop = new_tenant().await;
        deliver_in(&order, events, &shop).await;
        shops.push((order, shop));
    }
    drained().await;
    let (_, first) = &shops[0];
    let expected = seen(first).await;
    for (order, shop) in &shops {
        assert_eq!(seen(shop).await, expected, "{order:?}");
    }
}

#[tokio::test]
async fn all_orders_of_the_four_events_show_the_same_call() {
    let events = guide_events();
    assert_eq!(orders(events.len()).len(), 24);
    all_orders_agree(&events).await;
}

#[tokio::test]
async fn corrections_and_partial_intents_show_the_same_call_in_any_order() {
    let tell = |kind: &str, at: &str, data: &str| {
        format!(
            r#"{{"event_type":"{kind}","call_id":"call-12345","timestamp":"2024-01-15T{at}Z","data":{data}}}"#
        )
    };
    all_orders_agree(&[
        tell(
            "call.started",
            "10:30:00",
            r#"{"phone_number":"+1234567890","agent_id":"agent-001","language":"en"}"#,
        ),
        tell(
            "call.started",
            "10:31:00",
            r#"{"agent_id":"agent-002","email":"customer@example.com","language":null}"#,
        ),
        tell(
            "call.intent.detected",
            "10:32:00",
            r#"{"primary_intent":"support","purchase_probability":0.4}"#,
        ),
        tell("call.intent.detected", "10:33:00", r#"{"primary_intent":"purchase_inquiry"}"#),
    ])
    .await;
}
