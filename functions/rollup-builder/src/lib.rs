//! Counts buckets of facts anew, for reports.
//!
//! Always all facts of a bucket, and never a difference: whatever came late, twice or moved, a rollup is what the
//! facts say.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::rollup::{Recount, Tallies};
use domain::time::SECOND_MS;
use runtime::{Clock, Host, Misconfigured, Outcome};
use store::{Changes, Meter, Rollup, StoreError, Table, Tenants};

/// How many buckets of a batch are counted at a time.
const ABREAST: usize = 2;

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    clock: Clock,
    /// How long messages wait.
    delay_ms: i64,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        let delay_s: i64 = host.env.parsed("ROLLUP_DELAY_SECONDS")?;
        let delay_ms = delay_s.saturating_mul(SECOND_MS);
        Ok(Self { tenants: Tenants::of(&table), table, clock: host.clock.clone(), delay_ms })
    }

    /// What the table has billed so far.
    pub fn meter(&self) -> &Meter {
        self.table.meter()
    }
}

/// Handles one batch; the answer names the messages that must come again.
pub async fn handle(app: App, event: SqsEvent) -> SqsBatchResponse {
    let app = &app;
    runtime::each(event, ABREAST, async |asked: Recount| match rebuild(app, &asked).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let (tenant, hour) = (asked.bucket.tenant, asked.bucket.hour.name());
            tracing::error!(%tenant, hour, %error, "an hour was not counted");
            Outcome::Again
        }
    })
    .await
}

/// Counts a bucket, unless that was done since this was asked for.
///
/// If all that was ever asked for is due by now, then what other messages ask for is done too, and they will find so.
/// Otherwise a change that came later may be counted already, and is counted once more when its own message comes; none
/// is taken for counted that is not.
async fn rebuild(app: &App, Recount { bucket, changes }: &Recount) -> Result<(), StoreError> {
    let now = app.clock.now();
    let Some(tenant) = app.tenants.find(&bucket.tenant, now).await? else { return Ok(()) };
    if app.table.counted(bucket).await?.is_some_and(|counted| counted >= *changes) {
        return Ok(());
    }
    let due = |noted: &Changes| now.since(noted.noted_at) >= app.delay_ms;
    let changes = app.table.changes(bucket).await?.filter(due).map_or(*changes, |noted| noted.number);
    let facts = app.table.interactions_of(&tenant, bucket, now).await?;
    let tallies = Tallies::of(facts.iter().map(|stored| &stored.interaction));
    let rollup = Rollup { bucket: bucket.clone(), changes, tallies };
    // At least as long as the last of its facts, which was received by now.
    let expires_at = tenant.settings.expires_at(bucket.hour.start(), now);
    let written = app.table.put_rollup(&rollup, expires_at).await?;
    tracing::debug!(hour = bucket.hour.name(), facts = facts.len(), written, "an hour was counted");
    Ok(())
}
