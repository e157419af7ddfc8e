//! Asking for runs, again and again over the growing facts, and looking at them while they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Answer;

use super::ledger::Asked;
use super::reading::Reading;
use super::script::{EVENT_TYPES, MODELS, RANGE};
use super::world::{Line, Unheard};

/// Between two looks at a run.
const GLANCE: Duration = Duration::from_millis(8);

/// Executes runs one after another, at most `most` new ones, until `over`.
pub(super) async fn drive(line: &Line, most: usize, over: &AtomicBool) {
    let mut asked = 0;
    while !over.load(Ordering::SeqCst) {
        let unfinished = line.ledger().unfinished().next().map(|(place, _)| place);
        let done = match unfinished {
            Some(place) => advance(line, place).await,
            None if asked < most => {
                asked += 1;
                ask(line).await
            }
            None => {
                tokio::time::sleep(GLANCE).await;
                Ok(())
            }
        };
        if done == Err(Unheard) {
            return;
        }
    }
}

/// Creates a run of the next model; every third takes conversions of one type only.
pub(super) async fn ask(line: &Line) -> Result<(), Unheard> {
    let number = line.ledger().runs.len();
    let model = MODELS[number % MODELS.len()];
    let event_type = number.is_multiple_of(3).then(|| EVENT_TYPES[number % EVENT_TYPES.len()]);
    let config = match event_type {
        Some(event_type) => json!({ "event_types": [event_type] }),
        None => json!({}),
    };
    let body = json!({ "model_code": model, "name": format!("run {number}"), "config": config }).to_string();
    let headers = [("content-type", "application/json")];
    line.ledger().runs_unanswered += 1;
    let path = "/v1/attribution/runs";
    let Some(answer) = line.ask(("POST", path), &headers, body.into_bytes()).await? else {
        return Ok(());
    };
    let mut ledger = line.ledger();
    ledger.runs_unanswered -= 1;
    match answer.body["data"]["run_id"].as_str() {
        Some(id) if answer.status == 201 => {
            ledger.runs.push(Asked {
                id: id.to_owned(),
                event_type,
                first_executed: None,
                accepted: None,
                asked_again: false,
                completed: None,
                failed: false,
                digest: None,
            });
        }
        _ => line.violated(&format!("a run was not created: {} {}", answer.status, answer.text)),
    }
    Ok(())
}

/// Brings a run one step further: executes it, looks at it, or reads what it credited.
pub(super) async fn advance(line: &Line, place: usize) -> Result<(), Unheard> {
    let Some(run) = line.ledger().runs.get(place).cloned() else { return Ok(()) };
    if run.accepted.is_none() {
        return execute(line, (place, &run.id)).await;
    }
    let answer = line.get(&format!("/v1/attribution/runs/{}", run.id)).await?;
    observe(line, &answer);
    let running = answer.body["data"]["status"] == "running";
    line.shop.running.store(running, Ordering::SeqCst);
    if running {
        if !run.asked_again && place.is_multiple_of(2) {
            line.ledger().runs.iter_mut().skip(place).take(1).for_each(|run| run.asked_again = true);
            return execute(line, (place, &run.id)).await;
        }
        tokio::time::sleep(GLANCE).await;
        return Ok(());
    }
    let reading = Reading::of(line, &run.id).await?;
    keep(line, &run.id, &reading);
    Ok(())
}

/// A request to execute that got no answer may have been heard: it is sent again, and then either starts the run,
/// finds it running, or finds it completed.
async fn execute(line: &Line, (place, id): (usize, &str)) -> Result<(), Unheard> {
    let before = line.shop.tick();
    if let Some(run) = line.ledger().runs.get_mut(place) {
        run.first_executed.get_or_insert(before);
    }
    let path = format!("/v1/attribution/runs/{id}/execute");
    let Some(answer) = line.ask(("POST", &path), &[], Vec::new()).await? else { return Ok(()) };
    let already = answer.status == 409 && answer.code() == "RUN_ALREADY_EXECUTED";
    if answer.status == 202 || already {
        line.shop.running.store(answer.status == 202, Ordering::SeqCst);
        let after = line.shop.tick();
        if let Some(run) = line.ledger().runs.get_mut(place) {
            run.accepted.get_or_insert(after);
        }
    } else {
        line.violated(&format!("run {id} was not executed: {} {}", answer.status, answer.text));
    }
    Ok(())
}

/// Compares a run as it was just read with what was known of it.
pub(super) fn observe(line: &Line, answer: &Answer) {
    let view = &answer.body["data"];
    let (id, status) = (view["run_id"].as_str().unwrap_or_default(), view["status"].as_str());
    let mut ledger = line.ledger();
    let Some(run) = ledger.runs.iter_mut().find(|run| run.id == id) else {
        return line
            .violated(&format!("a run that was acknowledged is gone: {} {}", answer.status, answer.text));
    };
    let empty = |totals: &Value| totals.as_array().is_none_or(Vec::is_empty);
    match (status, &run.completed) {
        (Some("completed"), Some(known)) if known == view => {}
        (Some("completed"), Some(known)) => {
            line.violated(&format!("the completed run {known} changed into {view}"));
        }
        (Some("completed"), None) => {
            line.world.count("runs completed", 1);
            run.completed = Some(view.clone());
        }
        (_, Some(known)) => line.violated(&format!("the run {known} was completed and is now {view}")),
        (Some("pending" | "running"), None) => {
            if !empty(&view["attributed_total"]) || !empty(&view["unattributed_total"]) {
                line.violated(&format!("totals of a run that is not completed: {view}"));
            }
            if status == Some("pending") && run.accepted.is_some() {
                line.violated(&format!("a run that was accepted is pending: {view}"));
            }
        }
        (_, None) => {
            run.failed = true;
            line.violated(&format!("a run ended otherwise than completed: {view}"));
        }
    }
}

/// Keeps what a completed run credited, or compares it with what was kept.
pub(super) fn keep(line: &Line, id: &str, reading: &Reading) {
    let mut ledger = line.ledger();
    let Some(run) = ledger.runs.iter_mut().find(|run| run.id == id) else { return };
    match &run.digest {
        Some(known) if *known != reading.digest => {
            line.violated(&format!("the credits of the completed run {id} changed"));
        }
        Some(_) => {}
        None => run.digest = Some(reading.digest.clone()),
    }
    if let Some(view) = &run.completed {
        reading.disagreements(view).into_iter().for_each(|problem| line.violated(&problem));
    }
}

/// Tries to read what is not there yet, until `over`: nothing of a run may be readable before it is completed.
pub(super) async fn spy(line: &Line, over: &AtomicBool) {
    for look in 0.. {
        if over.load(Ordering::SeqCst) || glance(line, look).await == Err(Unheard) {
            return;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn glance(line: &Line, look: u32) -> Result<(), Unheard> {
    let unfinished = line.ledger().unfinished().next().map(|(_, run)| run.id.clone());
    let Some(id) = unfinished else { return Ok(()) };
    let report = format!("/v1/analytics/agents/revenue?start_date={}&end_date={}", RANGE.0, RANGE.1);
    let path = match look % 4 {
        0 => format!("/v1/attribution/runs/{id}/results"),
        1 => format!("/v1/attribution/runs/{id}/unattributed"),
        2 => format!("{report}&run_id={id}"),
        _ => report,
    };
    let answer = line.get(&path).await?;
    line.world.count("looks at runs that were not completed", 1);
    if answer.status == 409 {
        return Ok(());
    }
    // It was readable: then it must have been completed by then.
    let answered_by = match look % 4 {
        3 => answer.body["meta"]["run_id"].as_str().map(str::to_owned),
        _ => Some(id),
    };
    let Some(id) = answered_by else { return Ok(()) };
    let run = line.get(&format!("/v1/attribution/runs/{id}")).await?;
    if answer.status != 200 || run.body["data"]["status"] != "completed" {
        line.violated(&format!("{path} answered {} {} while {}", answer.status, answer.text, run.text));
    }
    Ok(())
}
