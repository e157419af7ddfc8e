//! Shows people the deliveries that could not be taken in, however often it was tried, so that they can have them
//! taken in again once the cause is gone.
//!
//! What is kept leaves the dead-letter queue. What is no delivery of ours, or of no tenant that there is, stays there:
//! nobody could be shown it, and the queue's own alarm tells of it.

use std::sync::Arc;

use archive::{Archive, Archived};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use providers::{Context, Normalised, Rejected, SealedDelivery};
use runtime::{Clock, Host, Metric, Metrics, Misconfigured, Outcome};
use store::{DeliveryState, StoreError, Table, Tenants};

/// So many deliveries are kept at once.
const ABREAST: usize = 4;

const REASON: &str = "taking it in failed again and again on our side; replay it once the cause is gone";

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
}

/// Why a message must stay where it is.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("there is no such tenant")]
    UnknownTenant,
    #[error(transparent)]
    Rejected(#[from] Rejected),
    #[error("it was not archived")]
    NotArchived,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Handles one batch; the answer names the messages that stay.
pub async fn handle(app: App, event: SqsEvent) -> SqsBatchResponse {
    let app = Arc::new(app);
    let keep_one = |sealed: SealedDelivery| {
        let app = Arc::clone(&app);
        async move {
            let (delivery_id, tenant) = (sealed.delivery_id.clone(), sealed.tenant.clone());
            match keep(&app, sealed).await {
                Ok(()) => {
                    tracing::warn!(%delivery_id, %tenant, "dead letter kept");
                    Outcome::Done
                }
                Err(error) => {
                    tracing::error!(%delivery_id, %tenant, %error, "the dead letter cannot be kept");
                    Outcome::Again
                }
            }
        }
    };
    runtime::each(event, ABREAST, keep_one).await
}

async fn keep(app: &App, sealed: SealedDelivery) -> Result<(), Failed> {
    let tenant = app.tenants.find(&sealed.tenant, app.clock.now()).await?.ok_or(Failed::UnknownTenant)?;
    let verified = sealed.open(&tenant.key.derived(SealedDelivery::PURPOSE))?;
    let context = Context { received_at: sealed.received_at, settings: &tenant.settings };
    let adapter = verified.provider().adapter();
    let subject = adapter.subject(&verified);
    let events = match adapter.normalise(&verified, &context) {
        Ok(Normalised::Events(events)) => events,
        Ok(Normalised::Unhandled { .. }) | Err(_) => Vec::new(),
    };
    let archived = Archived::of(sealed, &tenant, subject.as_ref(), &events);
    let kept = archived.kept(DeliveryState::DeadLettered, REASON);
    // Every delivery that is listed is in the archive: this one may have failed before it got there.
    if !app.archive.keep(vec![archived]).await.is_empty() {
        return Err(Failed::NotArchived);
    }
    app.table.keep_delivery(&tenant, &kept).await?;
    app.metrics.one(Metric::DeliveriesDead);
    Ok(())
}
