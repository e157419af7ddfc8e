//! Runs that stand still are sent on their way again; those that stand still too long are failed.

use domain::run::{MOST_STILL_MS, RunMessage, RunStatus, Stage};
use domain::time::{MINUTE_MS, Timestamp};
use runtime::Metric;
use store::{ActiveRun, Run, StoreError, Task};

use crate::{App, TickError};

/// A run that moved within this time is believed to be on its way.
const MOVING_MS: i64 = MINUTE_MS;

pub(crate) async fn sweep_all(app: &App) -> Result<(), TickError> {
    for active in app.table.active_runs().await? {
        // One run's trouble must not keep the sweeper from the others.
        if let Err(error) = sweep(app, &active).await {
            tracing::error!(run_id = %active.run_id, %error, "a run could not be swept");
        }
    }
    Ok(())
}

async fn sweep(app: &App, active: &ActiveRun) -> Result<(), TickError> {
    let now = app.clock.now();
    let Some(run) = app.table.run(&active.tenant, &active.run_id, now).await? else {
        return Ok(app.table.unmark_active(&active.tenant, &active.run_id, active.epoch).await?);
    };
    match run.status {
        // Marked for a later execution than the one that is over, it is about to start.
        RunStatus::Completed | RunStatus::Failed if run.epoch < active.epoch => Ok(()),
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => {
            Ok(app.table.unmark_active(&active.tenant, &active.run_id, active.epoch).await?)
        }
        // Marked, but never started: whoever asked for it got no answer and will ask again, or has its message
        // under way.
        RunStatus::Pending => Ok(()),
        RunStatus::Running => {
            let tasks = tasks(app, active, &run).await?;
            let still = now.since(last_moved(&run, &tasks));
            if still > MOST_STILL_MS {
                fail(app, active, run, now).await
            } else if still > MOVING_MS && !tasks.iter().any(|task| task.is_at_work(now)) {
                send(app, active, &run).await
            } else {
                Ok(())
            }
        }
    }
}

async fn tasks(app: &App, active: &ActiveRun, run: &Run) -> Result<Vec<Task>, StoreError> {
    let mut tasks = Vec::new();
    for stage in Stage::ALL {
        tasks.extend(app.table.tasks(&active.tenant, run, stage).await?);
    }
    Ok(tasks)
}

/// When the run was started, or a task of it committed last.
fn last_moved(run: &Run, tasks: &[Task]) -> Timestamp {
    let started = run.executed_at.unwrap_or(run.created_at);
    tasks.iter().filter_map(|task| task.committed_at).fold(started, Timestamp::max)
}

async fn send(app: &App, active: &ActiveRun, run: &Run) -> Result<(), TickError> {
    tracing::warn!(run_id = %run.run_id, "a run stands still; sending what is missing");
    let message = RunMessage::Advance {
        tenant: active.tenant.clone(),
        run_id: run.run_id.clone(),
        epoch: run.epoch,
        cutoff: run.cutoff.unwrap_or(run.created_at),
    };
    Ok(app.runs.send(&active.tenant, &message).await?)
}

async fn fail(app: &App, active: &ActiveRun, mut run: Run, now: Timestamp) -> Result<(), TickError> {
    run.status = RunStatus::Failed;
    run.completed_at = Some(now);
    run.failure = Some("it stood still for half an hour; execute it again to start over".to_owned());
    // If somebody moved it meanwhile, the next tick sees.
    if app.table.replace_run(&active.tenant, &run).await? {
        app.metrics.one(Metric::RunsStuck);
        tracing::error!(run_id = %run.run_id, "a run was failed because it stood still");
        app.table.unmark_active(&active.tenant, &run.run_id, active.epoch).await?;
    }
    Ok(())
}
