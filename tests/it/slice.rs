//! The thinnest way through everything.

use e2e::{Answer, new_tenant};
use serde_json::json;

#[tokio::test]
async fn a_purchase_credits_both_touches_that_led_to_it_to_the_cent() {
    let shop = new_tenant().await;
    let call = r#"{"event_type":"call.started","call_id":"call-1","timestamp":"2026-03-02T10:00:00Z",
        "data":{"phone_number":"+14155550123","agent_id":"agent-001","started_at":"2026-03-02T10:00:00Z"}}"#;
    assert_eq!(shop.deliver("convin", call).await.status, 202);
    let mail = json!({
        "external_interaction_id": "mail-1", "channel": "email", "started_at": "2026-03-03T10:00:00Z",
        "customer_identifiers": [{"type": "phone", "value": "(415) 555-0123"}, {"type": "email", "value": "Ann@Example.com"}],
        "participants": [{"participant_type": "agent", "external_agent_id": "agent-002", "role": "sales_rep"}],
    });
    assert_eq!(shop.post("/v1/interactions", mail).await.status, 201);
    let order = json!({
        "external_event_id": "order-1", "event_type": "purchase", "event_source": "billing",
        "customer_identifiers": [{"type": "email", "value": "ann@example.com"}],
        "amount_decimal": 100.01, "currency": "USD", "occurred_at": "2026-03-03T12:00:00Z",
    });
    assert_eq!(shop.post("/v1/conversions", order).await.status, 201);
    shop.get_until("/v1/interactions/ext:convin:call-1", |answer: &Answer| answer.status == 200).await;

    let run = shop.run("LINEAR", json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["attributed_total"], json!([{"currency": "USD", "amount": 100.01}]));
    let path = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-31";
    let report = shop.get(path).await.data();
    let revenue = |row: &serde_json::Value| (row["agent_id"].clone(), row["attributed_revenue"].to_string());
    let rows: Vec<_> = report["rows"].as_array().unwrap().iter().map(revenue).collect();
    assert_eq!(rows, [(json!("agent-001"), "50.01".to_owned()), (json!("agent-002"), "50.0".to_owned())]);
}
