//! Turns queued deliveries into interactions.
//!
//! A delivery is opened, read by its provider's adapter, and joined with all others of the batch that tell about the
//! same interaction; each interaction is then written once. Because joining is idempotent and takes no order, a
//! message may come twice, late, or beside another container's.

mod groups;
mod read;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::FutureExt;
use futures::future::BoxFuture;
use providers::{Rejected, SealedDelivery};
use runtime::{Clock, Host, Misconfigured};
use store::{Meter, StoreError, Table, Tenants};

use groups::Groups;

#[derive(Clone)]
pub struct App {
    table: Table,
    tenants: Tenants,
    clock: Clock,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        domain::identifier::load_numbering_plans();
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self { tenants: Tenants::of(&table), table, clock: host.clock.clone() })
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
    let mut groups = Groups::default();
    let now = app.clock.now();
    for message in messages {
        match guarded(read::read(&app, &message.body, now)).await {
            Ok(told) => groups.add(&message.id, told),
            Err(error) => {
                let delivery_id = &message.body.delivery_id;
                tracing::error!(message_id = %message.id, %delivery_id, %error, "the delivery cannot be taken");
                failed.insert(message.id);
            }
        }
    }
    failed.extend(groups.merge(&app, now).await);
    runtime::batch_response(failed)
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
