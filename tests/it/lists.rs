//! Lists: every entry exactly once and in order, however small the pages.

mod filters;
mod names;
mod pages;

use std::collections::BTreeSet;

use e2e::Client;
use serde_json::{Value, json};

/// Moments where lists are put together: one millisecond, the ends of an hour, a month, a leap day, a year, and the
/// first day that is history at all.
const MOMENTS: [&str; 14] = [
    "2000-01-01T00:00:00Z",
    "2023-12-31T23:59:59.999Z",
    "2024-01-01T00:00:00Z",
    "2024-02-29T23:59:59.999Z",
    "2024-03-01T00:00:00Z",
    "2025-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.001Z",
    "2026-01-31T23:30:00Z",
    "2026-02-01T00:00:00Z",
    "2026-03-02T10:59:59.999Z",
    "2026-03-02T11:00:00Z",
    "2026-03-02T11:00:00Z",
    "2026-03-02T11:00:00Z",
];

/// An interaction of a person at a moment.
fn call(id: &str, email: &str, at: &str) -> Value {
    json!({
        "external_interaction_id": id, "channel": "call", "started_at": at, "agent_id": format!("agent-of-{email}"),
        "customer_identifiers": [{"type": "email", "value": email}],
    })
}

/// A conversion of a person at a moment.
fn order(id: &str, email: &str, at: &str) -> Value {
    json!({
        "external_event_id": id, "event_type": "purchase", "event_source": "billing",
        "customer_identifiers": [{"type": "email", "value": email}],
        "amount_decimal": 10, "currency": "USD", "occurred_at": at,
    })
}

/// Stores all of these, which must be new.
async fn store(shop: &Client, path: &str, items: Vec<Value>) {
    let count = items.len();
    let answer = shop.post(&format!("{path}/batch"), json!({"items": items})).await.data();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.iter().filter(|result| result["status"] == 201).count(), count, "{answer}");
}

async fn customer_of(shop: &Client, email: &str) -> String {
    let found = shop.list(&format!("/v1/customers?identifier=email:{email}")).await;
    assert_eq!(found.len(), 1, "{email}: {found:?}");
    found[0]["customer_id"].as_str().unwrap().to_owned()
}

/// The values of a field, in order.
fn column(entries: &[Value], field: &str) -> Vec<String> {
    entries.iter().map(|entry| entry[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// The values of a field, whatever the order; none may stand twice.
fn set(entries: &[Value], field: &str) -> BTreeSet<String> {
    let set: BTreeSet<_> = column(entries, field).into_iter().collect();
    assert_eq!(set.len(), entries.len(), "{field} repeats: {entries:?}");
    set
}
