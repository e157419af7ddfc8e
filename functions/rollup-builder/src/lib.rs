//! Counts buckets of facts anew, for reports.
//!
//! Always all facts of a bucket, and never a difference: whatever came late, twice or moved, a rollup is what the
//! facts say.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::rollup::{Bucket, Tallies};
use runtime::{Clock, Host, Misconfigured, Outcome};
use store::{Meter, Rollup, StoreError, Table, Tenants};

/// How many buckets of a batch are counted at a time.
const ABREAST: usize = 4;

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    clock: Clock,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self { tenants: Tenants::of(&table), table, clock: host.clock.clone() })
    }

    /// What the table has billed so far.
    pub fn meter(&self) -> &Meter {
        self.table.meter()
    }
}

/// Handles one batch; the answer names the messages that must come again.
pub async fn handle(app: App, event: SqsEvent) -> SqsBatchResponse {
    let app = &app;
    runtime::each(event, ABREAST, async |bucket: Bucket| match rebuild(app, &bucket).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::error!(tenant = %bucket.tenant, hour = bucket.hour.name(), %error, "an hour was not counted");
            Outcome::Again
        }
    })
    .await
}

/// Counts a bucket, unless all its changes are counted.
///
/// The number of changes is read before the facts. A change that comes in between may be counted already, and is
/// counted once more when its own message comes; none is taken for counted that is not.
async fn rebuild(app: &App, bucket: &Bucket) -> Result<(), StoreError> {
    let now = app.clock.now();
    let Some(tenant) = app.tenants.find(&bucket.tenant, now).await? else { return Ok(()) };
    let changes = app.table.changes(bucket).await?;
    let counted = app.table.rollup(bucket).await?.map_or(0, |rollup| rollup.changes);
    if counted >= changes {
        return Ok(());
    }
    let facts = app.table.interactions_of(&tenant, bucket, now).await?;
    let tallies = Tallies::of(facts.iter().map(|stored| &stored.interaction));
    let rollup = Rollup { bucket: bucket.clone(), changes, tallies };
    // At least as long as the last of its facts, which was received by now.
    let expires_at = tenant.settings.expires_at(bucket.hour.start(), now);
    let written = app.table.put_rollup(&rollup, expires_at).await?;
    tracing::debug!(hour = bucket.hour.name(), facts = facts.len(), written, "an hour was counted");
    Ok(())
}
