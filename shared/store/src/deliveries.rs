//! Deliveries that people must look at: signed but unreadable, of a type we do not know, or failing again and again.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{FactId, TenantId};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::newest::{Newest, Placed, months};
use crate::table::{Table, Unless};
use crate::tenants::Tenant;
use crate::timeline::{Page, Paging, Position};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Of a type that we do not handle (yet); it changes nothing.
    Unhandled,
    /// Signed, but not readable. It has to be sent again, set right; a replay reads the same bytes, and helps only once we
    /// read more.
    Quarantined,
    /// It could not be taken in, however often it was tried.
    DeadLettered,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 3] =
        [DeliveryState::Unhandled, DeliveryState::Quarantined, DeliveryState::DeadLettered];

    pub const fn code(self) -> &'static str {
        match self {
            DeliveryState::Unhandled => "unhandled",
            DeliveryState::Quarantined => "quarantined",
            DeliveryState::DeadLettered => "dead_lettered",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code().eq_ignore_ascii_case(text))
    }
}

/// What is known of a delivery that people must look at; what came is in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDelivery {
    pub delivery_id: String,
    pub provider: String,
    pub state: DeliveryState,
    /// Why it changed nothing.
    pub reason: String,
    /// What it tells of, if it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<FactId>,
    pub received_at: Timestamp,
    /// When somebody last had it read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct DeliveryItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    kept: KeptDelivery,
    /// When a replay took it in after all. It is kept no more then, and must not be again: its place stays taken, so
    /// that an old message that comes once more changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_at: Option<Timestamp>,
}

impl Placed for DeliveryItem {
    fn place(&self) -> &str {
        &self.sk
    }
}

impl DeliveryItem {
    fn new(tenant: &Tenant, kept: &KeptDelivery) -> Self {
        let key = keys::delivery(&tenant.id, kept.received_at, &kept.delivery_id);
        let ttl = tenant.settings.expires_at(kept.received_at, kept.received_at);
        Self { pk: key.pk, sk: key.sk, ttl, kept: kept.clone(), taken_at: None }
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        self.taken_at.is_none() && self.ttl > now.ms() / 1_000
    }
}

const STILL_KEPT: &str = "attribute_exists(pk) AND attribute_not_exists(taken_at)";

/// A replay's outcome replaces what it was sent to mend, and no later replay's.
const ANSWERS_ITS_REPLAY: &str =
    "attribute_not_exists(pk) OR (attribute_not_exists(taken_at) AND replayed_at = :replayed_at)";

impl Table {
    /// Keeps a delivery; keeping it again changes nothing, unless a replay has come to something else.
    pub async fn keep_delivery(&self, tenant: &Tenant, kept: &KeptDelivery) -> Result<(), StoreError> {
        let item = DeliveryItem::new(tenant, kept);
        match kept.replayed_at {
            None => self.put(&item, Unless::Exists).await?,
            Some(replayed_at) => {
                let replayed_at = [(":replayed_at", AttributeValue::N(replayed_at.ms().to_string()))];
                self.put(&item, Unless::Fails(ANSWERS_ITS_REPLAY, &replayed_at)).await?
            }
        };
        Ok(())
    }

    /// Notes that a kept delivery is replayed; does nothing to one that is not kept.
    pub async fn note_replay(&self, tenant: &Tenant, kept: &KeptDelivery) -> Result<(), StoreError> {
        self.put(&DeliveryItem::new(tenant, kept), Unless::Fails(STILL_KEPT, &[])).await?;
        Ok(())
    }

    /// Notes that a replayed delivery was taken in; does nothing to one that is not kept.
    pub async fn note_taken(
        &self,
        tenant: &Tenant,
        delivery_id: &str,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::delivery(&tenant.id, received_at, delivery_id);
        let found: Option<DeliveryItem> = self.get(&key).await?;
        if let Some(kept) = found.filter(|item| item.taken_at.is_none()) {
            self.put(&DeliveryItem { taken_at: Some(now), ..kept }, Unless::Never).await?;
        }
        Ok(())
    }

    /// Those of these deliveries that are kept, by their ids.
    pub async fn kept_deliveries(
        &self,
        tenant: &TenantId,
        deliveries: impl IntoIterator<Item = (Timestamp, &str)>,
        now: Timestamp,
    ) -> Result<BTreeMap<String, KeptDelivery>, StoreError> {
        let key = |(received_at, id)| keys::delivery(tenant, received_at, id);
        let keys: Vec<_> = deliveries.into_iter().map(key).collect();
        let items: Vec<DeliveryItem> = self.get_many(&keys).await?;
        let kept = items.into_iter().filter(|item| item.is_kept(now)).map(|item| item.kept);
        Ok(kept.map(|kept| (kept.delivery_id.clone(), kept)).collect())
    }

    /// A page of kept deliveries as far as `keep` keeps them, newest first.
    pub async fn kept_page(
        &self,
        tenant: &TenantId,
        paging: Paging<'_>,
        now: Timestamp,
        keep: impl Fn(&KeptDelivery) -> bool,
    ) -> Result<Page<KeptDelivery>, StoreError> {
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to).min(now);
        let partitions = months(newest, paging.span.from).map(|month| keys::deliveries(tenant, &month));
        let wanted = Newest {
            between: (paging.span.from.sortable(), format!("{}#~", paging.span.to.sortable())),
            after: paging.after,
            limit: paging.limit,
        };
        let is_kept = |item: &DeliveryItem| item.is_kept(now) && keep(&item.kept);
        Ok(self.newest(partitions, wanted, is_kept).await?.map(|item| item.kept))
    }
}
