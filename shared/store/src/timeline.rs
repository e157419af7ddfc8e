//! Facts in order of time: a customer's, or a tenant's.

use std::collections::BTreeSet;

use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::money::{Currency, Money};
use domain::time::{Hour, Timestamp, Zone};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::error::StoreError;
use crate::keys;
use crate::table::{Index, Range, Sorted, Table};
use crate::tenants::Tenant;

/// How many partitions of a list are read at a time.
const ABREAST: usize = 8;

/// How many hours one page of a list may walk before it ends early, for filters that match little.
const MOST_HOURS: usize = 750;

/// From one moment to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    pub const ALL: Span = Span {
        from: Timestamp::from_ms(0),
        to: Timestamp::from_ms(9_999_999_999_999),
    };

    fn months(self) -> (String, String) {
        let month = |time: Timestamp| Zone::UTC.hour_of(time).month();
        // A local hour may begin in the month before the fact.
        (
            month(
                self.from
                    .plus_ms(-2 * domain::time::HOUR_MS)
                    .max(Self::ALL.from),
            ),
            month(self.to),
        )
    }

    fn touches(self, hour: Hour) -> bool {
        hour.start() <= self.to && hour.end_bound() > self.from
    }
}

/// Where in a list a page ends: the sort key of its last fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub String);

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
    position: String,
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
    fn of(
        item: FactItem,
        time: Timestamp,
        id: FactId,
        position: String,
        now: Timestamp,
    ) -> Option<Self> {
        let anchor = item
            .g1p
            .as_deref()
            .and_then(|pk| NodeId::from_bare(pk.rsplit('#').next()?));
        let amount = item
            .am
            .zip(item.cu)
            .map(|(minor, currency)| Money { minor, currency });
        (item.ttl > now.ms() / 1_000).then_some(Self {
            id,
            time,
            anchor,
            received_at: item.ra,
            channel: item.ch,
            vendor_code: item.vn,
            agent_id: item.ag,
            team_id: item.tm,
            event_type: item.ty,
            amount,
            position,
        })
    }

    fn in_timeline(item: FactItem, now: Timestamp) -> Option<Self> {
        let position = item.g1s.clone()?;
        let (time, id) = keys::timeline_entry(&position)?;
        Self::of(item, time, id, position, now)
    }

    fn in_hour(kind: FactKind, item: FactItem, now: Timestamp) -> Option<Self> {
        let position = item.g2s.clone()?;
        let (time, id) = keys::hour_entry(kind, &position)?;
        Self::of(item, time, id, position, now)
    }
}

impl Table {
    /// The facts of a customer, oldest first, after `after`: the timelines of its members, merged.
    pub async fn timeline(
        &self,
        tenant: &Tenant,
        members: &BTreeSet<NodeId>,
        span: Span,
        page: (Option<&Position>, usize),
        now: Timestamp,
    ) -> Result<Page<Fact>, StoreError> {
        let (after, limit) = page;
        let from = match after {
            // The smallest key that sorts after it.
            Some(Position(last)) => format!("{last}\u{1}").max(span.from.sortable()),
            None => span.from.sortable(),
        };
        let to = format!("{}#~", span.to.sortable());
        let timelines = stream::iter(members)
            .map(|member| {
                let range = Range {
                    index: Some(Index::Timeline),
                    pk: keys::node(&tenant.id, member),
                    sk: Sorted::Between(from.clone(), to.clone()),
                    newest_first: false,
                    limit: (limit < usize::MAX).then_some(limit.saturating_add(1)),
                };
                async move { self.query_all::<FactItem>(&range).await }
            })
            .buffer_unordered(ABREAST);
        let facts: Vec<Vec<FactItem>> = timelines.try_collect().await?;
        let mut facts: Vec<_> = facts
            .into_iter()
            .flatten()
            .filter_map(|item| Fact::in_timeline(item, now))
            .collect();
        facts.sort_by(|a, b| a.position.cmp(&b.position));
        Ok(page_of(facts, limit))
    }

    /// All facts of one local hour.
    pub async fn facts_of_hour(
        &self,
        tenant: &Tenant,
        kind: FactKind,
        hour: Hour,
        now: Timestamp,
    ) -> Result<Vec<Fact>, StoreError> {
        let range = |shard| Range {
            index: Some(Index::Hour),
            pk: keys::hour(&tenant.id, kind, hour, shard),
            sk: Sorted::Between("0".to_owned(), "~".to_owned()),
            newest_first: false,
            limit: None,
        };
        let mut facts = Vec::new();
        for shard in 0..tenant.settings.hour_shards.max(1) {
            let items: Vec<FactItem> = self.query_all(&range(shard)).await?;
            facts.extend(
                items
                    .into_iter()
                    .filter_map(|item| Fact::in_hour(kind, item, now)),
            );
        }
        Ok(facts)
    }

    /// A tenant's facts of one kind, newest first, before `before`, as far as `keep` keeps them.
    pub async fn newest(
        &self,
        tenant: &Tenant,
        kind: FactKind,
        span: Span,
        page: (Option<&Position>, usize),
        keep: impl Fn(&Fact) -> bool,
        now: Timestamp,
    ) -> Result<Page<Fact>, StoreError> {
        let (before, limit) = page;
        let (first, last) = span.months();
        let months = self.months(&tenant.id, kind, &first, &last).await?;
        let mut hours: Vec<Hour> = months
            .into_iter()
            .flat_map(|(_, hours)| hours)
            .filter(|hour| span.touches(*hour))
            .collect();
        hours.reverse();
        if let Some((time, _)) = before.and_then(|Position(key)| keys::hour_entry(kind, key)) {
            hours.retain(|hour| hour.start() <= time);
        }
        let walked_out = hours.len() > MOST_HOURS;
        hours.truncate(MOST_HOURS);
        let oldest_walked = hours.last().copied();
        let mut facts = Vec::new();
        let mut read = stream::iter(hours)
            .map(|hour| self.facts_of_hour(tenant, kind, hour, now))
            .buffered(ABREAST);
        while let Some(mut of_hour) = read.try_next().await? {
            of_hour.retain(|fact| {
                (span.from..=span.to).contains(&fact.time)
                    && before.is_none_or(|Position(key)| fact.position < *key)
                    && keep(fact)
            });
            of_hour.sort_by(|a, b| b.position.cmp(&a.position));
            facts.extend(of_hour);
            if facts.len() > limit {
                return Ok(page_of(facts, limit));
            }
        }
        let mut page = page_of(facts, limit);
        if walked_out {
            page.next = oldest_walked.map(|hour| Position(hour.start().sortable()));
        }
        Ok(page)
    }
}

fn page_of(mut facts: Vec<Fact>, limit: usize) -> Page<Fact> {
    let more = facts.len() > limit;
    facts.truncate(limit);
    let next = facts
        .last()
        .filter(|_| more)
        .map(|fact| Position(fact.position.clone()));
    Page { items: facts, next }
}
