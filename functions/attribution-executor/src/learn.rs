//! Learning what channels are worth: each task counts what the journeys of some shards did, and what all of them counted
//! is solved once.

use crediting::{Lessons, learned};
use domain::learned::Counts;
use domain::run::{RunStatus, Stage};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use store::{Attempt, Run, StoreError, Task, TaskOutcome, Tenant, keys};

use crate::journeys::{Journey, each_journey, planned, together};
use crate::{App, WorkError};

/// Writes what was counted of the shards that the task is named after.
pub(crate) async fn count_shards(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (name, attempt): (&str, &str),
) -> Result<TaskOutcome, WorkError> {
    let customers = match keys::shards_named(name) {
        Some(shards) => planned(app, tenant, run, &shards).await?,
        None => Vec::new(),
    };
    let mut lessons = Lessons::of(&run.config);
    let (from, _) = run.config.span(tenant.settings.zone());
    for some in together(&customers) {
        each_journey(app, tenant, run, some, |journey| count(&mut lessons, journey, from)).await?;
    }
    let counts = lessons.counts();
    let to = Attempt { tenant: &tenant.id, run, stage: Stage::Learn, task: name, attempt };
    app.table.put_counts(to, &counts).await?;
    Ok(TaskOutcome { digest: digest(&counts), ..TaskOutcome::default() })
}

/// Every conversion is a journey of its own; what was paid back is none, nor is what ended before the run's days.
fn count(lessons: &mut Lessons<'_>, journey: &Journey<'_>, from: Timestamp) {
    if journey.conversions.is_empty() && journey.story.last_touch().is_some_and(|last| last >= from) {
        lessons.not_converted(journey.story);
    }
    for (_, conversion) in journey.conversions.iter().map(|converted| converted.named()) {
        if conversion.refund_of.is_none() && conversion.amount.minor >= 0 {
            lessons.converted(conversion.occurred_at, journey.story);
        }
    }
}

/// The run, shown as the one that learns, with what it learned, frozen by whoever solves it first. None if the run is over.
pub(crate) async fn taught(
    app: &App,
    tenant: &Tenant,
    mut run: Run,
    counted: &[Task],
) -> Result<Option<Run>, StoreError> {
    let epoch = run.epoch;
    while run.learned.is_none() {
        let mut counts = Counts::default();
        for attempt in counted.iter().filter_map(|task| Attempt::committed(&tenant.id, &run, task)) {
            counts.merge(app.table.counts(attempt).await?);
        }
        let learned = learned(&run.config, &counts);
        tracing::info!(run_id = %run.run_id, nothing = ?learned.nothing, "run learned");
        run.learned = Some(learned);
        app.table.replace_run(&tenant.id, &run).await?;
        match app.table.run(&tenant.id, &run.id(), app.clock.now()).await? {
            Some(now) if now.epoch == epoch && now.status == RunStatus::Running => run = now,
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(run))
}

fn digest(counts: &Counts) -> String {
    let mut hash = Sha256::new();
    for (what, times) in &counts.0 {
        hash.update(what);
        hash.update(times.to_be_bytes());
    }
    hex::encode(hash.finalize())
}
