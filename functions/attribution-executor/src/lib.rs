//! Executes runs: plans them hours by hours, learns from them where the model does, credits them shard by shard, adds up,
//! publishes.
//!
//! Every message may come twice, late or never. [`advance`] looks at what is committed and does what follows; a
//! task writes under an attempt of its own and commits by one conditional write. Whatever crashes, the same facts
//! give the same bytes, and nobody reads them before the run is completed.

mod advance;
mod approve;
mod execute;
mod finish;
mod journeys;
mod learn;
mod plan;
mod sums;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::ids::TenantId;
use domain::run::{RunMessage, RunStatus, Stage};
use runtime::{Clock, Host, Misconfigured, Outcome, Queue, QueueError};
use store::{Run, StoreError, Table, Task, TaskOutcome, Tenant, Tenants};

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    queue: Queue<RunMessage>,
    clock: Clock,
    /// With so many conversions a task takes no more hours to plan, and leaves the rest to others.
    most_planned: usize,
    /// About so many conversions a task credits, as far as there are shards enough.
    most_executed: usize,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self {
            tenants: Tenants::of(&table),
            table,
            queue: Queue::new(host.aws.sqs(), host.env.text("RUNS_QUEUE_URL")?),
            clock: host.clock.clone(),
            most_planned: 5_000,
            most_executed: 1_500,
        })
    }

    /// The same with tasks that plan and that credit fewer conversions, or more.
    #[must_use]
    pub fn in_tasks_of(self, most_planned: usize, most_executed: usize) -> Self {
        Self { most_planned, most_executed, ..self }
    }
}

/// Why a message could not be worked on; it comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the run's configuration is not one the engine takes")]
    Parameters(#[from] attribution::ParameterError),
}

/// Handles one batch; the answer names the messages that must come again.
pub async fn handle(app: App, event: SqsEvent) -> SqsBatchResponse {
    let app = &app;
    runtime::each(event, 1, async |message: RunMessage| match Box::pin(work(app, message)).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::error!(%error, "a step of a run failed and will be tried again");
            Outcome::Again
        }
    })
    .await
}

async fn work(app: &App, message: RunMessage) -> Result<(), WorkError> {
    match message {
        RunMessage::Advance { tenant, run_id, epoch, cutoff } => {
            let Some(tenant) = known(app, &tenant).await? else { return Ok(()) };
            match advance::started(app, &tenant, &run_id, epoch, cutoff).await? {
                Some(run) => advance::advance(app, &tenant, run, &Stage::ALL).await,
                None => Ok(()),
            }
        }
        RunMessage::Task { tenant, run_id, epoch, stage, task } => {
            let Some(tenant) = known(app, &tenant).await? else { return Ok(()) };
            let run = app.table.run(&tenant.id, &run_id, app.clock.now()).await?;
            let current = |run: &Run| run.status == RunStatus::Running && run.epoch == epoch;
            match run.filter(current) {
                Some(run) => Box::pin(do_task(app, &tenant, run, (stage, &task))).await,
                None => Ok(()),
            }
        }
        RunMessage::Approve { tenant, run_id, task, after, by } => {
            let Some(tenant) = known(app, &tenant).await? else { return Ok(()) };
            let run = app.table.run(&tenant.id, &run_id, app.clock.now()).await?;
            match run.filter(|run| run.status == RunStatus::Completed) {
                Some(run) => approve::settle_some(app, &tenant, &run, (&task, after.as_ref()), &by).await,
                None => Ok(()),
            }
        }
    }
}

async fn known(app: &App, tenant: &TenantId) -> Result<Option<Arc<Tenant>>, StoreError> {
    app.tenants.find(tenant, app.clock.now()).await
}

/// Does a task unless it is committed, and looks in either case whether its stage is complete: the worker that
/// committed last may have died before it looked.
async fn do_task(
    app: &App,
    tenant: &Tenant,
    run: Run,
    (stage, name): (Stage, &str),
) -> Result<(), WorkError> {
    let row = app.table.task(&tenant.id, &run.run_id, stage, name).await?;
    let Some(row) = row.filter(|row| row.epoch == run.epoch) else { return Ok(()) };
    let begun = Task { begun_at: Some(app.clock.now()), ..row };
    if begun.attempt.is_none() && app.table.write_task(&tenant.id, &run, &begun).await? {
        let attempt = app.clock.mint("att");
        let done = match stage {
            Stage::Plan => plan::plan_hours(app, tenant, &run, (name, &attempt)).await,
            Stage::Learn => learn::count_shards(app, tenant, &run, (name, &attempt)).await,
            Stage::Execute => execute::execute_shards(app, tenant, &run, (name, &attempt)).await,
        };
        match done {
            Ok(outcome) => commit(app, tenant, &run, begun, (attempt, outcome)).await?,
            Err(error) => {
                // So that it is sent again sooner; if this fails too, it is sent when it would have been over.
                drop(app.table.write_task(&tenant.id, &run, &Task { begun_at: None, ..begun }).await);
                return Err(error);
            }
        }
    }
    let resend: &[Stage] = match stage {
        Stage::Plan => &[Stage::Learn, Stage::Execute],
        Stage::Learn => &[Stage::Execute],
        Stage::Execute => &[],
    };
    advance::advance(app, tenant, run, resend).await
}

/// A lost race is no failure: whoever won computed the same from the same facts.
async fn commit(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    row: Task,
    (attempt, outcome): (String, TaskOutcome),
) -> Result<(), StoreError> {
    let committed_at = Some(app.clock.now());
    let row = Task { attempt: Some(attempt), outcome: Some(outcome), committed_at, ..row };
    let won = app.table.write_task(&tenant.id, run, &row).await?;
    tracing::info!(run_id = %run.run_id, stage = ?row.stage, task = %row.name, won, "task done");
    Ok(())
}
