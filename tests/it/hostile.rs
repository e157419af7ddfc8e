//! Hostile input: a named error each, and nothing stored, not even half.

mod batches;
mod bodies;
mod conversions;
mod cursors;
mod duplicates;
mod interactions;
mod queries;
mod runs;
mod signatures;
mod webhooks;

use e2e::Client;
use serde_json::{Value, json};

const PHONE: &str = "+14155550123";

/// An interaction that is right, for tests to spoil.
fn call(id: &str) -> Value {
    json!({
        "external_interaction_id": id, "channel": "call", "started_at": "2026-03-02T10:00:00Z",
        "customer_identifiers": [{"type": "phone", "value": PHONE}, {"type": "email", "value": "ann@example.com"}],
    })
}

/// A conversion that is right, for tests to spoil.
fn order(id: &str) -> Value {
    json!({
        "external_event_id": id, "event_type": "purchase", "event_source": "billing",
        "customer_identifiers": [{"type": "phone", "value": PHONE}, {"type": "email", "value": "ann@example.com"}],
        "amount_decimal": 10.5, "currency": "USD", "occurred_at": "2026-03-03T12:00:00Z",
    })
}

/// A start of a call as a provider tells it.
fn started(id: &str) -> Value {
    json!({
        "event_type": "call.started", "call_id": id, "timestamp": "2026-03-02T10:00:00Z",
        "data": {"phone_number": PHONE, "email": "ann@example.com", "started_at": "2026-03-02T10:00:00Z"},
    })
}

/// The object with one field, given as a JSON pointer, set to another value; `null` removes it.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) if value.is_null() => drop(fields.remove(field)),
        Some(Value::Object(fields)) => drop(fields.insert(field.to_owned(), value)),
        _ => panic!("{pointer} is in no object"),
    }
    object
}

/// Lists this deep: `[[…]]`.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

fn identifiers(count: usize) -> Value {
    (0..count).map(|n| json!({"type": "lead_id", "value": format!("lead-{n}")})).collect()
}

/// A refused request has left no trace: no fact, and nobody who is known by what it said.
async fn nothing_is_stored(shop: &Client, external_id: &str) {
    for path in ["/v1/interactions/ext:", "/v1/interactions/ext:convin:", "/v1/conversions/ext:"] {
        let answer = shop.get(&format!("{path}{external_id}")).await;
        assert_eq!(answer.refusal(), "404 NOT_FOUND", "{path}{external_id}");
    }
    let lists = [
        "/v1/interactions".to_owned(),
        "/v1/conversions".to_owned(),
        format!("/v1/interactions?external_id={external_id}"),
        format!("/v1/conversions?external_id={external_id}"),
        format!("/v1/customers?identifier=phone:{PHONE}"),
        "/v1/customers?identifier=email:ann@example.com".to_owned(),
        "/v1/customers?identifier=lead_id:lead-1".to_owned(),
    ];
    for path in lists {
        assert_eq!(shop.list(&path).await, [] as [Value; 0], "{path}");
    }
}

/// Posts every spoilt object and expects each to be refused for exactly these fields, and nothing to be stored.
async fn refuses_each(path: &str, right: &Value, cases: &[(&str, Value, &str)]) {
    let shop = e2e::new_tenant().await;
    let mut wrong = Vec::new();
    for (pointer, value, fields) in cases {
        let answer = shop.post(path, with(right.clone(), pointer, value.clone())).await;
        let expected = format!("400 VALIDATION_ERROR {fields}");
        let named = answer.body["details"].as_array().is_some_and(|all| {
            all.iter().all(|problem| problem["problem"].as_str().is_some_and(|text| !text.is_empty()))
        });
        if answer.refusal() != expected || !named {
            wrong.push(format!("{pointer}={value}: expected {expected}, got {}", answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_is_stored(&shop, "hostile-1").await;
    let answer = shop.post(path, right.clone()).await;
    assert_eq!(answer.status, 201, "what the cases spoil is right: {}", answer.text);
}
