//! Turns queued deliveries into interactions.
//!
//! A delivery is opened, read by its provider's adapter, archived as it came, and joined with all others of the batch
//! that tell about the same interaction; each interaction is then written once. Because joining is idempotent and takes
//! no order, a message may come twice, late, or beside another container's.

mod groups;
mod read;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use archive::Archive;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::time::Timestamp;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers::{Rejected, SealedDelivery};
use runtime::{Clock, Host, Metrics, Misconfigured};
use store::{Meter, StoreError, Table, Tenants};

use groups::Groups;
use read::{Content, Opened};

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    archive: Archive,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self {
            tenants: Tenants::of(&table),
            table,
            archive: Archive::new(host.aws.s3(), host.env.text("ARCHIVE_BUCKET")?),
            clock: host.clock.clone(),
            metrics: host.metrics.clone(),
        })
    }

    /// What the table has billed so far.
    pub fn meter(&self) -> &Meter {
        self.table.meter()
    }
}

/// Why a message must come again, or be put aside if it keeps failing.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("there is no such tenant")]
    UnknownTenant,
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the handler panicked")]
    Panicked,
}

/// Handles one batch; the answer names the messages that must come again.
pub async fn handle(app: App, event: SqsEvent) -> SqsBatchResponse {
    let (messages, unreadable) = runtime::parse_batch::<SealedDelivery>(event);
    let mut failed: BTreeSet<String> = unreadable.into_iter().collect();
    let now = app.clock.now();
    let mut opened = Vec::new();
    for message in messages {
        let (message_id, delivery_id) = (message.id.clone(), message.body.delivery_id.clone());
        match guarded(read::open(&app, message, now)).await {
            Ok(delivery) => opened.push(delivery),
            Err(error) => failed.extend([refused(message_id, &delivery_id, &error)]),
        }
    }
    // Nothing is applied, or shown to people, without what came being kept.
    let lost = app.archive.keep(opened.iter().map(Opened::archived).collect()).await;
    let (lost, kept): (Vec<_>, Vec<_>) =
        opened.into_iter().partition(|delivery| lost.contains(&delivery.sealed.delivery_id));
    failed.extend(lost.into_iter().map(|delivery| delivery.message_id));
    failed.extend(apply(&app, &kept, now).await);
    runtime::batch_response(failed)
}

/// Takes in what was archived; answers the messages that must come again.
async fn apply(app: &App, deliveries: &[Opened], now: Timestamp) -> BTreeSet<String> {
    let mut failed = BTreeSet::new();
    let mut groups = Groups::default();
    let mut replayed = Vec::new();
    for delivery in deliveries {
        match &delivery.content {
            Content::Events(events) => {
                events.iter().for_each(|event| groups.add(delivery, event));
                replayed.extend(delivery.sealed.replayed_at.map(|_| delivery));
            }
            Content::Unusable(state, reason) => {
                failed.extend(again(delivery, guarded(delivery.keep(app, *state, reason)).await));
            }
        }
    }
    failed.extend(groups.merge(app, now).await);
    for delivery in replayed {
        if !failed.contains(&delivery.message_id) {
            failed.extend(again(delivery, guarded(delivery.taken(app, now)).await));
        }
    }
    failed
}

fn again(delivery: &Opened, outcome: Result<(), Failed>) -> Option<String> {
    let error = outcome.err()?;
    Some(refused(delivery.message_id.clone(), &delivery.sealed.delivery_id, &error))
}

fn refused(message_id: String, delivery_id: &str, error: &Failed) -> String {
    tracing::error!(message_id, delivery_id, %error, "the delivery cannot be taken");
    message_id
}

/// A panic is one message's or one interaction's failure, and not the whole batch's.
///
/// Boxed, since the table's futures are large and nest too deeply for the compiler to lay out in one.
fn guarded<'a, T: 'a>(
    work: impl Future<Output = Result<T, Failed>> + Send + 'a,
) -> BoxFuture<'a, Result<T, Failed>> {
    AssertUnwindSafe(work).catch_unwind().map(|done| done.unwrap_or(Err(Failed::Panicked))).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_of_its_own_work() {
        let outcome = guarded(async { panic!("on purpose") }).await;
        assert!(matches!(outcome, Err::<(), _>(Failed::Panicked)));
        assert_eq!(guarded(async { Ok(7) }).await.unwrap(), 7);
    }
}
