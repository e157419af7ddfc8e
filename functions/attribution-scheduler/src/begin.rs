//! Beginning a run.

use domain::run::{ModelCode, RunConfig, RunMessage, RunStatus};
use domain::time::Timestamp;
use store::{Run, Tenant};

use crate::{App, TickError};

/// Creates a run of this id, name and configuration, which credits by more models too, and starts it, unless that was done
/// before.
pub(crate) async fn begin(
    app: &App,
    tenant: &Tenant,
    (run_id, name): (String, String),
    (config, more_models): (RunConfig, &[ModelCode]),
    now: Timestamp,
) -> Result<(), TickError> {
    let run = match app.table.run(&tenant.id, &run_id, now).await? {
        Some(run) => run,
        None => {
            let run = Run::new(run_id, name, config, now, tenant.settings.expires_at(now, now));
            app.table.create_run(&tenant.id, run.and_by(more_models, &tenant.settings)).await?
        }
    };
    if run.status == RunStatus::Pending {
        let (run_id, epoch) = (run.run_id.clone(), run.epoch + 1);
        tracing::info!(tenant = %tenant.id, run_id, "a run starts by itself");
        app.table.mark_active(&tenant.id, &run_id, epoch).await?;
        let message = RunMessage::Advance { tenant: tenant.id.clone(), run_id, epoch, cutoff: now };
        app.runs.send_after(&tenant.id, &message, app.index_lag).await?;
        // From here on the sweeper makes up for a message that is lost. Unless it has arrived already.
        app.table.replace_run(&tenant.id, &run.started(epoch, now)).await?;
    }
    Ok(())
}
