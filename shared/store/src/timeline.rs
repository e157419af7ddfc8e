//! Facts in order of time: a customer's, or a tenant's.

use std::collections::BTreeSet;

use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::money::{Currency, Money};
use domain::time::{Day, Hour, Timestamp, Zone};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys;
use crate::table::{Index, Range, Sorted, Table};
use crate::tenants::Tenant;

mod hours;

/// How many partitions of a list are read at a time.
const ABREAST: usize = 8;

/// From one moment to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    pub const ALL: Span = Span { from: Timestamp::from_ms(0), to: Timestamp::from_ms(9_999_999_999_999) };

    /// Whole days of a zone, both included, each open if absent.
    pub fn of_days(start: Option<Day>, end: Option<Day>, zone: Zone) -> Self {
        Self {
            from: start.map_or(Self::ALL.from, |day| zone.start_of(day)),
            to: end.map_or(Self::ALL.to, |day| zone.end_of(day).plus_ms(-1)),
        }
    }

    pub(crate) fn months(self) -> (String, String) {
        let month = |time: Timestamp| Zone::UTC.hour_of(time).month();
        // A local hour may begin in the month before the fact.
        (month(self.from.plus_ms(-2 * domain::time::HOUR_MS).max(Self::ALL.from)), month(self.to))
    }

    pub(crate) fn touches(self, hour: Hour) -> bool {
        hour.start() <= self.to && hour.end_bound() > self.from
    }
}

/// Where in a list a page ends: the sort key of its last fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub String);

impl Position {
    /// Where a delivery stands among all of its tenant's.
    pub fn of_delivery(received_at: Timestamp, delivery_id: &str) -> Self {
        Self(format!("{}#{delivery_id}", received_at.sortable()))
    }

    /// In a list of the newest first: before all that happened earlier than `time`.
    pub fn before(time: Timestamp) -> Self {
        Self(format!("{}#~", time.plus_ms(-1).sortable()))
    }

    pub fn time(&self) -> Option<Timestamp> {
        self.0.split('#').next()?.parse().ok().map(Timestamp::from_ms)
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Paging<'a> {
    pub span: Span,
    /// Where the page before ended.
    pub after: Option<&'a Position>,
    pub limit: usize,
    pub newest_first: bool,
}

/// A page of facts, and where the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Position>,
}

/// A fact as the indexes know it: what rarely changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub id: FactId,
    pub time: Timestamp,
    /// The identifier it is anchored at; None if it has none.
    pub anchor: Option<NodeId>,
    pub received_at: Timestamp,
    pub channel: Option<String>,
    pub vendor_code: Option<String>,
    pub agent_id: Option<String>,
    pub team_id: Option<String>,
    pub event_type: Option<String>,
    pub amount: Option<Money>,
    position: Position,
    /// Expired facts are still there for a while; a page of them is not the end of a list.
    expired: bool,
}

#[derive(Deserialize)]
struct FactItem {
    g1p: Option<String>,
    g1s: Option<String>,
    g2s: Option<String>,
    ch: Option<String>,
    vn: Option<String>,
    ag: Option<String>,
    tm: Option<String>,
    ty: Option<String>,
    am: Option<i64>,
    cu: Option<Currency>,
    ra: Timestamp,
    ttl: i64,
}

impl Fact {
    fn of(item: FactItem, (time, id): (Timestamp, FactId), position: String, now: Timestamp) -> Self {
        let anchor = item.g1p.as_deref().and_then(|pk| NodeId::from_bare(pk.rsplit('#').next()?));
        Self {
            id,
            time,
            anchor,
            received_at: item.ra,
            channel: item.ch,
            vendor_code: item.vn,
            agent_id: item.ag,
            team_id: item.tm,
            event_type: item.ty,
            amount: item.am.zip(item.cu).map(|(minor, currency)| Money { minor, currency }),
            position: Position(position),
            expired: item.ttl <= now.ms() / 1_000,
        }
    }

    fn in_timeline(item: FactItem, now: Timestamp) -> Option<Self> {
        let position = item.g1s.clone()?;
        Some(Self::of(item, keys::timeline_entry(&position)?, position, now))
    }

    fn in_hour(kind: FactKind, item: FactItem, now: Timestamp) -> Option<Self> {
        let position = item.g2s.clone()?;
        Some(Self::of(item, keys::hour_entry(kind, &position)?, position, now))
    }
}

/// Which entries of a timeline are read, and what of them.
struct Entries<'a> {
    between: (String, String),
    newest_first: bool,
    limit: Option<usize>,
    only: Option<&'a [&'a str]>,
}

/// A tenant's facts as of a moment: what has expired by then is left out.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    table: &'a Table,
    tenant: &'a Tenant,
    now: Timestamp,
}

impl Table {
    pub fn facts<'a>(&'a self, tenant: &'a Tenant, now: Timestamp) -> Facts<'a> {
        Facts { table: self, tenant, now }
    }
}

impl Facts<'_> {
    /// The facts of a customer as far as `keep` keeps them: the timelines of its members, merged.
    pub async fn timeline(
        &self,
        members: &BTreeSet<NodeId>,
        paging: Paging<'_>,
        keep: impl Fn(&Fact) -> bool,
    ) -> Result<Page<Fact>, StoreError> {
        let mut kept = Vec::new();
        let mut after = paging.after.cloned();
        loop {
            let next = Paging { after: after.as_ref(), ..paging };
            let chunk = self.timeline_chunk(members, next).await?;
            kept.extend(chunk.items.into_iter().filter(|fact| !fact.expired && keep(fact)));
            after = chunk.next;
            if after.is_none() || kept.len() > paging.limit {
                let mut page = page_of(kept, paging.limit);
                // What was cut off the last chunk lies after the page's end, not after the chunk's.
                page.next = page.next.or(after);
                return Ok(page);
            }
        }
    }

    /// When a customer's facts of a span happened, and which they are, in order. It reads of the index only that.
    pub async fn places(
        &self,
        members: &BTreeSet<NodeId>,
        span: Span,
    ) -> Result<Vec<(Timestamp, FactId)>, StoreError> {
        #[derive(Deserialize)]
        struct PlaceItem {
            g1s: String,
            ttl: i64,
        }
        let entries = Entries {
            between: (span.from.sortable(), format!("{}#~", span.to.sortable())),
            newest_first: false,
            limit: None,
            only: Some(&["g1s", "ttl"]),
        };
        let items: Vec<PlaceItem> = self.entries(members, entries).await?;
        let kept = items.into_iter().filter(|item| item.ttl > self.now.ms() / 1_000);
        // A fact that has just moved from one member to another may stand in the index twice for a moment.
        let places: BTreeSet<_> = kept.filter_map(|item| keys::timeline_entry(&item.g1s)).collect();
        Ok(places.into_iter().collect())
    }

    /// The next facts of all members in order, as many as a page has at least if there are so many.
    async fn timeline_chunk(
        &self,
        members: &BTreeSet<NodeId>,
        paging: Paging<'_>,
    ) -> Result<Page<Fact>, StoreError> {
        let (mut from, mut to) = (paging.span.from.sortable(), format!("{}#~", paging.span.to.sortable()));
        match paging.after {
            Some(Position(last)) if paging.newest_first => to = to.min(last.clone()),
            // The smallest key that sorts after it.
            Some(Position(last)) => from = from.max(format!("{last}\u{1}")),
            None => {}
        }
        if from > to {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let entries = Entries {
            between: (from, to),
            newest_first: paging.newest_first,
            limit: Some(paging.limit + 2),
            only: None,
        };
        let items: Vec<FactItem> = self.entries(members, entries).await?;
        let facts = items.into_iter().filter_map(|item| Fact::in_timeline(item, self.now));
        let mut facts: Vec<_> = facts.filter(|fact| paging.after != Some(&fact.position)).collect();
        facts.sort_by(|a, b| a.position.cmp(&b.position));
        // A fact that has just moved from one member to another may stand in the index twice for a moment.
        facts.dedup_by(|a, b| a.position == b.position);
        if paging.newest_first {
            facts.reverse();
        }
        Ok(page_of(facts, paging.limit))
    }

    /// The entries of all members' timelines, in no order.
    async fn entries<T: DeserializeOwned>(
        &self,
        members: &BTreeSet<NodeId>,
        wanted: Entries<'_>,
    ) -> Result<Vec<T>, StoreError> {
        let ranges = members.iter().map(|member| Range {
            index: Some(Index::Timeline),
            pk: keys::node(&self.tenant.id, member),
            sk: Sorted::Between(wanted.between.0.clone(), wanted.between.1.clone()),
            newest_first: wanted.newest_first,
            limit: wanted.limit,
            only: wanted.only,
        });
        let read = ranges.map(|range| async move { self.table.query_all(&range).await });
        stream::iter(read.collect::<Vec<_>>()).buffer_unordered(ABREAST).try_concat().await
    }
}

fn page_of(mut facts: Vec<Fact>, limit: usize) -> Page<Fact> {
    let more = facts.len() > limit;
    facts.truncate(limit);
    let next = facts.last().filter(|_| more).map(|fact| fact.position.clone());
    Page { items: facts, next }
}
