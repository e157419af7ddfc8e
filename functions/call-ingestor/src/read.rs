//! One delivery: opened, read, and either told on or kept for people to look at.

use std::sync::Arc;

use domain::interaction::CallEvent;
use domain::source::Source;
use domain::time::Timestamp;
use providers::{Context, Normalised, SealedDelivery};
use store::{Delivery, DeliveryState, KeptDelivery, Tenant};

use crate::{App, Failed};

/// What a delivery tells; nothing if it was kept instead.
pub(crate) struct Told {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) source: Source,
    pub(crate) events: Vec<CallEvent>,
}

pub(crate) async fn read(app: &App, sealed: &SealedDelivery, now: Timestamp) -> Result<Told, Failed> {
    let tenant = app.tenants.find(&sealed.tenant, now).await?.ok_or(Failed::UnknownTenant)?;
    let verified = sealed.open(&tenant.key.derived(SealedDelivery::PURPOSE))?;
    let provider = verified.provider();
    let context = Context { received_at: sealed.received_at, settings: &tenant.settings };
    let events = match provider.adapter().normalise(&verified, &context) {
        Ok(Normalised::Events(events)) => events,
        Ok(Normalised::Unhandled { event_type }) => {
            let reason = format!("the event type {event_type} is not handled");
            keep(app, &tenant, sealed, DeliveryState::Unhandled, reason).await?;
            Vec::new()
        }
        Err(malformed) => {
            keep(app, &tenant, sealed, DeliveryState::Quarantined, malformed.to_string()).await?;
            Vec::new()
        }
    };
    Ok(Told { tenant, source: provider.source(), events })
}

async fn keep(
    app: &App,
    tenant: &Tenant,
    sealed: &SealedDelivery,
    state: DeliveryState,
    reason: String,
) -> Result<(), Failed> {
    let kept = KeptDelivery {
        delivery_id: sealed.delivery_id.clone(),
        provider: sealed.provider.code().to_owned(),
        state,
        reason,
        received_at: sealed.received_at,
        replayed_at: None,
    };
    let delivery = Delivery { kept, body: sealed.body.clone(), seal: sealed.seal.clone() };
    let expires_at = tenant.settings.expires_at(sealed.received_at, sealed.received_at);
    app.table.keep_delivery(&tenant.id, &delivery, expires_at).await?;
    // The reason stays with the delivery: an unknown type is a sender's text, and a log is no place for it.
    tracing::warn!(delivery_id = %sealed.delivery_id, tenant = %tenant.id, ?state, "delivery kept");
    Ok(())
}
