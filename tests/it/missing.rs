//! Why a call, or its money, does not appear: whoever asks the API finds out, whatever the reason.

use e2e::{Client, Weather, deliveries_done, new_tenant};
use serde_json::{Value, json};

const REPORT: &str = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-31";

async fn deliver(shop: &Client, body: &str) {
    assert_eq!(shop.deliver("convin", body).await.status, 202);
    deliveries_done().await;
}

fn started(data: &Value) -> String {
    json!({"event_type": "call.started", "call_id": "call-1", "timestamp": "2026-03-02T10:00:00Z", "data": data})
        .to_string()
}

async fn order(shop: &Client, at: &str, currency: &str) {
    let order = json!({
        "external_event_id": "order-1", "event_type": "purchase", "event_source": "billing", "amount_decimal": 10,
        "currency": currency, "occurred_at": at,
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
}

#[tokio::test]
async fn a_wrong_secret_shows_in_the_tenants_settings() {
    let (shop, other) = (new_tenant().await, new_tenant().await);
    let body = started(&json!({"phone_number": "+14155550123"}));
    let signature = other.signature("convin", body.as_bytes());
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    let headers = [("x-webhook-signature", signature.as_str())];
    let mut refusal = Value::Null;
    // Where calls fail, a note can be lost; a provider sends more than once.
    for _ in 0..if Weather::now().failures { 5 } else { 1 } {
        assert_eq!(shop.send("POST", &path, &headers, body.clone().into()).await.status, 401);
        refusal = shop.get("/v1/tenant").await.data()["webhooks"]["convin"]["refusals"][0].clone();
        if !refusal.is_null() {
            break;
        }
    }
    assert_eq!(refusal["reason"], "the signature is not one of this body with an active secret");
}

#[tokio::test]
async fn an_unreadable_body_and_an_unknown_type_show_among_the_deliveries() {
    let shop = new_tenant().await;
    deliver(&shop, &started(&json!({"phone_number": "+14155550123", "duration_seconds": "long"}))).await;
    deliver(&shop, r#"{"event_type":"call.parked","call_id":"call-1"}"#).await;
    deliver(&shop, r#"{"event_type":"call.parked","call_id":"call-2"}"#).await;
    // Both are found by the call, though nothing else can be read of them.
    let kept = shop.list("/v1/webhooks/deliveries?interaction_id=ext:convin:call-1").await;
    assert_eq!(
        shop.list("/v1/webhooks/deliveries?interaction_id=ext:call-1&state=unhandled").await,
        [kept[0].clone()]
    );
    let other = shop.get("/v1/webhooks/deliveries?interaction_id=call-1").await;
    assert_eq!(other.refusal(), "400 VALIDATION_ERROR interaction_id");
    let told: Vec<_> =
        kept.iter().map(|kept| (kept["state"].as_str().unwrap(), kept["reason"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            (
                "unhandled",
                "the event type call.parked is not handled; those that are: call.started, call.ended, \
         call.transcript.updated, call.intent.detected"
            ),
            ("quarantined", "data.duration_seconds must be a whole number from 0 to 604800"),
        ]
    );
}

#[tokio::test]
async fn a_call_without_an_identifier_belongs_to_nobody() {
    let shop = new_tenant().await;
    deliver(&shop, &started(&json!({"agent_id": "ann"}))).await;
    let call = shop.get("/v1/interactions/ext:convin:call-1").await.data();
    assert_eq!((&call["customer_id"], &call["agent_id"]), (&Value::Null, &json!("ann")));
    // Who it was can be told to the API.
    let caller = json!({
        "external_interaction_id": "call-1", "source": "convin", "channel": "call", "started_at": call["started_at"],
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
    });
    assert_eq!(shop.post("/v1/interactions", caller).await.data()["interaction_id"], call["interaction_id"]);
    order(&shop, "2026-03-02T11:00:00Z", "USD").await;
    let run = shop.run("TIME_DECAY", json!({})).await;
    assert_eq!(run["attributed_total"][0]["amount"], 10.0);
}

#[tokio::test]
async fn a_purchase_outside_the_window_is_unattributed_and_the_journey_shows_by_how_much() {
    let shop = new_tenant().await;
    deliver(&shop, &started(&json!({"phone_number": "+14155550123", "agent_id": "ann"}))).await;
    order(&shop, "2026-03-06T10:00:00Z", "USD").await;
    let run = shop.run("TIME_DECAY", json!({})).await;
    assert_eq!(run["config"]["time_window_hours"], 72);
    let path = format!("/v1/attribution/runs/{}/unattributed", run["run_id"].as_str().unwrap());
    let unattributed = shop.list(&path).await;
    assert_eq!(unattributed[0]["external_event_id"], "order-1");
    let call = shop.get("/v1/interactions/ext:convin:call-1").await.data();
    let why = ["reason", "last_interaction_id", "last_interaction_seconds_before"]
        .map(|field| &unattributed[0][field]);
    assert_eq!(why, [&json!("outside_window"), &call["interaction_id"], &json!(4 * 86_400)]);
    let customer = unattributed[0]["customer_id"].as_str().unwrap().to_owned();
    let journey = shop.get(&format!("/v1/customers/{customer}/journey")).await.data();
    let times: Vec<_> = ["started_at", "occurred_at"]
        .iter()
        .zip(journey["events"].as_array().unwrap())
        .map(|(field, event)| &event[field])
        .collect();
    assert_eq!(times, [&json!("2026-03-02T10:00:00Z"), &json!("2026-03-06T10:00:00Z")]);
    let totals = shop.get(REPORT).await.data()["totals"].clone();
    assert_eq!((&totals["attributed_revenue"], &totals["unattributed_revenue"]), (&json!(0.0), &json!(10.0)));
}

#[tokio::test]
async fn a_run_tells_of_each_conversion_why_nothing_is_credited_for_it() {
    let shop = new_tenant().await;
    order(&shop, "2026-03-02T11:00:00Z", "USD").await;
    let run = shop.run("TIME_DECAY", json!({})).await;
    let path = format!("/v1/attribution/runs/{}/unattributed", run["run_id"].as_str().unwrap());
    assert_eq!(shop.list(&path).await[0]["reason"], "no_interaction");
    deliver(&shop, &started(&json!({"phone_number": "+14155550123", "agent_id": "ann"}))).await;
    assert_eq!(shop.list(&path).await[0]["reason"], "new_since_run");
    let run = shop.run("TIME_DECAY", json!({"include_channels": ["email"]})).await;
    let path = format!("/v1/attribution/runs/{}/unattributed", run["run_id"].as_str().unwrap());
    assert_eq!(shop.list(&path).await[0]["reason"], "channel_left_out");
    // It has a configuration of its own, so reports take the other one.
    assert_eq!(run["answers_reports"], false);
    assert_eq!(shop.run("TIME_DECAY", json!({})).await["answers_reports"], true);
    let totals = shop.get(REPORT).await.data()["totals"].clone();
    assert_eq!(totals["attributed_revenue"], 10.0);
}

#[tokio::test]
async fn money_in_another_currency_is_named_beside_the_report() {
    let shop = new_tenant().await;
    deliver(&shop, &started(&json!({"phone_number": "+14155550123", "agent_id": "ann"}))).await;
    order(&shop, "2026-03-02T11:00:00Z", "EUR").await;
    shop.run("TIME_DECAY", json!({})).await;
    let report = shop.get(REPORT).await;
    assert_eq!(report.body["data"]["totals"]["attributed_revenue"], 0.0);
    assert_eq!(report.body["meta"]["other_currencies"], json!(["EUR"]));
    let euros = shop.get(&format!("{REPORT}&currency=EUR")).await.data();
    assert_eq!(euros["totals"]["attributed_revenue"], 10.0);
}
