//! One delivery: opened, and read as far as it can be.

use std::sync::Arc;

use archive::Archived;
use domain::ids::ExternalId;
use domain::interaction::CallEvent;
use domain::time::Timestamp;
use providers::{Context, Normalised, SealedDelivery};
use runtime::{Message, Metric};
use store::{About, DeliveryState, Tenant};

use crate::{App, Failed};

/// A message whose delivery is known to be ours and its tenant's.
pub(crate) struct Opened {
    pub(crate) message_id: String,
    pub(crate) sealed: SealedDelivery,
    pub(crate) tenant: Arc<Tenant>,
    /// The call that it says it is about.
    subject: Option<ExternalId>,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Events(Vec<CallEvent>),
    /// Nothing that we can take in, and why.
    Unusable(DeliveryState, String),
}

pub(crate) async fn open(
    app: &App,
    message: Message<SealedDelivery>,
    now: Timestamp,
) -> Result<Opened, Failed> {
    let Message { id: message_id, body: sealed } = message;
    let tenant = app.tenants.find(&sealed.tenant, now).await?.ok_or(Failed::UnknownTenant)?;
    let verified = sealed.open(&tenant.key.derived(SealedDelivery::PURPOSE))?;
    let context = Context { received_at: sealed.received_at, settings: &tenant.settings };
    let adapter = verified.provider().adapter();
    let subject = adapter.subject(&verified);
    let content = match adapter.normalise(&verified, &context) {
        Ok(Normalised::Events(events)) => Content::Events(events),
        Ok(Normalised::Unhandled { event_type }) => {
            let handled = adapter.event_types().join(", ");
            let reason = format!("the event type {event_type} is not handled; those that are: {handled}");
            Content::Unusable(DeliveryState::Unhandled, reason)
        }
        Err(malformed) => Content::Unusable(DeliveryState::Quarantined, malformed.to_string()),
    };
    Ok(Opened { message_id, sealed, tenant, subject, content })
}

impl Opened {
    pub(crate) fn about(&self, event: &CallEvent) -> About {
        About { source: self.sealed.provider.source(), external_id: event.external_id.clone() }
    }

    /// As the archive keeps it.
    pub(crate) fn archived(&self) -> Archived {
        let events = match &self.content {
            Content::Events(events) => events.as_slice(),
            Content::Unusable(..) => &[],
        };
        Archived::of(self.sealed.clone(), &self.tenant, self.subject.as_ref(), events)
    }

    /// Has people look at it.
    pub(crate) async fn keep(&self, app: &App, state: DeliveryState, reason: &str) -> Result<(), Failed> {
        let kept = self.archived().kept(state, reason);
        app.table.keep_delivery(&self.tenant, &kept).await?;
        app.metrics.one(match state {
            DeliveryState::Unhandled => Metric::DeliveriesUnhandled,
            DeliveryState::Quarantined => Metric::DeliveriesQuarantined,
            DeliveryState::DeadLettered => Metric::DeliveriesDead,
        });
        // The reason stays with the delivery: an unknown type is a sender's text, and a log is no place for it.
        tracing::warn!(delivery_id = %kept.delivery_id, tenant = %self.tenant.id, ?state, "delivery kept");
        Ok(())
    }

    /// Takes it out of what people must look at, if it was there.
    pub(crate) async fn taken(&self, app: &App, now: Timestamp) -> Result<(), Failed> {
        let SealedDelivery { delivery_id, received_at, .. } = &self.sealed;
        app.table.note_taken(&self.tenant, delivery_id, *received_at, now).await?;
        Ok(())
    }
}
