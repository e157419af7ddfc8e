//! Runs that are due by a schedule.

use domain::ids::scheduled_run_id;
use domain::run::RunConfig;
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use store::{Due, Schedule, Tenant};

use crate::begin::begin;
use crate::{App, TickError};

/// How many runs are started at a time.
const ABREAST: usize = 8;

/// Starts whatever is due. Of several times that passed while nothing was looked at, only the first is made up for.
pub(crate) async fn start_all(app: &App) -> Result<(), TickError> {
    let now = app.clock.now();
    let due = app.table.due(now).await?;
    let started = stream::iter(due).map(|due| async move { (start(app, &due, now).await, due) });
    let mut started = started.buffer_unordered(ABREAST);
    while let Some((outcome, due)) = started.next().await {
        // The next tick tries again.
        if let Err(error) = outcome {
            tracing::error!(tenant = %due.tenant, schedule_id = due.schedule_id, %error, "a run was not started");
        }
    }
    Ok(())
}

/// That it was due is forgotten last, so that whatever crashes is made up for. All of it may be done twice.
async fn start(app: &App, due: &Due, now: Timestamp) -> Result<(), TickError> {
    let Some(tenant) = app.tenants.find(&due.tenant, now).await? else { return Ok(()) };
    let schedule = app.table.schedule(&tenant.id, &due.schedule_id).await?;
    if let Some(schedule) = schedule.filter(|schedule| schedule.ended_at.is_none())
        && schedule.due_at == due.due_at
    {
        let run_id = scheduled_run_id(&tenant.id, &schedule.schedule_id, schedule.due_at);
        let (name, config) = of_its_day(&tenant, &schedule);
        begin(app, &tenant, (run_id.clone(), name), (config, &schedule.more_models), now).await?;
        let next = schedule.timing.next_after(tenant.settings.zone(), now);
        app.table.note_started(&tenant.id, &schedule, (&run_id, next)).await?;
    }
    Ok(app.table.forget_due(due).await?)
}

/// The name and the configuration of the run that is due.
fn of_its_day(tenant: &Tenant, schedule: &Schedule) -> (String, RunConfig) {
    let day = schedule.timing.day_of(tenant.settings.zone(), schedule.due_at);
    let config = RunConfig {
        start_date: Some(day.minus(u64::from(schedule.last_days)).to_string()),
        end_date: Some(day.minus(1).to_string()),
        // As the tenant has them set by then, like those of any other run of its time.
        intent_factors: RunConfig::of(schedule.config.model, &tenant.settings).intent_factors,
        ..schedule.config.clone()
    };
    (format!("{} of {day}", schedule.name), config)
}
