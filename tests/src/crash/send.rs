//! Sending one thing and noting what was answered. What got no answer is sent again, as a real sender would.

use serde_json::{Value, json};

use crate::Answer;

use super::ledger::{Ledger, Report, Tick, Work};
use super::world::{Line, Unheard};

/// A request as it goes out.
struct Letter {
    path: String,
    /// Of a webhook: who signs it.
    provider: Option<&'static str>,
    body: String,
}

/// Sends `work`; an error says that the server is gone.
pub(super) async fn send(line: &Line, work: Work) -> Result<(), Unheard> {
    let Some(letter) = letter(&mut line.ledger(), line.shop.tick(), line.shop.tenant, &work) else {
        return Ok(());
    };
    let signature = letter.provider.map(|provider| line.client.signature(provider, letter.body.as_bytes()));
    let headers = match &signature {
        Some(signature) => {
            [("x-webhook-signature", signature.as_str()), ("content-type", "application/json")]
        }
        None => [("content-type", "application/json"), ("accept", "application/json")],
    };
    let answer = line.ask(("POST", &letter.path), &headers, letter.body.into_bytes()).await;
    match answer {
        Ok(Some(answer)) => {
            let at = line.shop.tick();
            let problems = settle(&mut line.ledger(), at, &work, &answer);
            line.world.count("requests answered", 1);
            for problem in problems {
                line.violated(&format!("{} answered {problem}", letter.path));
            }
            Ok(())
        }
        Ok(None) => {
            line.ledger().unanswered.push_back(work);
            Ok(())
        }
        Err(gone) => {
            line.world.count("requests cut off by a kill and sent again", 1);
            line.ledger().unanswered.push_back(work);
            Err(gone)
        }
    }
}

fn letter(ledger: &mut Ledger, now: Tick, tenant: &str, work: &Work) -> Option<Letter> {
    let posted = |path: &str, body: String| Letter { path: path.to_owned(), provider: None, body };
    match work {
        Work::Delivery { call, event } => {
            let call = ledger.calls.get(*call)?;
            let path = format!("/v1/webhooks/{}/{tenant}", call.provider);
            Some(Letter { path, provider: Some(call.provider), body: call.body(*event)? })
        }
        Work::Interaction(place) => {
            let body = said(&mut ledger.interactions, *place, now)?;
            Some(posted("/v1/interactions", body.to_string()))
        }
        Work::Conversion(place) => {
            let body = said(&mut ledger.conversions, *place, now)?;
            Some(posted("/v1/conversions", body.to_string()))
        }
        Work::Interactions(places) => {
            let items: Vec<_> =
                places.iter().filter_map(|place| said(&mut ledger.interactions, *place, now)).collect();
            Some(posted("/v1/interactions/batch", json!({ "items": items }).to_string()))
        }
        Work::Conversions { entries, spoiled } => {
            let mut items: Vec<_> =
                entries.iter().filter_map(|place| said(&mut ledger.conversions, *place, now)).collect();
            if *spoiled {
                items.push(json!({ "external_event_id": "spoiled", "amount_decimal": -1 }));
            }
            Some(posted("/v1/conversions/batch", json!({ "items": items }).to_string()))
        }
    }
}

fn said(reports: &mut [Report], place: usize, now: Tick) -> Option<Value> {
    let report = reports.get_mut(place)?;
    report.first_sent.get_or_insert(now);
    Some(report.body.clone())
}

/// Notes what was acknowledged; answers what should not have been answered.
fn settle(ledger: &mut Ledger, at: Tick, work: &Work, answer: &Answer) -> Vec<String> {
    let refused = || vec![format!("{} {}", answer.status, answer.text)];
    match work {
        Work::Delivery { call, event } => {
            if answer.status != 202 {
                return refused();
            }
            let event = ledger.calls.get_mut(*call).and_then(|call| call.events.get_mut(*event));
            if let Some(event) = event {
                event.acknowledged = true;
            }
            Vec::new()
        }
        Work::Interaction(place) => {
            let id = &answer.body["data"]["interaction_id"];
            if answer.status > 201 {
                return refused();
            }
            ledger
                .interactions
                .get_mut(*place)
                .and_then(|report| acknowledge(report, at, id))
                .into_iter()
                .collect()
        }
        Work::Conversion(place) => {
            let id = &answer.body["data"]["conversion_event_id"];
            if answer.status > 201 {
                return refused();
            }
            ledger
                .conversions
                .get_mut(*place)
                .and_then(|report| acknowledge(report, at, id))
                .into_iter()
                .collect()
        }
        Work::Interactions(places) => settle_batch(&mut ledger.interactions, at, places, answer).0,
        Work::Conversions { entries, spoiled } => {
            let (mut problems, rest) = settle_batch(&mut ledger.conversions, at, entries, answer);
            let as_expected = match rest.as_slice() {
                [] => !spoiled,
                [status] => *spoiled && *status == 400,
                _ => false,
            };
            if !as_expected {
                problems.push(format!("{rest:?} for entries that must be refused"));
            }
            problems
        }
    }
}

/// Notes each entry's fate; answers also the statuses of entries beyond `places`.
fn settle_batch(
    reports: &mut [Report],
    at: Tick,
    places: &[usize],
    answer: &Answer,
) -> (Vec<String>, Vec<u64>) {
    let Some(results) = answer.body["data"]["results"].as_array().filter(|_| answer.status == 200) else {
        return (vec![format!("{} {}", answer.status, answer.text)], vec![400]);
    };
    let status = |result: &Value| result["status"].as_u64().unwrap_or_default();
    let mut problems = Vec::new();
    for (place, result) in places.iter().zip(results) {
        let Some(report) = reports.get_mut(*place) else { continue };
        match status(result) {
            200 | 201 => problems.extend(acknowledge(report, at, &result["id"])),
            _ => problems.push(format!("{result} for {}", report.external_id)),
        }
    }
    if results.len() < places.len() {
        problems.push(format!("{} results for {} entries", results.len(), places.len()));
    }
    (problems, results.iter().skip(places.len()).map(status).collect())
}

/// Once told, an id stays.
fn acknowledge(report: &mut Report, at: Tick, id: &Value) -> Option<String> {
    report.acknowledged.get_or_insert(at);
    let id = id.as_str()?;
    match &report.id {
        Some(known) if known != id => Some(format!("{id} for {}, which was {known}", report.external_id)),
        Some(_) => None,
        None => {
            report.id = Some(id.to_owned());
            None
        }
    }
}
