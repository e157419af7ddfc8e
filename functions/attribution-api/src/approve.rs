use api::fields::Nothing;
use api::{Accepted, ApiError, Body, Caller, may};
use axum::extract::{Path, State};
use domain::run::{RunMessage, RunStatus, Stage};

use crate::App;
use crate::views::RunView;

/// Approve a completed run, as its id names one of its models: what it credited is owed from then on, as far as nothing
/// else was
pub(crate) async fn approve_run(
    State(app): State<App>,
    caller: Caller<may::AttributionConfigure>,
    Path(run_id): Path<String>,
    body: Body<Nothing>,
) -> Result<Accepted<RunView>, ApiError> {
    body.optional_reader()?.finish(Some(())).map_err(ApiError::Invalid)?;
    let (tenant, table) = (&caller.tenant, &app.access.table);
    loop {
        let run = app.run(tenant, &run_id).await?;
        if run.status != RunStatus::Completed {
            return Err(ApiError::NotCompleted(run.status.name()));
        }
        for task in table.tasks(&tenant.id, &run, Stage::Execute).await? {
            let message = RunMessage::Approve {
                tenant: tenant.id.clone(),
                run_id: run.id(),
                task: task.name,
                after: None,
                by: caller.principal.credential.id().to_owned(),
            };
            app.queue.send(&tenant.id, &message).await?;
        }
        // Only now, so that a run that says so is being settled.
        let approved = run.approved(app.access.clock.now());
        if table.replace_run(&tenant.id, &approved).await? {
            return Ok(Accepted(RunView::of(&approved)));
        }
    }
}
