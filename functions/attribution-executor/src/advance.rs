//! Where a run stands, and what is next.

use std::collections::BTreeSet;

use domain::ids::FactKind;
use domain::run::{RunMessage, RunStatus, Stage};
use domain::time::{HOUR_MS, Timestamp, Zone};
use futures::{StreamExt, TryStreamExt, stream};
use store::{Run, StoreError, Task, Tenant};

use crate::finish::finish;
use crate::{App, WorkError};

/// How many messages are sent at a time.
const ABREAST: usize = 8;

/// The run in execution `epoch`, started if it was not yet; None if that execution is over or superseded.
///
/// Whoever asked for it may have died between sending the message and saying so in the run.
pub(crate) async fn started(
    app: &App,
    tenant: &Tenant,
    run_id: &str,
    epoch: u32,
    cutoff: Timestamp,
) -> Result<Option<Run>, StoreError> {
    loop {
        let Some(run) = app.table.run(&tenant.id, run_id, app.clock.now()).await? else { return Ok(None) };
        match run.status {
            RunStatus::Running if run.epoch == epoch => return Ok(Some(run)),
            RunStatus::Pending | RunStatus::Failed if run.epoch + 1 == epoch => {
                app.table.replace_run(&tenant.id, &run.started(epoch, cutoff)).await?;
            }
            RunStatus::Completed => {
                app.table.unmark_active(&tenant.id, run_id, epoch).await?;
                return Ok(None);
            }
            RunStatus::Pending | RunStatus::Running | RunStatus::Failed => return Ok(None),
        }
    }
}

/// Opens what is next, sends messages for it, and publishes when all is committed. Tasks of the stages in `resend`
/// are sent again if they are not committed; others are believed to be on their way.
pub(crate) async fn advance(app: &App, tenant: &Tenant, run: Run, resend: &[Stage]) -> Result<(), WorkError> {
    let Some(run) = listed(app, tenant, run).await? else { return Ok(()) };
    let months = run.months.clone().unwrap_or_default();
    let Some(planned) = committed(app, tenant, &run, (Stage::Plan, &months), resend).await? else {
        return Ok(());
    };
    let outcomes = planned.iter().filter_map(|task| task.outcome.as_ref());
    let shards: BTreeSet<u32> = outcomes.flat_map(|outcome| outcome.shards.iter().copied()).collect();
    let shards: Vec<_> = shards.into_iter().map(store::keys::shard_name).collect();
    let Some(executed) = committed(app, tenant, &run, (Stage::Execute, &shards), resend).await? else {
        return Ok(());
    };
    finish(app, tenant, run, &planned, &executed).await
}

/// The run with the months it plans, frozen by whoever lists them first. None if the run is over.
async fn listed(app: &App, tenant: &Tenant, mut run: Run) -> Result<Option<Run>, StoreError> {
    let epoch = run.epoch;
    while run.months.is_none() {
        let (from, to) = run.config.span(tenant.settings.zone());
        let month = |time: Timestamp| Zone::UTC.hour_of(time).month();
        // A local hour may begin in the UTC month before its facts.
        let first = month(Timestamp::from_ms((from.ms() - 2 * HOUR_MS).max(0)));
        let months = app.table.months(&tenant.id, FactKind::Conversion, &first, &month(to)).await?;
        run.months = Some(months.into_iter().map(|(month, _)| month).collect());
        app.table.replace_run(&tenant.id, &run).await?;
        match app.table.run(&tenant.id, &run.run_id, app.clock.now()).await? {
            Some(now) if now.epoch == epoch && now.status == RunStatus::Running => run = now,
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(run))
}

/// The tasks of a stage if all of them are committed; else opens and sends what is missing.
async fn committed(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (stage, names): (Stage, &[String]),
    resend: &[Stage],
) -> Result<Option<Vec<Task>>, WorkError> {
    let tasks = app.table.tasks(&tenant.id, run, stage).await?;
    let row = |name: &String| tasks.iter().find(|task| task.name == *name);
    let unopened: Vec<String> = names.iter().filter(|name| row(name).is_none()).cloned().collect();
    let is_open = |name: &String| row(name).is_some_and(|task| task.attempt.is_none());
    let open: Vec<String> = names.iter().filter(|name| is_open(name)).cloned().collect();
    if unopened.is_empty() && open.is_empty() {
        return Ok(Some(tasks));
    }
    let resent = open.into_iter().filter(|_| resend.contains(&stage));
    // A row comes before its message: a message without a row would be taken for one of an earlier execution.
    let opened: Vec<String> = stream::iter(unopened)
        .map(|name| async move {
            app.table.open_task(&tenant.id, run, stage, &name).await?;
            Ok::<_, StoreError>(name)
        })
        .buffer_unordered(ABREAST)
        .try_collect()
        .await?;
    stream::iter(opened.into_iter().chain(resent))
        .map(|task| async move {
            let (tenant_id, run_id) = (tenant.id.clone(), run.run_id.clone());
            let message = RunMessage::Task { tenant: tenant_id, run_id, epoch: run.epoch, stage, task };
            app.queue.send(&tenant.id, &message).await
        })
        .buffer_unordered(ABREAST)
        .try_collect::<()>()
        .await?;
    Ok(None)
}
