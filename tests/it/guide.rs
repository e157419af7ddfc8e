//! The telephony guide's own example: its payloads byte for byte, times apart, through the whole path.

use crae::tenants;
use e2e::{Answer, Client, event, new_tenant, rollups_done, stack};
use serde_json::{Value, json};

/// The guide's order, moved to 24 hours after the guide's call began.
const ORDER: &str = r#"{
  "external_event_id": "order-12345",
  "event_type": "purchase",
  "customer_identifiers": [
    {"type": "phone", "value": "+1234567890"}
  ],
  "amount_decimal": 2500.00,
  "currency": "USD",
  "occurred_at": "2024-01-16T10:30:00Z",
  "event_source": "billing"
}"#;

const RUN: &str = r#"{
  "model_code": "TIME_DECAY",
  "name": "January 2024",
  "config": {
    "time_window_hours": 72,
    "include_channels": ["call"],
    "event_types": ["purchase"]
  }
}"#;

const EVENTS: [&str; 4] = ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"];

/// The tenant whom the guide's payloads call 3.
async fn demo() -> Client {
    let stack = stack().await;
    let seeded = tenants::seed(stack).await.unwrap();
    Client::new(stack.url(), seeded.into_iter().next().unwrap())
}

#[tokio::test]
async fn the_guides_scenario_earns_its_agent_the_whole_order() {
    let demo = demo().await;
    for name in EVENTS {
        let body = event(&format!("convin/{name}.json"));
        let signature = demo.signature("convin", body.as_bytes());
        let headers = [("x-webhook-signature", signature.as_str()), ("x-api-key", "")];
        let answer = demo.send("POST", "/v1/webhooks/convin", &headers, body.into_bytes()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    let whole = |answer: &Answer| answer.body["data"]["sections"].as_object().is_some_and(|s| s.len() == 4);
    let call = demo.get_until("/v1/interactions/ext:convin:call-12345", whole).await.data();
    assert_eq!(demo.list("/v1/interactions").await.len(), 1);
    for (field, expected) in [
        ("channel", json!("call")),
        ("status", json!("completed")),
        ("direction", json!("inbound")),
        ("language", json!("en")),
        ("started_at", json!("2024-01-15T10:30:00Z")),
        ("ended_at", json!("2024-01-15T10:45:00Z")),
        ("duration_seconds", json!(900)),
        ("agent_id", json!("agent-001")),
        ("team_id", json!("team-sales")),
        ("vendor_code", json!("convin")),
        ("primary_intent", json!("purchase_inquiry")),
        ("secondary_intents", json!(["product_info", "pricing"])),
        ("purchase_probability", json!(0.75)),
        ("outcome", json!("purchase")),
        ("transcript_url", json!("https://storage.example.com/transcripts/call-12345.json")),
    ] {
        assert_eq!(call[field], expected, "{field}");
    }

    let order = demo.post_text("/v1/conversions", ORDER).await;
    assert_eq!(order.status, 201, "{}", order.text);
    assert!(order.text.contains(r#""amount_decimal":2500.00,"#), "{}", order.text);
    let order = order.data();
    assert_eq!(order["customer_id"], call["customer_id"]);
    let phone = demo.list("/v1/customers?identifier=phone:%2B1234567890").await;
    let email = demo.list("/v1/customers?identifier=email:customer@example.com").await;
    assert_eq!((phone.len(), &phone), (1, &email));

    let run = demo.post_text("/v1/attribution/runs", RUN).await.data();
    let run = demo.execute(run["run_id"].as_str().unwrap()).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["conversions_processed"], 1);
    rollups_done().await;
    let report = demo.get("/v1/analytics/agents/revenue?start_date=2024-01-01&end_date=2024-01-31").await;
    assert!(
        report
            .text
            .contains(r#""agent_id":"agent-001","team_id":"team-sales","attributed_revenue":2500.00,"#)
    );
    let report = report.data();
    assert_eq!(report["rows"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["rows"][0]["conversions"], &report["rows"][0]["conversion_rate"]),
        (&json!(1), &json!(1.0))
    );
    journey_shows_the_credit(&demo, &call, &order).await;
}

async fn journey_shows_the_credit(demo: &Client, call: &Value, order: &Value) {
    let path = format!("/v1/customers/{}/journey", call["customer_id"].as_str().unwrap());
    let journey = demo.get(&path).await;
    assert!(journey.text.contains(r#""attributed_amount":2500.00"#), "{}", journey.text);
    let journey = journey.data();
    let events = journey["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["interaction", "conversion"]);
    let credit = &events[1]["credits"][0];
    assert_eq!(credit["interaction_id"], call["interaction_id"]);
    assert_eq!(credit["conversion_event_id"], order["conversion_event_id"]);
    assert_eq!((&credit["is_primary_touch"], &credit["attribution_weight"]), (&json!(true), &json!(1)));
}

/// The guide's other bodies, comments stripped.
const OTHERS: [(&str, &str); 5] = [
    (
        "/v1/interactions",
        r#"{
  "external_interaction_id": "call-12345",
  "channel": "call",
  "started_at": "2024-01-15T10:30:00Z",
  "customer_identifiers": [
    {
      "type": "phone",
      "value": "+1234567890"
    }
  ]
}"#,
    ),
    (
        "/v1/interactions",
        r#"{
  "external_interaction_id": "call-12345",
  "channel": "call",
  "vendor_code": "convin",
  "started_at": "2024-01-15T10:30:00Z",
  "ended_at": "2024-01-15T10:45:00Z",
  "direction": "inbound",
  "language": "en",
  "customer_identifiers": [
    {
      "type": "phone",
      "value": "+1234567890"
    },
    {
      "type": "email",
      "value": "customer@example.com"
    }
  ],
  "participants": [
    {
      "participant_type": "agent",
      "external_agent_id": "agent-001",
      "role": "sales_rep"
    }
  ],
  "transcript_url": "https://...",
  "primary_intent": "purchase_inquiry",
  "secondary_intents": ["product_info", "pricing"],
  "outcome_prediction": "likely_purchase",
  "purchase_probability": 0.75,
  "raw_metadata": {
    "call_duration": 900,
    "ivr_path": "sales->pricing",
    "sentiment": "positive"
  }
}"#,
    ),
    (
        "/v1/conversions",
        r#"{
  "external_event_id": "order-789",
  "event_type": "purchase",
  "customer_identifiers": [
    {"type": "phone", "value": "+1234567890"}
  ],
  "amount_decimal": 5000.00,
  "currency": "USD",
  "occurred_at": "2024-01-20T14:00:00Z",
  "event_source": "billing"
}"#,
    ),
    (
        "/v1/conversions",
        r#"{
  "external_event_id": "order-12345",
  "event_type": "purchase",
  "customer_identifiers": [
    {"type": "phone", "value": "+1234567890"}
  ],
  "amount_decimal": 2500.00,
  "currency": "USD",
  "occurred_at": "2024-01-20T15:00:00Z",
  "event_source": "billing"
}"#,
    ),
    (
        "/v1/attribution/runs",
        r#"{
  "model_code": "TIME_DECAY",
  "name": "Q1 2024 Attribution",
  "config": {
    "time_window_hours": 72,
    "include_channels": ["call"],
    "event_types": ["purchase"],
    "min_purchase_amount": 100.00
  }
}"#,
    ),
];

#[tokio::test]
async fn the_guides_other_bodies_are_accepted_as_they_stand() {
    let shop = new_tenant().await;
    let mut statuses = Vec::new();
    for (path, body) in OTHERS {
        statuses.push(shop.post_text(path, body).await.status);
    }
    // The second interaction only adds to the first.
    assert_eq!(statuses, [201, 200, 201, 201, 201]);
    let call = shop.get("/v1/interactions/ext:api:call-12345").await.data();
    assert_eq!(call["agent_id"], "agent-001");
    assert_eq!((&call["duration_seconds"], &call["sentiment"]), (&json!(900), &json!("positive")));
    assert_eq!(call["raw_metadata"]["ivr_path"], "sales->pricing");
    let runs = shop.list("/v1/attribution/runs").await;
    assert_eq!(runs[0]["config"]["min_purchase_amount"], json!(100.0));
    // The guide's purchases lie days after its call, outside the window: unattributed, never dropped.
    let run = shop.execute(runs[0]["run_id"].as_str().unwrap()).await;
    assert_eq!(run["unattributed_total"], json!([{"currency": "USD", "amount": 7500.0}]));
    let path = format!("/v1/attribution/runs/{}/unattributed", run["run_id"].as_str().unwrap());
    assert_eq!(shop.list(&path).await.len(), 2);
}
