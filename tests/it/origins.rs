//! Where a customer came from: told, corrected, and shown with what it earned.

use e2e::{deliveries_done, new_tenant};
use serde_json::json;

#[tokio::test]
async fn who_sent_a_customer_and_by_what_campaign_is_kept_corrected_and_stands_beside_the_credit() {
    let shop = new_tenant().await;
    let origin = json!({
        "partner_id": "partner-abc", "broker_id": "broker-7", "referral_code": "PARTNER001", "session_id": "sess-456",
        "utm_source": "google", "utm_medium": "cpc", "utm_campaign": "home-insurance-q4", "utm_content": "headline-b",
        "utm_term": "home insurance quotes",
    });
    let who = json!([{"type": "lead_id", "value": "lead-123"}]);
    let mut visit = json!({
        "external_interaction_id": "visit-1", "channel": "paid_search", "started_at": "2026-03-02T09:00:00Z",
        "customer_identifiers": who,
    });
    visit.as_object_mut().unwrap().extend(origin.as_object().unwrap().clone());
    let stored = shop.post("/v1/interactions", visit).await.data();
    for (field, value) in origin.as_object().unwrap() {
        assert_eq!(&stored[field], value, "{field}");
    }
    let corrected = json!({"partner_id": "partner-xyz", "utm_term": null});
    let body = corrected.to_string().into_bytes();
    let corrected = shop.send("PATCH", "/v1/interactions/ext:visit-1", &[], body).await.data();
    assert_eq!((&corrected["partner_id"], &corrected["utm_term"]), (&json!("partner-xyz"), &json!(null)));

    let order = json!({
        "external_event_id": "policy-1", "event_type": "policy_bound", "event_source": "crm", "amount_decimal": 1500,
        "currency": "USD", "occurred_at": "2026-03-02T20:00:00Z", "customer_identifiers": who,
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
    let run = shop.run("LINEAR", json!({})).await;
    let results = format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap());
    let credits = shop.list(&results).await;
    let told = |field: &str| credits[0][field].as_str().unwrap().to_owned();
    let expected = ["partner-xyz", "broker-7", "home-insurance-q4"].map(str::to_owned);
    assert_eq!([told("partner_id"), told("broker_id"), told("utm_campaign")], expected);
}

#[tokio::test]
async fn a_search_of_any_length_keeps_no_call_out() {
    let shop = new_tenant().await;
    let call = json!({
        "event_type": "call.started", "call_id": "call-1", "timestamp": "2026-03-02T09:00:00Z",
        "data": {"phone_number": "+14155550123", "partner_id": 77, "utm_term": format!(" {} ", "quotes ".repeat(100))},
    });
    assert_eq!(shop.deliver("telephony", &call.to_string()).await.status, 202);
    deliveries_done().await;
    let call =
        shop.get_until("/v1/interactions/ext:telephony:call-1", |answer| answer.status == 200).await.data();
    assert_eq!(call["partner_id"], "77");
    assert_eq!(call["utm_term"].as_str().unwrap(), "quotes ".repeat(100)[..128].trim());
}
