use api::fields::Page;
use api::{ApiError, Caller, Cursors, Data, Listed, Query, may};
use axum::extract::{Path, State};
use store::Position;

use crate::App;
use crate::views::RunView;

/// Read one run
pub(crate) async fn find_run(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    Path(run_id): Path<String>,
    query: Query<()>,
) -> Result<Data<RunView>, ApiError> {
    query.finish()?;
    Ok(Data(RunView::of(&app.run(&caller.tenant, &run_id).await?)))
}

/// List runs, newest first
pub(crate) async fn list_runs(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    mut query: Query<Page>,
) -> Result<Listed<RunView>, ApiError> {
    let tenant = &caller.tenant;
    let cursors = Cursors::of(tenant, "runs".to_owned());
    let limit = query.limit();
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let before = after.as_ref().map(|Position(key)| key.as_str());
    let (runs, next) = app.access.table.runs(&tenant.id, before, limit, app.access.clock.now()).await?;
    Ok(Listed {
        items: runs.iter().map(RunView::of).collect(),
        next_cursor: next.map(|key| cursors.seal(&Position(key))),
    })
}
