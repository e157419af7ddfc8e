//! Deliveries that people must look at: signed but unreadable, or of a type we do not know.

use std::collections::BTreeSet;

use domain::ids::TenantId;
use domain::time::{Timestamp, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless};
use crate::timeline::{Page, Paging, Position};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Of a type that we do not handle (yet); it changes nothing.
    Unhandled,
    /// Signed, but not readable; it can be replayed once the reason is gone.
    Quarantined,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 2] = [DeliveryState::Unhandled, DeliveryState::Quarantined];

    pub const fn code(self) -> &'static str {
        match self {
            DeliveryState::Unhandled => "unhandled",
            DeliveryState::Quarantined => "quarantined",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code().eq_ignore_ascii_case(text))
    }
}

/// What is known of a delivery that was kept, without what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDelivery {
    pub delivery_id: String,
    pub provider: String,
    pub state: DeliveryState,
    /// Why it changed nothing.
    pub reason: String,
    pub received_at: Timestamp,
    /// When somebody last had it read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
}

/// A delivery kept whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    #[serde(flatten)]
    pub kept: KeptDelivery,
    /// The body as it came, in base64.
    pub body: String,
    /// What makes it trusted when it is sent to the queue again.
    pub seal: String,
}

#[derive(Deserialize)]
struct ListedItem {
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    kept: KeptDelivery,
}

/// How many days one page of the list may walk before it ends early.
const MOST_DAYS: usize = 100;

/// A delivery is received this long before its id is made, at most.
const MOST_BEFORE_ID_MS: i64 = domain::time::MINUTE_MS;

#[derive(Serialize, Deserialize)]
struct DeliveryItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    delivery: Delivery,
}

impl DeliveryItem {
    fn new(tenant: &TenantId, delivery: &Delivery, expires_at: i64) -> Self {
        let key = keys::delivery(tenant, delivery.kept.received_at, &delivery.kept.delivery_id);
        Self { pk: key.pk, sk: key.sk, ttl: expires_at, delivery: delivery.clone() }
    }
}

impl Table {
    /// Keeps a delivery; keeping it again changes nothing.
    pub async fn keep_delivery(
        &self,
        tenant: &TenantId,
        delivery: &Delivery,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        self.put(&DeliveryItem::new(tenant, delivery, expires_at), Unless::Exists).await?;
        Ok(())
    }

    /// Writes what has become of a kept delivery.
    pub async fn replace_delivery(
        &self,
        tenant: &TenantId,
        delivery: &Delivery,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        self.put(&DeliveryItem::new(tenant, delivery, expires_at), Unless::Never).await?;
        Ok(())
    }

    /// A kept delivery by its id, which tells when it was made.
    pub async fn kept_delivery(
        &self,
        tenant: &TenantId,
        delivery_id: &str,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let Some(made) = Timestamp::of_minted("dlv", delivery_id) else { return Ok(None) };
        let from = made.plus_ms(-MOST_BEFORE_ID_MS);
        for day in [from, made].map(|time| Zone::UTC.day_of(time)).into_iter().collect::<BTreeSet<_>>() {
            let range = Range {
                index: None,
                pk: keys::deliveries(tenant, day),
                sk: Sorted::Between(from.sortable(), format!("{}#~", made.sortable())),
                newest_first: false,
                limit: None,
                only: None,
            };
            let items: Vec<DeliveryItem> = self.query_all(&range).await?;
            let alive = items.into_iter().filter(|item| item.ttl > now.ms() / 1_000);
            let mut deliveries = alive.map(|item| item.delivery);
            if let Some(found) = deliveries.find(|delivery| delivery.kept.delivery_id == delivery_id) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A page of kept deliveries as far as `keep` keeps them, newest first.
    pub async fn kept_page(
        &self,
        tenant: &TenantId,
        paging: Paging<'_>,
        now: Timestamp,
        keep: impl Fn(&KeptDelivery) -> bool,
    ) -> Result<Page<KeptDelivery>, StoreError> {
        const ONLY: [&str; 8] =
            ["delivery_id", "provider", "state", "reason", "received_at", "replayed_at", "sk", "ttl"];
        let before = paging.after.map(|after| after.0.clone());
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to).min(now);
        let (mut day, oldest) = (Zone::UTC.day_of(newest), Zone::UTC.day_of(paging.span.from));
        let mut kept = Vec::new();
        for _ in 0..MOST_DAYS {
            if day < oldest {
                return Ok(page_of(kept, paging.limit));
            }
            let range = Range {
                index: None,
                pk: keys::deliveries(tenant, day),
                sk: Sorted::Between(
                    paging.span.from.sortable(),
                    before.clone().unwrap_or_else(|| format!("{}#~", paging.span.to.sortable())),
                ),
                newest_first: true,
                limit: None,
                only: Some(&ONLY),
            };
            let items: Vec<ListedItem> = self.query_all(&range).await?;
            let alive = items.into_iter().filter(|item| item.ttl > now.ms() / 1_000);
            kept.extend(alive.filter(|item| before.as_ref() != Some(&item.sk) && keep(&item.kept)));
            if kept.len() > paging.limit {
                return Ok(page_of(kept, paging.limit));
            }
            day = day.minus(1);
        }
        let mut page = page_of(kept, paging.limit);
        page.next = page.next.or_else(|| Some(Position(Zone::UTC.end_of(day).sortable())));
        Ok(page)
    }
}

fn page_of(mut kept: Vec<ListedItem>, limit: usize) -> Page<KeptDelivery> {
    let more = kept.len() > limit;
    kept.truncate(limit);
    let next = kept.last().filter(|_| more).map(|last| Position(last.sk.clone()));
    Page { items: kept.into_iter().map(|item| item.kept).collect(), next }
}
