//! What is owed: from a lead's touchpoints to a partner that is paid.

mod approval;
mod isolation;
mod refunds;
mod workflow;

use e2e::Client;
use serde_json::{Value, json};

pub(crate) const API: &str = "/api/v1/attribution";

/// Three touchpoints of a lead on three days, and the policy that it bound afterwards.
pub(crate) async fn lead_of_the_document(shop: &Client) -> (Vec<String>, String) {
    let touchpoints = [
        json!({
            "leadId": "lead-123", "sessionId": "sess-456", "channel": "paid_search", "source": "google",
            "medium": "cpc", "campaign": "home-insurance-q4", "term": "home insurance quotes",
            "referralCode": "PARTNER001", "partnerId": "partner-abc", "timestamp": "2026-01-05T09:00:00Z",
            "externalId": "click-1",
        }),
        json!({
            "leadId": "lead-123", "channel": "email", "brokerId": "broker-7", "timestamp": "2026-01-10T09:00:00Z",
            "externalId": "mail-1",
        }),
        json!({
            "leadId": "lead-123", "channel": "direct", "timestamp": "2026-01-15T09:00:00Z", "externalId": "visit-1",
        }),
    ];
    let mut ids = Vec::new();
    for touchpoint in touchpoints {
        let stored = shop.post(&format!("{API}/touchpoints"), touchpoint).await;
        assert_eq!(stored.status, 201, "{}", stored.text);
        ids.push(text(&stored.data()["id"]));
    }
    let conversion = json!({
        "leadId": "lead-123", "type": "policy_bound", "value": 1500.00, "currency": "USD", "policyId": "policy-789",
        "policyNumber": "POL-2024-001", "commissionRate": 0.10, "occurredAt": "2026-01-15T10:30:00Z",
        "externalId": "sale-1",
    });
    let stored = shop.post(&format!("{API}/conversions"), conversion).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    (ids, text(&stored.data()["id"]))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Settles the lead's conversion, and answers its attributions in order of time.
pub(crate) async fn settled(shop: &Client, conversion: &str) -> Vec<Value> {
    let saved = json!({"leadId": "lead-123", "model": "position_based", "conversionId": conversion});
    let saved = shop.post(&format!("{API}/attribution/calculate-and-save"), saved).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    let saved = saved.data();
    assert_eq!(saved["saved"], true);
    saved["attributions"].as_array().unwrap().clone()
}

pub(crate) async fn attribution(shop: &Client, id: &str) -> Value {
    shop.get(&format!("{API}/attributions/{id}")).await.data()
}

/// The attributions of all conversions, by what they are worth: revenue and commission.
pub(crate) async fn amounts(shop: &Client) -> Vec<(Value, Value)> {
    let list = shop.list(&format!("{API}/attributions")).await;
    list.iter().map(|one| (one["revenueAttributed"].clone(), one["commissionAmount"].clone())).collect()
}

pub(crate) async fn put(shop: &Client, path: &str, body: &Value) -> e2e::Answer {
    let headers = [("content-type", "application/json")];
    shop.send("PUT", &format!("{API}/{path}"), &headers, body.to_string().into_bytes()).await
}
