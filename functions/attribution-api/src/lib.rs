//! Runs: create, list, read, execute, read what they credited, compare them, and have them start by themselves.

mod approve;
mod cancel;
mod compare;
mod config;
mod create;
mod diff;
mod execute;
mod read;
mod results;
mod schedules;
mod unattributed;
mod views;

use api::{Access, ApiError, Routes};
use axum::Router;
use axum::extract::FromRef;
use domain::run::RunMessage;
use runtime::{Host, Misconfigured, Queue};
use store::{Run, Tenant};

#[derive(Clone)]
pub struct App {
    access: Access,
    queue: Queue<RunMessage>,
    /// How long the table's indexes may lag behind it: planning begins only after that.
    index_lag: std::time::Duration,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {
            access: Access::connect(host)?,
            queue: Queue::new(host.aws.sqs(), host.env.text("RUNS_QUEUE_URL")?),
            index_lag: std::time::Duration::from_secs(host.env.parsed("INDEX_LAG_SECONDS")?),
        })
    }

    /// The run that a path names.
    async fn run(&self, tenant: &Tenant, run_id: &str) -> Result<Run, ApiError> {
        let found = self.access.table.run(&tenant.id, run_id, self.access.clock.now()).await?;
        found.ok_or(ApiError::NotFound("run"))
    }
}

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.access.clone()
    }
}

pub fn routes() -> Routes<App> {
    Routes::default()
        .post("/v1/attribution/runs", "Create a run", create::create_run)
        .refuses(|| vec![ApiError::ModelNotAvailable("GUESS".to_owned())])
        .get("/v1/attribution/runs", "List runs, newest first", read::list_runs)
        .get("/v1/attribution/runs/{run_id}", "Read one run", read::find_run)
        .post("/v1/attribution/runs/{run_id}/execute", "Execute a run", execute::execute_run)
        .refuses(|| vec![ApiError::AlreadyExecuted])
        .post("/v1/attribution/runs/{run_id}/cancel", "Cancel a run", cancel::cancel_run)
        .refuses(|| vec![ApiError::AlreadyExecuted])
        .post("/v1/attribution/runs/{run_id}/approve", "Approve a completed run", approve::approve_run)
        .refuses(|| vec![ApiError::NotCompleted("running")])
        .get("/v1/attribution/runs/{run_id}/results", "List the credits of a run", results::list_results)
        .refuses(|| vec![ApiError::NotCompleted("running")])
        .get(
            "/v1/attribution/runs/{run_id}/unattributed",
            "List the conversions that nothing is credited for, and why",
            unattributed::list_unattributed,
        )
        .refuses(|| vec![ApiError::NotCompleted("running")])
        .post("/v1/attribution/schedules", "Have runs start by themselves", schedules::create_schedule)
        .refuses(|| vec![ApiError::ModelNotAvailable("GUESS".to_owned()), ApiError::TooMany("schedules", 50)])
        .get("/v1/attribution/schedules", "List schedules", schedules::list_schedules)
        .get("/v1/attribution/schedules/{schedule_id}", "Read one schedule", schedules::find_schedule)
        .delete("/v1/attribution/schedules/{schedule_id}", "End a schedule", schedules::end_schedule)
        .get("/v1/attribution/compare", "Compare completed runs, row by row", compare::compare_runs)
        .refuses(|| vec![ApiError::NotFound("run"), ApiError::NotCompleted("running")])
        .get("/v1/attribution/diff", "Tell what two runs credit otherwise, and why", diff::diff_runs)
        .refuses(|| vec![ApiError::NotFound("run"), ApiError::NotCompleted("running")])
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
