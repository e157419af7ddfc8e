//! Logs tell what happened, and hold nothing that people entrusted to us. Every request of every test is held to that;
//! here whatever can be said is said where it does not belong.

use e2e::{Asks, Client, Operation, deliveries_done, logged, new_tenant};
use serde_json::{Value, json};

/// What every field of every body is tried with.
const SAID: [&str; 3] = ["canary", "canary@example.com", "+14155550123"];

/// A body in which every field that any operation knows is `said`.
fn body(said: &str) -> Value {
    let known_as = json!([{"type": "phone", "value": said}, {"type": said, "value": said}]);
    let mut body = json!({
        "customer_identifiers": known_as, "participants": [{"role": said, "id": said}], "config": {said: said},
        "identifier": {"type": "email", "value": said}, "metadata": {said: said}, "raw_metadata": said,
    });
    for field in [
        "external_interaction_id",
        "channel",
        "started_at",
        "ended_at",
        "agent_id",
        "vendor_code",
        "direction",
        "primary_intent",
        "transcript_url",
        "external_event_id",
        "event_type",
        "event_source",
        "amount_decimal",
        "currency",
        "occurred_at",
        "model_code",
        "name",
        "with",
        "reason",
        "state",
        "cursor",
        "call_id",
        said,
    ] {
        body[field] = json!(said);
    }
    body
}

async fn ask_everything(shop: &Client, said: &str) {
    let encoded = said.replace('+', "%2B");
    for operation in Operation::all() {
        let names = operation.parameters("query");
        let query: Vec<_> = names.iter().map(|name| format!("{name}={encoded}")).collect();
        let path = operation.path_with(|name| match name {
            "provider" => "convin".to_owned(),
            "tenant" => shop.tenant.tenant_id.clone(),
            _ => encoded.clone(),
        });
        let path = format!("{path}?{}", query.join("&"));
        let text = body(said).to_string();
        let signature = shop.signature("convin", text.as_bytes());
        let credential = match operation.asks() {
            Asks::Signature => ("x-webhook-signature", signature.as_str()),
            Asks::Key | Asks::Nothing => ("idempotency-key", said),
        };
        for body in [Vec::new(), text.into_bytes(), said.as_bytes().to_vec()] {
            let body = if operation.method == "GET" { Vec::new() } else { body };
            shop.send(operation.method, &path, &[credential], body.clone()).await;
            shop.send(operation.method, &path, &[("x-api-key", said), ("x-tenant-id", said)], body).await;
        }
    }
}

#[tokio::test]
async fn nothing_that_is_said_anywhere_reaches_the_log() {
    let shop = new_tenant().await;
    for said in SAID {
        ask_everything(&shop, said).await;
    }
    deliveries_done().await;
    // Whatever was written meanwhile is looked at with the next answer.
    shop.get("/v1/tenant").await.data();
}

#[tokio::test]
async fn the_log_tells_of_each_delivery_in_json() {
    let shop = new_tenant().await;
    let sent = shop.deliver("convin", r#"{"event_type":"call.parked","call_id":"canary"}"#).await;
    let delivery_id = sent.data()["delivery_id"].as_str().unwrap().to_owned();
    deliveries_done().await;
    let lines: Vec<Value> = logged().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_it = lines.iter().filter(|line| line["fields"]["delivery_id"] == delivery_id.as_str());
    let mut told: Vec<_> = of_it.map(|line| line["fields"]["message"].as_str().unwrap()).collect();
    // A delivery comes again after a failed call, which under load a slow one is too; each time is told.
    told.retain(|message| *message != "the delivery cannot be taken");
    told.dedup();
    assert_eq!(told, ["queued", "delivery kept"]);
}
