//! Conversions: one item each, written once and only ever added to.

use std::collections::{BTreeMap, BTreeSet};

use domain::conversion::Conversion;
use domain::identifier::Identifier;
use domain::ids::{ExternalId, FactId, FactKind};
use domain::ledger::Settlement;
use domain::merged::Merged;
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::ledger::Settled;
use crate::recorded::Recorded;
use crate::table::{Item, Table, Unless, pause, written};
use crate::tenants::Tenant;

/// A conversion as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredConversion {
    pub id: FactId,
    pub conversion: Conversion,
    pub received_at: Timestamp,
    expires_at: i64,
    revision: u64,
}

impl StoredConversion {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.ms() / 1_000
    }

    /// A write of the same, which takes place if nobody wrote meanwhile; then whoever read it before must read it again.
    pub(crate) fn touched<'a>(&self, tenant: &Tenant) -> Result<(Item, Unless<'a>), StoreError> {
        let next = Self { revision: self.revision + 1, ..self.clone() };
        Ok((written(&ConversionItem::new(tenant, &next))?, Unless::Changed(self.revision)))
    }
}

impl Table {
    pub async fn conversion(
        &self,
        tenant: &Tenant,
        id: &FactId,
        now: Timestamp,
    ) -> Result<Option<StoredConversion>, StoreError> {
        let item: Option<ConversionItem> = self.get(&keys::fact(&tenant.id, id)).await?;
        Ok(item.map(StoredConversion::from).filter(|stored| !stored.is_expired(now)))
    }

    /// Reads many by id, in the order asked for; those that are gone or expired are left out.
    pub async fn conversions(
        &self,
        tenant: &Tenant,
        ids: &[FactId],
        now: Timestamp,
    ) -> Result<Vec<StoredConversion>, StoreError> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::fact(&tenant.id, id)).collect();
        let items: Vec<ConversionItem> = self.get_many(&wanted).await?;
        let stored = items.into_iter().map(StoredConversion::from).filter(|stored| !stored.is_expired(now));
        let mut found: BTreeMap<_, _> = stored.map(|stored| (stored.id.clone(), stored)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Stores a report, or merges it into what is stored. Reported again it costs a read and no write.
    ///
    /// As with interactions, links and the hour are written first, and for a refund its place at what it pays back.
    pub async fn record_conversion(
        &self,
        tenant: &Tenant,
        reported: &Conversion,
        now: Timestamp,
    ) -> Result<Recorded<StoredConversion>, StoreError> {
        let id = FactId::conversion(&tenant.id, &reported.external_id);
        let key = keys::fact(&tenant.id, &id);
        for attempt in 0.. {
            let stored = self.get::<ConversionItem>(&key).await?.map(StoredConversion::from);
            let revision = stored.as_ref().map_or(0, |stored| stored.revision + 1);
            // What has expired is gone, though it may not be deleted yet; its place is taken.
            let seen = stored.filter(|stored| !stored.is_expired(now));
            let known = seen.as_ref().map(|seen| seen.conversion.identifiers.clone()).unwrap_or_default();
            let next = match &seen {
                None => reported.clone(),
                Some(seen) => match seen.conversion.merged_with(reported) {
                    Merged::Same => return Ok(Recorded::Same(seen.clone())),
                    Merged::Contradicts(fields) => return Ok(Recorded::Contradicts(fields)),
                    Merged::Added(merged) => merged,
                },
            };
            self.link(tenant, (&next.identifiers, &known), now).await?;
            if seen.is_none() {
                self.list_refund(tenant, (&id, &next), now).await?;
                let hour = tenant.settings.zone().hour_of(next.occurred_at);
                self.list_hour(&tenant.id, FactKind::Conversion, hour).await?;
            }
            let received_at = seen.as_ref().map_or(now, |seen| seen.received_at);
            let stored = StoredConversion {
                id: id.clone(),
                received_at,
                expires_at: tenant.settings.expires_at(next.occurred_at, received_at),
                revision,
                conversion: next,
            };
            let unless = if revision == 0 { Unless::Exists } else { Unless::Changed(revision - 1) };
            if self.put(&ConversionItem::new(tenant, &stored), unless).await? {
                return Ok(if seen.is_none() { Recorded::Created(stored) } else { Recorded::Added(stored) });
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(id.to_string()))
    }

    /// Sets a conversion right as `change` says; None if there is none, an error of `change` if it is settled. What it names
    /// outside and whom stays as it was.
    pub async fn correct_conversion<E: From<StoreError>>(
        &self,
        tenant: &Tenant,
        id: &FactId,
        now: Timestamp,
        change: impl Fn(&Conversion, Option<&Settlement>) -> Result<Conversion, E>,
    ) -> Result<Option<StoredConversion>, E> {
        for attempt in 0.. {
            let Some(seen) = self.conversion(tenant, id, now).await? else { return Ok(None) };
            // Settling it writes it too, so that one of the two finds out about the other.
            let settled = self.settlement(tenant, (&Settled::from(&seen), None), now).await?;
            let next = change(&seen.conversion, settled.as_ref())?;
            if next == seen.conversion {
                return Ok(Some(seen));
            }
            let hour = tenant.settings.zone().hour_of(next.occurred_at);
            self.list_hour(&tenant.id, FactKind::Conversion, hour).await?;
            let stored = StoredConversion {
                expires_at: tenant.settings.expires_at(next.occurred_at, seen.received_at),
                revision: seen.revision + 1,
                conversion: next,
                ..seen
            };
            let unless = Unless::Changed(seen.revision);
            if self.put(&ConversionItem::new(tenant, &stored), unless).await? {
                return Ok(Some(stored));
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(id.to_string()).into())
    }
}

#[derive(Serialize, Deserialize)]
struct ConversionItem {
    pk: String,
    sk: String,
    rv: u64,
    id: FactId,
    xi: ExternalId,
    ty: String,
    ids: Vec<String>,
    am: i64,
    cu: Currency,
    at: Timestamp,
    es: String,
    /// What it pays back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rf: Option<ExternalId>,
    /// The commission, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cm: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pi: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md: Option<String>,
    ra: Timestamp,
    ttl: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    g1p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    g1s: Option<String>,
    g2p: String,
    g2s: String,
}

impl ConversionItem {
    fn new(tenant: &Tenant, stored: &StoredConversion) -> Self {
        let conversion = &stored.conversion;
        let key = keys::fact(&tenant.id, &stored.id);
        let anchor = conversion.anchor().map(|anchor| tenant.identity().node(anchor));
        Self {
            pk: key.pk,
            sk: key.sk,
            rv: stored.revision,
            id: stored.id.clone(),
            xi: conversion.external_id.clone(),
            ty: conversion.event_type.clone(),
            ids: conversion.identifiers.iter().map(Identifier::to_code).collect(),
            am: conversion.amount.minor,
            cu: conversion.amount.currency,
            at: conversion.occurred_at,
            es: conversion.event_source.clone(),
            md: conversion.metadata.clone(),
            rf: conversion.refund_of.clone(),
            cm: conversion.commission_minor,
            pi: conversion.policy_id.clone(),
            pn: conversion.policy_number.clone(),
            ra: stored.received_at,
            ttl: stored.expires_at,
            g1s: anchor.as_ref().map(|_| keys::in_timeline(conversion.occurred_at, &stored.id)),
            g1p: anchor.map(|anchor| keys::node(&tenant.id, &anchor)),
            g2p: keys::hour(&tenant.bucket(&stored.id, conversion.occurred_at)),
            g2s: keys::in_hour(conversion.occurred_at, &stored.id),
        }
    }
}

impl From<ConversionItem> for StoredConversion {
    fn from(item: ConversionItem) -> Self {
        let identifiers: BTreeSet<_> = item.ids.iter().filter_map(|code| Identifier::of_code(code)).collect();
        Self {
            id: item.id,
            conversion: Conversion {
                external_id: item.xi,
                event_type: item.ty,
                identifiers,
                amount: Money { minor: item.am, currency: item.cu },
                occurred_at: item.at,
                event_source: item.es,
                metadata: item.md,
                refund_of: item.rf,
                commission_minor: item.cm,
                policy_id: item.pi,
                policy_number: item.pn,
            },
            received_at: item.ra,
            expires_at: item.ttl,
            revision: item.rv,
        }
    }
}
