//! The ledger: how conversions were settled, what of it is whose, and disputes about it.
//!
//! Whatever changes a settlement is one transaction: the settlement, the part of it that each partner and broker may read,
//! the dispute that it is about, and the audit entry.

mod settle;

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{FactId, FactKind};
use domain::ledger::{DisputeStatus, Settlement};
use domain::party::Party;
use domain::time::{DAY_MS, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::audit::{self, Audited};
use crate::conversions::StoredConversion;
use crate::error::StoreError;
use crate::keys::{self, Key};
use crate::newest::{Newest, Placed};
use crate::packed::Packed;
use crate::table::{Item, Range, Sorted, Table, Unless, pause, written};
use crate::tenants::Tenant;
use crate::timeline::{Page, Paging, Position, Span};

pub use self::settle::NotSettled;

/// How many parts of a span are read at a time.
const ABREAST: usize = 8;

/// A settlement by what its key is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Settled {
    pub occurred_at: Timestamp,
    pub conversion: FactId,
}

/// Somebody's objection to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    pub dispute_id: String,
    pub conversion: FactId,
    pub occurred_at: Timestamp,
    pub touch: FactId,
    /// What it is about, such as `partner`.
    pub kind: String,
    pub reason: String,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    pub status: DisputeStatus,
    pub opened_at: Timestamp,
    pub opened_by: String,
    /// Whose the record was then; they may read the dispute.
    pub parties: BTreeSet<Party>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// What its end changed, so that the same request again is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// How often it has changed.
    pub revision: u64,
}

/// What is to be written together.
#[derive(Clone, Debug)]
pub struct LedgerChange {
    pub settlement: Settlement,
    pub dispute: Option<Dispute>,
    pub audited: Audited,
    /// The conversion as it was read: if it is another by now, nothing is written.
    pub unless_changed: Option<StoredConversion>,
}

/// What the table holds of a conversion's settlement and a dispute about it.
#[derive(Clone, Debug, Default)]
pub struct LedgerState {
    pub settlement: Option<Settlement>,
    pub dispute: Option<Dispute>,
}

#[derive(Serialize, Deserialize)]
struct SettlementItem {
    pk: String,
    sk: String,
    rv: u64,
    ttl: i64,
    st: Packed<Settlement>,
}

#[derive(Serialize, Deserialize)]
struct DisputeItem {
    pk: String,
    sk: String,
    rv: u64,
    ttl: i64,
    ds: Packed<Dispute>,
}

impl Placed for SettlementItem {
    fn place(&self) -> &str {
        &self.sk
    }
}

impl Placed for DisputeItem {
    fn place(&self) -> &str {
        &self.sk
    }
}

impl From<&StoredConversion> for Settled {
    fn from(stored: &StoredConversion) -> Self {
        Self { occurred_at: stored.conversion.occurred_at, conversion: stored.id.clone() }
    }
}

impl Settled {
    pub fn of(settlement: &Settlement) -> Self {
        Self { occurred_at: settlement.occurred_at, conversion: settlement.conversion.clone() }
    }

    /// Where it stands among all, in order of time.
    pub fn place(&self) -> String {
        keys::in_hour(self.occurred_at, &self.conversion)
    }

    /// Of a partner's or broker's part of it, if one is named.
    fn key(&self, tenant: &Tenant, party: Option<&Party>) -> Key {
        match party {
            None => keys::settlement(&tenant.id, self.occurred_at, &self.conversion),
            Some(party) => keys::party_share(&tenant.id, party, self.occurred_at, &self.conversion),
        }
    }
}

impl Table {
    /// How a conversion was settled: as much of it as is a partner's or broker's, if one is named.
    pub async fn settlement(
        &self,
        tenant: &Tenant,
        (of, party): (&Settled, Option<&Party>),
        now: Timestamp,
    ) -> Result<Option<Settlement>, StoreError> {
        let item: Option<SettlementItem> = self.get(&of.key(tenant, party)).await?;
        Ok(item.filter(|item| is_kept(item.ttl, now)).map(|item| item.st.0))
    }

    /// Those of these conversions that are settled.
    pub async fn settlements_of(
        &self,
        tenant: &Tenant,
        (of, party): (&[Settled], Option<&Party>),
        now: Timestamp,
    ) -> Result<BTreeMap<FactId, Settlement>, StoreError> {
        let keys: Vec<_> = of.iter().map(|settled| settled.key(tenant, party)).collect();
        let items: Vec<SettlementItem> = self.get_many(&keys).await?;
        let kept = items.into_iter().filter(|item| is_kept(item.ttl, now)).map(|item| item.st.0);
        Ok(kept.map(|settlement| (settlement.conversion.clone(), settlement)).collect())
    }

    /// Settlements of conversions of a span as far as `keep` keeps them, newest first: a partner's or broker's parts of them
    /// if one is named.
    pub async fn newest_settlements(
        &self,
        tenant: &Tenant,
        of: Option<&Party>,
        (paging, now): (Paging<'_>, Timestamp),
        keep: impl Fn(&Settlement) -> bool,
    ) -> Result<Page<Settlement>, StoreError> {
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to);
        let place = |place: String| if of.is_some() { keys::in_shares(&place) } else { place };
        let between = (place(paging.span.from.sortable()), place(format!("{}#~", paging.span.to.sortable())));
        let after = paging.after.map(|Position(last)| Position(place(last.clone())));
        let wanted = Newest { between, after: after.as_ref(), limit: paging.limit };
        let partitions: Vec<_> = match of {
            Some(party) => vec![keys::party(&tenant.id, party)],
            None => {
                let span = Span { to: newest.min(paging.span.to), ..paging.span };
                let days = self.days_of_conversions(tenant, span).await?;
                let months: BTreeSet<_> = days.into_iter().map(keys::month_of).collect();
                months.iter().rev().map(|month| keys::settlements(&tenant.id, month)).collect()
            }
        };
        let is_kept = |item: &SettlementItem| is_kept(item.ttl, now) && keep(&item.st.0);
        let mut page = self.newest(partitions, wanted, is_kept).await?;
        let bare = |Position(last): Position| {
            Position(last.strip_prefix(&keys::in_shares("")).map(str::to_owned).unwrap_or(last))
        };
        page.next = page.next.map(bare);
        Ok(page.map(|item| item.st.0))
    }

    /// The days of a span, in UTC, in which any conversion may have happened: nothing else is settled. A span may be as long
    /// as the calendar.
    async fn days_of_conversions(
        &self,
        tenant: &Tenant,
        span: Span,
    ) -> Result<BTreeSet<Timestamp>, StoreError> {
        if span.from > span.to {
            return Ok(BTreeSet::new());
        }
        let (first, last) = span.months();
        let months = self.months(&tenant.id, FactKind::Conversion, &first, &last).await?;
        let hours = months.into_iter().flat_map(|(_, hours)| hours).filter(|hour| span.touches(*hour));
        let day = |time: Timestamp| Timestamp::from_ms(time.ms() - time.ms().rem_euclid(DAY_MS));
        let days = hours.flat_map(|hour| [day(hour.start()), day(hour.end_bound().plus_ms(-1))]);
        Ok(days.filter(|day| *day <= span.to && day.plus_ms(DAY_MS) > span.from).collect())
    }

    /// Hands every settlement of conversions of a span to `take`, in no order.
    pub async fn each_settlement(
        &self,
        tenant: &Tenant,
        span: Span,
        now: Timestamp,
        mut take: impl FnMut(Settlement),
    ) -> Result<(), StoreError> {
        let days = self.days_of_conversions(tenant, span).await?;
        let ranges = days.into_iter().map(|day| {
            let last = day.plus_ms(DAY_MS - 1).min(span.to);
            let between = Sorted::Between(day.max(span.from).sortable(), format!("{}#~", last.sortable()));
            Range::of(keys::settlements(&tenant.id, &keys::month_of(day)), between)
        });
        let reads = ranges.map(|range| async move { self.query_all::<SettlementItem>(&range).await });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(ABREAST);
        while let Some(items) = reads.try_next().await? {
            items.into_iter().filter(|item| is_kept(item.ttl, now)).for_each(|item| take(item.st.0));
        }
        Ok(())
    }

    /// Reads what is there, lets `decide` make a change of it, and writes that if nobody wrote meanwhile; else tries again.
    /// None changes nothing. It answers what is there then.
    pub async fn change_ledger<E: From<StoreError>>(
        &self,
        tenant: &Tenant,
        (of, dispute_id): (&Settled, Option<&str>),
        now: Timestamp,
        decide: impl Fn(&LedgerState) -> Result<Option<LedgerChange>, E>,
    ) -> Result<LedgerState, E> {
        for attempt in 0.. {
            let item: Option<SettlementItem> = self.get(&of.key(tenant, None)).await?;
            let revision = item.as_ref().map(|item| item.rv);
            let settlement = item.filter(|item| is_kept(item.ttl, now)).map(|item| item.st.0);
            let dispute = match dispute_id {
                Some(id) => self.dispute(tenant, id, now).await?,
                None => None,
            };
            let seen = LedgerState { settlement, dispute };
            let Some(change) = decide(&seen)? else { return Ok(seen) };
            let puts = writes(tenant, (&seen, revision), &change)?;
            let forbidden = self.put_together(&puts).await?;
            // No other decision would follow from what is there: whoever asked must look at the conversion again.
            if forbidden.is_some_and(|place| place + 1 == puts.len()) && change.unless_changed.is_some() {
                break;
            }
            if forbidden.is_none() {
                let dispute = change.dispute.or(seen.dispute);
                return Ok(LedgerState { settlement: Some(change.settlement), dispute });
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(of.conversion.to_string()).into())
    }

    pub async fn dispute(
        &self,
        tenant: &Tenant,
        dispute_id: &str,
        now: Timestamp,
    ) -> Result<Option<Dispute>, StoreError> {
        let item: Option<DisputeItem> = self.get(&keys::dispute(&tenant.id, None, dispute_id)).await?;
        Ok(item.filter(|item| is_kept(item.ttl, now)).map(|item| item.ds.0))
    }

    /// Disputes, newest first: those of a partner or broker if one is named.
    pub async fn disputes(
        &self,
        tenant: &Tenant,
        of: Option<&Party>,
        (paging, now): (Paging<'_>, Timestamp),
        keep: impl Fn(&Dispute) -> bool,
    ) -> Result<Page<Dispute>, StoreError> {
        let from = keys::dispute_entries().to_owned();
        let between = (from.clone(), format!("{from}~"));
        let wanted = Newest { between, after: paging.after, limit: paging.limit };
        let is_kept = |item: &DisputeItem| is_kept(item.ttl, now) && keep(&item.ds.0);
        let page = self.newest([keys::disputes(&tenant.id, of)], wanted, is_kept).await?;
        Ok(page.map(|item| item.ds.0))
    }
}

fn is_kept(ttl: i64, now: Timestamp) -> bool {
    ttl > now.ms() / 1_000
}

/// What a change writes, all or nothing.
fn writes<'a>(
    tenant: &Tenant,
    (seen, revision): (&LedgerState, Option<u64>),
    change: &LedgerChange,
) -> Result<Vec<(Item, Unless<'a>)>, StoreError> {
    let after = &change.settlement;
    let ttl = tenant.settings.expires_at(after.occurred_at, after.settled_at);
    let rv = revision.map_or(0, |seen| seen + 1);
    let item = |key: Key, settlement: Settlement| {
        written(&SettlementItem { pk: key.pk, sk: key.sk, rv, ttl, st: Packed(settlement) })
    };
    let unless = revision.map_or(Unless::Exists, Unless::Changed);
    let mut puts = vec![(item(Settled::of(after).key(tenant, None), after.clone())?, unless)];
    // Whoever has no part in it any more is left an empty one, since nothing of the ledger is ever deleted.
    let before = seen.settlement.as_ref().map(Settlement::parties).unwrap_or_default();
    for party in before.union(&after.parties()) {
        let key = keys::party_share(&tenant.id, party, after.occurred_at, &after.conversion);
        puts.push((item(key, after.share_of(party))?, Unless::Never));
    }
    if let Some(dispute) = &change.dispute {
        let unless = match dispute.revision {
            0 => Unless::Exists,
            later => Unless::Changed(later - 1),
        };
        let item = |party: Option<&Party>| {
            let key = keys::dispute(&tenant.id, party, &dispute.dispute_id);
            let rv = dispute.revision;
            written(&DisputeItem { pk: key.pk, sk: key.sk, rv, ttl, ds: Packed(dispute.clone()) })
        };
        puts.push((item(None)?, unless));
        for party in &dispute.parties {
            puts.push((item(Some(party))?, Unless::Never));
        }
    }
    puts.push((audit::entry(tenant, &change.audited)?, Unless::Exists));
    if let Some(stored) = &change.unless_changed {
        puts.push(stored.touched(tenant)?);
    }
    Ok(puts)
}
