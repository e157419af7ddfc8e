//! Whether leads converted after their touches: never stored, so that it is true whatever arrives in which order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Access, ApiError};
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::money::Money;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use store::{Customers, Span, StoreError, StoredConversion, StoredInteraction, Tenant};

/// How many leads' timelines are read at a time.
const ABREAST: usize = 16;

/// A conversion that came next after a touch.
#[derive(Clone, Debug)]
pub(crate) struct Converted {
    pub(crate) at: Timestamp,
    pub(crate) amount: Money,
}

/// Of each touch: whose it is, and what the customer converted to next.
pub(crate) async fn of_touches(
    access: &Access,
    tenant: &Tenant,
    touches: &[StoredInteraction],
) -> Result<Vec<(Option<String>, Option<Converted>)>, ApiError> {
    let identity = tenant.identity();
    let anchors: Vec<Option<NodeId>> =
        touches.iter().map(|stored| Some(identity.node(&stored.interaction.anchor()?))).collect();
    let mut customers = Customers::of(&access.table, tenant);
    customers.find(anchors.iter().flatten().cloned()).await?;
    let mut first_touches: BTreeMap<&BTreeSet<NodeId>, Timestamp> = BTreeMap::new();
    for (stored, anchor) in touches.iter().zip(&anchors) {
        let customer = anchor.as_ref().and_then(|anchor| customers.known(anchor));
        if let Some((customer, at)) = customer.zip(stored.interaction.started_at()) {
            let first = first_touches.entry(&customer.members).or_insert(at);
            *first = (*first).min(at);
        }
    }
    let conversions = conversions_since(access, tenant, &first_touches).await?;
    let of = |(stored, anchor): (&StoredInteraction, &Option<NodeId>)| {
        let customer = anchor.as_ref().and_then(|anchor| customers.known(anchor));
        let next = customer.zip(stored.interaction.started_at()).and_then(|(customer, at)| {
            let of_customer = conversions.get(&customer.members)?;
            let next = of_customer.iter().find(|stored| stored.conversion.occurred_at >= at)?;
            let conversion = &next.conversion;
            Some(Converted { at: conversion.occurred_at, amount: conversion.amount })
        });
        (customer.and_then(|customer| Some(customer.id()?.to_string())), next)
    };
    Ok(touches.iter().zip(&anchors).map(of).collect())
}

/// The conversions of customers from a moment on, oldest first; what pays another back is none.
async fn conversions_since(
    access: &Access,
    tenant: &Tenant,
    since: &BTreeMap<&BTreeSet<NodeId>, Timestamp>,
) -> Result<HashMap<BTreeSet<NodeId>, Vec<StoredConversion>>, ApiError> {
    let now = access.clock.now();
    let timelines = since.iter().map(|(members, from)| async move {
        let span = Span { from: *from, ..Span::ALL };
        let places = access.table.facts(tenant, now).places(members, span).await?;
        let ids = places.into_iter().map(|(_, id)| id).filter(|id| id.kind() == FactKind::Conversion);
        Ok::<_, StoreError>(((*members).clone(), ids.collect::<Vec<FactId>>()))
    });
    let timelines: Vec<_> = timelines.collect();
    let found: Vec<(BTreeSet<NodeId>, Vec<FactId>)> =
        stream::iter(timelines).buffered(ABREAST).try_collect().await?;
    let ids: Vec<_> = found.iter().flat_map(|(_, ids)| ids.iter().cloned()).collect();
    let stored = access.table.conversions(tenant, &ids, now).await?;
    let whole = stored.into_iter().filter(|stored| stored.conversion.refund_of.is_none());
    let mut stored: HashMap<FactId, StoredConversion> =
        whole.map(|stored| (stored.id.clone(), stored)).collect();
    let of =
        |(members, ids): (_, Vec<FactId>)| (members, ids.iter().filter_map(|id| stored.remove(id)).collect());
    Ok(found.into_iter().map(of).collect())
}
