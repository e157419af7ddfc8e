use api::fields::Nothing;
use api::{Accepted, ApiError, Body, Caller, may};
use axum::extract::{Path, State};
use domain::ids::TenantId;
use domain::run::{RunMessage, RunStatus};
use domain::time::Timestamp;
use store::Run;

use crate::App;
use crate::views::RunView;

/// Execute a run; executing one that runs already changes nothing, one that failed or was cancelled starts again
///
/// Where conversions are set right or withdrawn between planning and crediting, it begins anew by itself, twice at most.
pub(crate) async fn execute_run(
    State(app): State<App>,
    caller: Caller<may::AttributionRun>,
    Path(run_id): Path<String>,
    body: Body<Nothing>,
) -> Result<Accepted<RunView>, ApiError> {
    body.optional_reader()?.finish(Some(())).map_err(ApiError::Invalid)?;
    let tenant = &caller.tenant;
    loop {
        let run = app.run(tenant, &run_id).await?;
        match run.status {
            RunStatus::Completed => return Err(ApiError::AlreadyExecuted),
            RunStatus::Running => {
                let cutoff = run.cutoff.unwrap_or(run.created_at);
                send(&app, &tenant.id, &run, cutoff).await?;
                return Ok(Accepted(RunView::of(&run)));
            }
            RunStatus::Cancelled => {
                // So that no message from before it was called off has begun it meanwhile.
                app.access.table.replace_run(&tenant.id, &run.reopened()).await?;
            }
            RunStatus::Pending | RunStatus::Failed => {
                let cutoff = app.access.clock.now();
                let started = run.started(run.epoch + 1, cutoff);
                // The sweeper must know of it before the message is sent, and the message must be sent before the
                // run says that it runs: whatever crashes here, the run is not left saying so for ever.
                app.access.table.mark_active(&tenant.id, &run.run_id, started.epoch).await?;
                send(&app, &tenant.id, &started, cutoff).await?;
                if app.access.table.replace_run(&tenant.id, &started).await? {
                    return Ok(Accepted(RunView::of(&started)));
                }
            }
        }
    }
}

async fn send(app: &App, tenant: &TenantId, run: &Run, cutoff: Timestamp) -> Result<(), ApiError> {
    let message =
        RunMessage::Advance { tenant: tenant.clone(), run_id: run.run_id.clone(), epoch: run.epoch, cutoff };
    Ok(app.queue.send_after(tenant, &message, app.index_lag).await?)
}
