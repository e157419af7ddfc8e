use api::fields::Nothing;
use api::{ApiError, Body, Caller, Data, may};
use axum::extract::{Path, State};
use domain::run::RunStatus;

use crate::App;
use crate::views::RunView;

/// Cancel a run: nothing of it is published; executing it again starts over
pub(crate) async fn cancel_run(
    State(app): State<App>,
    caller: Caller<may::AttributionRun>,
    Path(run_id): Path<String>,
    body: Body<Nothing>,
) -> Result<Data<RunView>, ApiError> {
    body.optional_reader()?.finish(Some(())).map_err(ApiError::Invalid)?;
    let (tenant, table) = (&caller.tenant, &app.access.table);
    loop {
        let run = app.run(tenant, &run_id).await?;
        match run.status {
            RunStatus::Completed => return Err(ApiError::AlreadyExecuted),
            RunStatus::Failed | RunStatus::Cancelled => return Ok(Data(RunView::of(&run))),
            RunStatus::Pending | RunStatus::Running => {
                let now = app.access.clock.now();
                let cancelled = run.cancelled(now);
                // Workers that are at it find out by their next write; if one completed it meanwhile, it is completed. The
                // sweeper forgets it.
                if table.replace_run(&tenant.id, &cancelled).await? {
                    return Ok(Data(RunView::of(&cancelled)));
                }
            }
        }
    }
}
