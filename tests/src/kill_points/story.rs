//! What is told: calls by webhook, contacts and purchases by the API, corrections, and a run over all of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::KillError;
use super::life::Life;

const RUNS: &str = "/v1/attribution/runs";

/// The run's name, by which it is found again if its id was never answered.
pub(super) const RUN: &str = "of the story";

const CALLS: usize = 24;

/// Tells everything, in the same order in every life; returns once the run is over.
pub(super) async fn tell(life: &mut Life) -> Result<(), KillError> {
    for number in 0..CALLS {
        for event in events(number) {
            taken(&life.deliver("convin", &event.to_string()).await?.status)?;
        }
    }
    for (path, body) in reports() {
        let json = [("content-type", "application/json")];
        taken(&life.send("POST", path, &json, &body.to_string()).await?.status)?;
    }
    // The run must find everything.
    while life.waiting().await? > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    attribute(life).await
}

fn taken(status: &u16) -> Result<(), KillError> {
    if [200, 201, 202].contains(status) {
        Ok(())
    } else {
        Err(KillError::Unfinished(format!("what is told is answered {status}")))
    }
}

fn at(day: usize, minute: usize) -> String {
    format!("2026-03-{:02}T10:{minute:02}:00Z", day + 1)
}

fn phone(customer: usize) -> String {
    format!("+1415555{:04}", 100 + customer)
}

/// The events of a call, some late, one of them twice, and for every other call a correction.
fn events(number: usize) -> Vec<Value> {
    let call = format!("call-{number}");
    let event = |kind: &str, minute: usize, data: Value| json!({"event_type": kind, "call_id": call, "timestamp": at(number, minute), "data": data});
    let started = event(
        "call.started",
        0,
        json!({"phone_number": phone(number % 4), "email": format!("c{}@example.com", number % 4),
            "agent_id": format!("agent-{}", number % 3), "vendor_code": "vendor-a"}),
    );
    let ended = event("call.ended", 9, json!({"duration_seconds": 500 + number, "outcome": "purchase"}));
    let intent =
        event("call.intent.detected", 10, json!({"primary_intent": "pricing", "purchase_probability": 0.5}));
    let mut events = vec![ended.clone(), started, intent, ended];
    if number.is_multiple_of(2) {
        events.push(event("call.ended", 11, json!({"outcome": "callback"})));
    }
    events
}

fn reports() -> Vec<(&'static str, Value)> {
    let known_as = |customer: usize| json!([{"type": "phone", "value": phone(customer)}]);
    let contact = |number: usize| {
        json!({"external_interaction_id": format!("mail-{number}"), "channel": "email",
            "started_at": at(number, 30), "customer_identifiers": known_as(number)})
    };
    let order = |number: usize| {
        json!({"external_event_id": format!("order-{number}"), "event_type": "purchase", "event_source": "shop",
            "amount_decimal": format!("{}.01", 100 + number), "currency": if number == 5 { "EUR" } else { "USD" },
            "occurred_at": at(number, 50), "customer_identifiers": known_as(number % 4)})
    };
    let mut reports = vec![
        ("/v1/interactions", contact(0)),
        ("/v1/interactions/batch", json!({"items": [contact(1), contact(2), contact(3)]})),
    ];
    reports.extend((0..4).map(|number| ("/v1/conversions", order(number))));
    reports.push(("/v1/conversions/batch", json!({"items": [order(4), order(5), order(6), order(7)]})));
    reports
}

/// Creates the run unless it is there, and sees to it that it is executed.
async fn attribute(life: &mut Life) -> Result<(), KillError> {
    let json = [("content-type", "application/json")];
    // It takes every step that a run of another model takes, and learns besides.
    let body =
        json!({"model_code": "DATA_DRIVEN", "name": RUN, "config": {"min_conversions": 1}}).to_string();
    loop {
        let Some(run) = run_of(life).await? else {
            life.send("POST", RUNS, &json, &body).await?;
            continue;
        };
        let path = format!("{RUNS}/{}/execute", run["run_id"].as_str().unwrap_or_default());
        match run["status"].as_str() {
            Some("completed") => return Ok(()),
            Some("running") => sleep(Duration::from_millis(20)).await,
            _ => drop(life.send("POST", &path, &[], "").await?),
        }
    }
}

/// The run of this story; if its first answer was lost there may be a second, which nobody executes.
pub(super) async fn run_of(life: &mut Life) -> Result<Option<Value>, KillError> {
    let listed = life.get(RUNS).await?;
    let runs = listed.body["data"].as_array().cloned().unwrap_or_default();
    Ok(runs.into_iter().rev().find(|run| run["name"] == RUN))
}
