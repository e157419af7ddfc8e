//! What happens by itself: runs that stand still are sent on their way or failed, runs that are due by a schedule start,
//! and once a day each tenant's default run starts and its last hours are counted again.

mod begin;
mod daily;
mod due;
mod sweep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ids::TenantId;
use domain::rollup::Recount;
use domain::run::RunMessage;
use domain::time::Timestamp;
use runtime::{Clock, Host, Metrics, Misconfigured, Queue, QueueError};
use store::{StoreError, Table, Tenants};

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    runs: Queue<RunMessage>,
    rollups: Queue<Recount>,
    rollup_delay: Duration,
    index_lag: Duration,
    clock: Clock,
    metrics: Metrics,
    /// Before when there is nothing daily to do for a tenant, as this container knows.
    idle_until: Arc<Mutex<HashMap<TenantId, Timestamp>>>,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self {
            tenants: Tenants::of(&table),
            table,
            runs: Queue::new(host.aws.sqs(), host.env.text("RUNS_QUEUE_URL")?),
            rollups: Queue::new(host.aws.sqs(), host.env.text("ROLLUPS_QUEUE_URL")?),
            rollup_delay: Duration::from_secs(host.env.parsed("ROLLUP_DELAY_SECONDS")?),
            index_lag: Duration::from_secs(host.env.parsed("INDEX_LAG_SECONDS")?),
            clock: host.clock.clone(),
            metrics: host.metrics.clone(),
            idle_until: Arc::default(),
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TickError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Runs at every tick of the schedule.
pub async fn handle(app: App) -> Result<(), TickError> {
    // One kind of trouble must not keep the other work from being done.
    let swept = sweep::sweep_all(&app).await;
    let started = due::start_all(&app).await;
    daily::do_all(&app).await?;
    started.and(swept)
}
