//! Deliveries that people must look at: signed but unreadable, of a type we do not know, or failing again and again.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{FactId, TenantId};
use domain::time::{Day, Timestamp, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless};
use crate::tenants::Tenant;
use crate::timeline::{Page, Paging, Position};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Of a type that we do not handle (yet); it changes nothing.
    Unhandled,
    /// Signed, but not readable; it can be replayed once the reason is gone.
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

/// How many pages of the table one page of the list may read before it ends early, for filters that match little.
const MOST_READS: usize = 20;

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
        let before = paging.after.map(|after| after.0.clone());
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to).min(now);
        let (mut kept, mut reads) = (Vec::new(), 0);
        // A query from a later key to an earlier one is an error, not an empty answer.
        if paging.span.from > newest {
            return Ok(page_of(kept, paging.limit));
        }
        for month in months(newest, paging.span.from) {
            let range = Range {
                index: None,
                pk: keys::deliveries(tenant, &month),
                sk: Sorted::Between(
                    paging.span.from.sortable(),
                    before.clone().unwrap_or_else(|| format!("{}#~", paging.span.to.sortable())),
                ),
                newest_first: true,
                limit: None,
                only: None,
            };
            let mut after = None;
            loop {
                let (items, next) = self.query::<DeliveryItem>(&range, after).await?;
                let last = items.last().map(|item| Position(item.sk.clone()));
                let items = items.into_iter().filter(|item| item.is_kept(now));
                kept.extend(items.filter(|item| before.as_ref() != Some(&item.sk) && keep(&item.kept)));
                if kept.len() > paging.limit {
                    return Ok(page_of(kept, paging.limit));
                }
                reads += 1;
                after = next;
                if after.is_none() {
                    break;
                }
                if reads >= MOST_READS {
                    return Ok(Page { next: last, ..page_of(kept, paging.limit) });
                }
            }
        }
        Ok(page_of(kept, paging.limit))
    }
}

/// The months in UTC from `newest` back to `oldest`.
fn months(newest: Timestamp, oldest: Timestamp) -> impl Iterator<Item = String> {
    let month = |time| Zone::UTC.hour_of(time).month();
    let last = month(oldest);
    let all = std::iter::successors(Some(month(newest)), |month| month_before(month));
    all.take_while(move |month| *month >= last)
}

/// `202401` of `202402`.
fn month_before(month: &str) -> Option<String> {
    let first = Day::parse(&format!("{}-{}-01", month.get(..4)?, month.get(4..)?))?;
    Some(first.minus(1).to_string().replace('-', "").get(..6)?.to_owned())
}

fn page_of(mut kept: Vec<DeliveryItem>, limit: usize) -> Page<KeptDelivery> {
    let more = kept.len() > limit;
    kept.truncate(limit);
    let next = kept.last().filter(|_| more).map(|last| Position(last.sk.clone()));
    Page { items: kept.into_iter().map(|item| item.kept).collect(), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_walked_back_over_the_turn_of_the_year() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let walked = months(at("2024-03-31T23:59:59Z"), at("2023-11-30T00:00:00Z"));
        assert_eq!(walked.collect::<Vec<_>>(), ["202403", "202402", "202401", "202312", "202311"]);
        assert_eq!(months(at("2024-03-01T00:00:00Z"), at("2024-04-01T00:00:00Z")).count(), 0);
    }
}
