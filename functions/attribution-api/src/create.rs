use api::fields::Text;
use api::{ApiError, Body, Caller, Created, may};
use axum::extract::State;
use domain::json;
use domain::run::ModelCode;
use schemars::JsonSchema;
use store::Run;

use crate::App;
use crate::config::{ConfigRequest, Days, take_configured, take_more_models};
use crate::views::RunView;

/// What to attribute, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct RunRequest {
    model_code: ModelCode,
    /// By what other models to credit too. What happened is read once for all of them; each has credits, totals and sums of
    /// its own, found under the run's id and its code, `run_…:LINEAR`
    #[schemars(length(max = 15), example = [ModelCode::Linear])]
    more_models: Option<Vec<ModelCode>>,
    /// The model and the time unless given
    #[schemars(example = &"January")]
    name: Option<Text<128>>,
    config: Option<ConfigRequest>,
}

/// Create a run; it does nothing until it is executed
pub(crate) async fn create_run(
    State(app): State<App>,
    caller: Caller<may::AttributionRun>,
    body: Body<RunRequest>,
) -> Result<Created<RunView>, ApiError> {
    let tenant = &caller.tenant;
    let mut body = body.reader()?;
    let configured = take_configured(&mut body, tenant, Days::Asked);
    let more_models = take_more_models(&mut body);
    let name = body.optional("name", json::printable(128));
    let config = body.finish(configured).map_err(ApiError::Invalid)??;
    let now = app.access.clock.now();
    let run = Run::new(
        caller.mint(&app.access.clock, "run"),
        name.unwrap_or_else(|| format!("{} of {now}", config.model.code())),
        config,
        now,
        tenant.settings.expires_at(now, now),
    );
    let created = app.access.table.create_run(&tenant.id, run.and_by(&more_models, &tenant.settings)).await?;
    Ok(Created(RunView::of(&created)))
}
