//! Adding up and publishing.

use std::time::Duration;

use domain::dimension::Dimension;
use domain::run::{RunMessage, RunStatus, Total, Totals};
use futures::{StreamExt, TryStreamExt, stream};
use store::{Attempt, Run, StoreError, Sums, Task, TaskOutcome, Tenant};

use crate::{App, WorkError};

/// Of how many tasks the sums are read at a time.
const ABREAST: usize = 16;

/// How many models are added up at a time.
const MODELS_ABREAST: usize = 4;

/// How often a run is executed before one that does not add up is left to people.
const MOST_EXECUTIONS: u32 = 3;

/// Until what was set right meanwhile can be found as it is now.
const UNTIL_ANEW: Duration = Duration::from_secs(60);

/// Adds up the committed shards by each model, checks the totals against the planned conversions, and publishes by one
/// transaction.
///
/// Any number of workers may come here at once, or one again after a crash: all of them write the same.
pub(crate) async fn finish(
    app: &App,
    tenant: &Tenant,
    mut run: Run,
    planned: &[Task],
    executed: &[Task],
) -> Result<(), WorkError> {
    let planned = totals_of(planned, |outcome| Some(&outcome.totals));
    let runs = run.each();
    let added_up = runs.iter().enumerate().map(|(number, run)| add_up(app, tenant, (number, run), executed));
    let added_up: Vec<_> =
        stream::iter(added_up.collect::<Vec<_>>()).buffered(MODELS_ABREAST).try_collect().await?;
    let settled = added_up.iter().all(|(totals, agree)| *agree && totals.settles(&planned));
    let by_model: Vec<Totals> = added_up.into_iter().map(|(totals, _)| totals).collect();
    let epoch = run.epoch;
    if !settled && epoch < MOST_EXECUTIONS {
        return begin_anew(app, tenant, &run).await;
    }
    loop {
        run = run.came_to(&by_model);
        run.completed_at = Some(app.clock.now());
        if settled {
            run.status = RunStatus::Completed;
        } else {
            tracing::error!(run_id = %run.run_id, "the credits of a run do not add up to its conversions");
            run.status = RunStatus::Failed;
            run.failure = Some("credits and conversions did not add up; nothing was published".to_owned());
        }
        let written = match run.status {
            RunStatus::Completed => app.table.complete_run(tenant, &run, app.clock.now()).await?,
            RunStatus::Pending | RunStatus::Running | RunStatus::Failed | RunStatus::Cancelled => {
                app.table.replace_run(&tenant.id, &run).await?
            }
        };
        if written {
            break;
        }
        match app.table.run(&tenant.id, &run.run_id, app.clock.now()).await? {
            Some(now) if now.status == RunStatus::Running && now.epoch == epoch => run = now,
            // Another worker published, or a new execution has begun.
            Some(_) | None => return Ok(()),
        }
    }
    app.table.unmark_active(&tenant.id, &run.run_id, epoch).await?;
    tracing::info!(run_id = %run.run_id, status = %run.status, "run over");
    Ok(())
}

/// Executes a run again that did not add up: a conversion was set right or withdrawn between planning and crediting. It goes
/// on running, so that the sweeper makes up for a message that is lost.
async fn begin_anew(app: &App, tenant: &Tenant, run: &Run) -> Result<(), WorkError> {
    let (run_id, epoch, cutoff) = (run.run_id.clone(), run.epoch + 1, app.clock.now());
    tracing::warn!(%run_id, epoch, "a run does not add up to its conversions, and begins anew");
    app.table.mark_active(&tenant.id, &run_id, epoch).await?;
    let message = RunMessage::Advance { tenant: tenant.id.clone(), run_id, epoch, cutoff };
    app.queue.send_after(&tenant.id, &message, UNTIL_ANEW).await?;
    app.table.replace_run(&tenant.id, &run.started(epoch, cutoff)).await?;
    Ok(())
}

/// Writes the sums of the committed shards by the model of this number; answers its totals, and whether both agree.
async fn add_up(
    app: &App,
    tenant: &Tenant,
    (number, run): (usize, &Run),
    executed: &[Task],
) -> Result<(Totals, bool), StoreError> {
    let sums = summed(app, tenant, run, executed).await?;
    app.table.put_run_sums(&tenant.id, run, &sums).await?;
    let totals = totals_of(executed, |outcome| match number.checked_sub(1) {
        None => Some(&outcome.totals),
        Some(other) => outcome.others.get(other),
    });
    let agree = agrees(&sums, &totals);
    Ok((totals, agree))
}

async fn summed(app: &App, tenant: &Tenant, run: &Run, executed: &[Task]) -> Result<Sums, StoreError> {
    let mut sums = Sums::new();
    let attempts = executed.iter().filter_map(|task| Attempt::committed(&tenant.id, run, task));
    let read: Vec<_> = attempts.map(|attempt| app.table.shard_sums(attempt)).collect();
    let mut read = stream::iter(read).buffered(ABREAST);
    while let Some(of_task) = read.try_next().await? {
        for (of, rows) in of_task {
            let merged = sums.entry(of).or_default();
            rows.into_iter().for_each(|(value, sum)| merged.entry(value).or_default().add(&sum));
        }
    }
    Ok(sums)
}

fn totals_of(tasks: &[Task], of: impl Fn(&TaskOutcome) -> Option<&Totals>) -> Totals {
    let mut totals = Totals::default();
    tasks.iter().filter_map(|task| of(task.outcome.as_ref()?)).for_each(|of_task| totals.merge(of_task));
    totals
}

/// Whether the sums that readers will see come to the same money as the shards' totals, in every dimension.
fn agrees(sums: &Sums, totals: &Totals) -> bool {
    totals.0.iter().all(|(currency, total): (_, &Total)| {
        let of = |wanted: Dimension| {
            sums.iter()
                .filter(move |(of, _)| of.dimension == wanted && of.currency == *currency)
                .flat_map(|(_, rows)| rows.values())
        };
        let revenue = |dimension| of(dimension).map(|sum| sum.revenue_minor).sum::<i64>();
        let unattributed: i64 = of(Dimension::Total).map(|sum| sum.unattributed_minor).sum();
        Dimension::ALL.into_iter().all(|dimension| revenue(dimension) == total.attributed_minor)
            && unattributed == total.unattributed_minor
    })
}
