//! Every rule of the list is one that requests of the right form can break.

use std::collections::BTreeSet;

use domain::rule::Rule;
use e2e::{Client, Operation, new_tenant};
use serde_json::{Value, json};

fn call() -> Value {
    json!({
        "external_interaction_id": "call-1", "channel": "call", "started_at": "2026-03-02T10:00:00Z",
        "customer_identifiers": [{"type": "email", "value": "ann@example.com"}],
    })
}

fn order() -> Value {
    json!({
        "external_event_id": "order-1", "event_type": "purchase", "event_source": "shop", "amount_decimal": 10,
        "currency": "USD", "occurred_at": "2026-03-02T10:00:00Z",
        "customer_identifiers": [{"type": "email", "value": "ann@example.com"}],
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// A request that fits its schema, and the rule that it breaks.
type Case = (Rule, &'static str, &'static str, String);

fn bodies() -> Vec<Case> {
    const CALLS: &str = "/v1/interactions";
    const ORDERS: &str = "/v1/conversions";
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let run = |config: Value| json!({"model_code": "POSITION_BASED", "config": config}).to_string();
    let call = |field: &str, value: Value| with(call(), field, value).to_string();
    let order = |field: &str, value: Value| with(order(), field, value).to_string();
    vec![
        (Rule::NotInFuture, CALLS, "started_at", call("started_at", json!("2999-01-01T00:00:00Z"))),
        (Rule::NotBefore2000, ORDERS, "occurred_at", order("occurred_at", json!("1999-12-31T00:00:00Z"))),
        (Rule::EndsAfterStart, CALLS, "ended_at", call("ended_at", json!("2026-03-02T09:59:59Z"))),
        (
            Rule::IdentifierOfType,
            ORDERS,
            "customer_identifiers[0].value",
            order("customer_identifiers", json!([{"type": "phone", "value": "call me"}])),
        ),
        (Rule::WithinRange, CALLS, "duration_seconds", call("duration_seconds", json!("604801"))),
        (Rule::PlacesOfCurrency, ORDERS, "amount_decimal", order("amount_decimal", json!(1.005))),
        (Rule::AmountLimit, ORDERS, "amount_decimal", order("amount_decimal", json!("10000000000000.01"))),
        (Rule::NegativePaysBack, ORDERS, "amount_decimal", order("amount_decimal", json!(-10))),
        (
            Rule::PaysBackAnother,
            ORDERS,
            "refund_of",
            with(
                serde_json::from_str(&order("amount_decimal", json!(-10))).unwrap(),
                "refund_of",
                json!("order-1"),
            )
            .to_string(),
        ),
        (
            Rule::OneCommission,
            ORDERS,
            "commission_amount",
            with(
                serde_json::from_str(&order("commission_amount", json!(1))).unwrap(),
                "commission_rate",
                json!(0.1),
            )
            .to_string(),
        ),
        (
            Rule::CustomerUnlessRefund,
            ORDERS,
            "customer_identifiers",
            order("customer_identifiers", Value::Null),
        ),
        (
            Rule::IdLength,
            CALLS,
            "external_interaction_id",
            call("external_interaction_id", json!("LONG")).replace("\"LONG\"", &"1".repeat(129)),
        ),
        (Rule::SizeLimit, CALLS, "raw_metadata", call("raw_metadata", json!({"text": "x".repeat(8192)}))),
        (
            Rule::DepthLimit,
            ORDERS,
            "body",
            order("metadata", json!({"deep": 0})).replace("0}", &format!("{deep}}}")),
        ),
        (
            Rule::WeightsAddUp,
            "/v1/attribution/runs",
            "config.position_weights",
            run(json!({"position_weights": [40, 20, 41]})),
        ),
        (
            Rule::FractionsAddUp,
            "/api/v1/attribution/models/config",
            "config.positionWeights",
            json!({"model": "position_based", "config": {"positionWeights": [0.5, 0.4, 0.2]}}).to_string(),
        ),
        (
            Rule::ConversionOfLead,
            "/api/v1/attribution/calculate",
            "conversionId",
            json!({"leadId": "lead-1", "model": "linear", "conversionId": "ext:nobody"}).to_string(),
        ),
        (
            Rule::DaysInOrder,
            "/v1/attribution/runs",
            "config.end_date",
            run(json!({"start_date": "2026-03-02", "end_date": "2026-03-01"})),
        ),
    ]
}

/// What is decided by hand about a customer that exists.
fn decisions() -> [Case; 2] {
    let reason = "a test";
    let merge = json!({"with": "ext:nobody", "reason": reason}).to_string();
    let lead = json!({"type": "lead_id", "value": "nobody"});
    let split = json!({"identifier": lead, "reason": reason}).to_string();
    [
        (Rule::KnownCustomer, "/v1/customers/ext:c-1/merge", "with", merge),
        (Rule::OfCustomer, "/v1/customers/ext:c-1/split", "identifier", split),
    ]
}

/// What is put where something of a lead is known, and the rule that it breaks.
async fn changes(shop: &Client) -> Vec<(Rule, String, &'static str, Value)> {
    const API: &str = "/api/v1/attribution";
    for channel in ["email", "direct"] {
        let touchpoint = json!({"leadId": "lead-1", "channel": channel, "timestamp": "2026-03-02T10:00:00Z", "externalId": channel});
        assert_eq!(shop.post(&format!("{API}/touchpoints"), touchpoint).await.status, 201);
    }
    let sale = json!({"leadId": "lead-1", "type": "sale", "value": 10, "occurredAt": "2026-03-02T11:00:00Z", "externalId": "sale-1"});
    assert_eq!(shop.post(&format!("{API}/conversions"), sale).await.status, 201);
    let other = json!({"leadId": "lead-2", "type": "sale", "value": 10, "commissionRate": 0.1, "externalId": "sale-2"});
    assert_eq!(shop.post(&format!("{API}/conversions"), other).await.status, 201);
    let saved = json!({"leadId": "lead-1", "model": "linear"});
    let saved = shop.post(&format!("{API}/calculate-and-save"), saved).await.data();
    let id = &saved["attributions"][0]["id"];
    let dispute = json!({"attributionId": id, "disputeType": "amount", "reason": "a test"});
    let dispute = shop.post_once(&format!("{API}/disputes"), dispute).await.data();
    let path = format!("{API}/disputes/{}/resolve", dispute["id"].as_str().unwrap());
    let ids = [id, &saved["attributions"][1]["id"]];
    let moves = |revenue: &[i64], status: &str| {
        let moves: Vec<_> =
            ids.iter().zip(revenue).map(|(id, by)| json!({"attributionId": id, "revenue": by})).collect();
        json!({"status": status, "adjustments": moves})
    };
    vec![
        (Rule::ZeroSum, path.clone(), "adjustments", moves(&[1], "resolved")),
        (Rule::WithinRecord, path.clone(), "adjustments", moves(&[-100, 100], "resolved")),
        (Rule::ResolvedToChange, path, "status", moves(&[0], "rejected")),
        (
            Rule::CommissionWithValue,
            format!("{API}/conversions/ext:sale-2"),
            "commissionAmount",
            json!({"value": 20}),
        ),
    ]
}

const QUERIES: [(Rule, &str, &str); 5] = [
    (Rule::DaysInOrder, "/v1/analytics/agents/revenue?start_date=2026-03-02&end_date=2026-03-01", "end_date"),
    (Rule::OwnCursor, "/v1/interactions?cursor=AAAA", "cursor"),
    (Rule::CombinedFilters, "/v1/interactions?external_id=call-1&agent_id=agent-1", "agent_id"),
    (Rule::CombinedFilters, "/v1/interactions?source=api", "source"),
    (Rule::IdentifierOfType, "/v1/customers?identifier=phone:nobody", "identifier"),
];

#[tokio::test]
async fn what_fits_its_schema_and_is_refused_names_its_rule_and_every_rule_can_be_broken() {
    let shop = new_tenant().await;
    let known_as = json!([{"type": "customer_id", "value": "c-1"}]);
    let stored = shop.post("/v1/conversions", with(order(), "customer_identifiers", known_as)).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    let mut broken = BTreeSet::new();
    for (rule, path, field, body) in bodies().into_iter().chain(decisions()) {
        let answer = shop.post_text(path, &body).await;
        let details =
            json!([{"field": field, "problem": answer.body["details"][0]["problem"], "rule": rule.name()}]);
        assert_eq!((answer.status, &answer.body["details"]), (400, &details), "{rule:?}: {}", answer.text);
        broken.insert(rule);
    }
    for (rule, path, field, body) in changes(&shop).await {
        let headers = [("content-type", "application/json")];
        let answer = shop.send("PUT", &path, &headers, body.to_string().into_bytes()).await;
        let details =
            json!([{"field": field, "problem": answer.body["details"][0]["problem"], "rule": rule.name()}]);
        assert_eq!((answer.status, &answer.body["details"]), (400, &details), "{rule:?}: {}", answer.text);
        broken.insert(rule);
    }
    for (rule, path, field) in QUERIES {
        let answer = shop.get(path).await;
        let details =
            json!([{"field": field, "problem": answer.body["details"][0]["problem"], "rule": rule.name()}]);
        assert_eq!((answer.status, &answer.body["details"]), (400, &details), "{rule:?}: {}", answer.text);
        broken.insert(rule);
    }
    assert_eq!(broken, Rule::ALL.iter().copied().collect());
}

#[test]
fn no_rule_is_one_that_no_operation_has() {
    let listed: BTreeSet<_> = Operation::all().iter().flat_map(Operation::rules).collect();
    assert_eq!(listed, Rule::ALL.iter().map(|rule| rule.name()).collect());
}
