//! Where a run stands, and what is next.

use std::collections::BTreeSet;

use domain::run::{RunMessage, RunStatus, Stage};
use domain::time::{HOUR_MS, Timestamp, Zone};
use futures::{StreamExt, TryStreamExt, stream};
use store::keys::{RUN_SHARDS, shards_name};
use store::{Run, StoreError, Task, TaskOutcome, Tenant};

use crate::finish::finish;
use crate::learn::taught;
use crate::plan::planned_kinds;
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
            // What was called off begins again only once somebody asked for it anew.
            RunStatus::Pending | RunStatus::Running | RunStatus::Failed | RunStatus::Cancelled => {
                return Ok(None);
            }
        }
    }
}

/// Opens what is next, sends messages for it, and publishes when all is committed. Tasks of the stages in `resend`
/// are sent again if they are not committed; others are believed to be on their way.
pub(crate) async fn advance(app: &App, tenant: &Tenant, run: Run, resend: &[Stage]) -> Result<(), WorkError> {
    let Some(run) = listed(app, tenant, run).await? else { return Ok(()) };
    let planned = app.table.tasks(&tenant.id, &run, Stage::Plan).await?;
    let mut names = run.months.clone().unwrap_or_default();
    names.extend(outcomes(&planned).flat_map(|outcome| outcome.rest.iter().cloned()));
    if !committed(app, tenant, &run, (Stage::Plan, &names, &planned), resend).await? {
        return Ok(());
    }
    let Some(run) = learnt(app, tenant, run, &planned, resend).await? else { return Ok(()) };
    let executed = app.table.tasks(&tenant.id, &run, Stage::Execute).await?;
    let conversions = outcomes(&planned).map(|outcome| outcome.totals.conversions()).sum();
    let names = names_of_shards(&planned, conversions, app.most_executed);
    if !committed(app, tenant, &run, (Stage::Execute, &names, &executed), resend).await? {
        return Ok(());
    }
    finish(app, tenant, run, &planned, &executed).await
}

fn outcomes(tasks: &[Task]) -> impl Iterator<Item = &TaskOutcome> {
    tasks.iter().filter_map(|task| task.outcome.as_ref())
}

/// The run once it learned what it is to learn; None as long as that is not so.
async fn learnt(
    app: &App,
    tenant: &Tenant,
    run: Run,
    planned: &[Task],
    resend: &[Stage],
) -> Result<Option<Run>, WorkError> {
    let Some(learner) = run.learner().filter(|run| run.learned.is_none()) else { return Ok(Some(run)) };
    let counted = app.table.tasks(&tenant.id, &run, Stage::Learn).await?;
    let customers = outcomes(planned).map(|outcome| outcome.customers).sum();
    let names = names_of_shards(planned, customers, app.most_executed);
    if !committed(app, tenant, &run, (Stage::Learn, &names, &counted), resend).await? {
        return Ok(None);
    }
    Ok(taught(app, tenant, learner, &counted).await?)
}

/// The tasks that take what was planned, of which there is so much, about so much each: equally many shards that follow
/// each other. It depends on what was planned alone, so that whoever asks names the same.
fn names_of_shards(planned: &[Task], all: u64, most: usize) -> Vec<String> {
    let tasks = all.div_ceil(most.max(1) as u64).max(1).next_power_of_two();
    let together = RUN_SHARDS / u32::try_from(tasks).map_or(RUN_SHARDS, |tasks| tasks.min(RUN_SHARDS));
    let shards: BTreeSet<u32> =
        outcomes(planned).flat_map(|outcome| outcome.shards.iter().map(|shard| shard / together)).collect();
    let name = |shard: u32| shards_name(&(shard * together..=(shard + 1) * together - 1));
    shards.into_iter().map(name).collect()
}

/// The run with the months it plans, frozen by whoever lists them first. None if the run is over.
async fn listed(app: &App, tenant: &Tenant, mut run: Run) -> Result<Option<Run>, StoreError> {
    let epoch = run.epoch;
    while run.months.is_none() {
        let (from, to) = run.config.span(tenant.settings.zone());
        let month = |time: Timestamp| Zone::UTC.hour_of(time).month();
        // A local hour may begin in the UTC month before its facts.
        let first = month(Timestamp::from_ms((from.ms() - 2 * HOUR_MS).max(0)));
        let mut months = BTreeSet::new();
        for kind in planned_kinds(&run) {
            let listed = app.table.months(&tenant.id, *kind, &first, &month(to)).await?;
            months.extend(listed.into_iter().map(|(month, _)| month));
        }
        run.months = Some(months.into_iter().collect());
        app.table.replace_run(&tenant.id, &run).await?;
        match app.table.run(&tenant.id, &run.run_id, app.clock.now()).await? {
            Some(now) if now.epoch == epoch && now.status == RunStatus::Running => run = now,
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(run))
}

/// Whether all tasks of a stage are committed, which `tasks` are the rows of; else opens and sends what is missing, but
/// for those that a worker is at.
async fn committed(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (stage, names, tasks): (Stage, &[String], &[Task]),
    resend: &[Stage],
) -> Result<bool, WorkError> {
    let opened: BTreeSet<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    let unopened: Vec<String> =
        names.iter().filter(|name| !opened.contains(name.as_str())).cloned().collect();
    let open: Vec<&Task> = tasks.iter().filter(|task| task.attempt.is_none()).collect();
    if unopened.is_empty() && open.is_empty() {
        return Ok(true);
    }
    let now = app.clock.now();
    let resent = open.into_iter().filter(|task| resend.contains(&stage) && !task.is_at_work(now));
    let resent: Vec<String> = resent.map(|task| task.name.clone()).collect();
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
    Ok(false)
}
