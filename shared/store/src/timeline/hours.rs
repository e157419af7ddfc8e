//! A tenant's facts by the hour, and the newest of them.

use domain::ids::FactKind;
use domain::rollup::Bucket;
use domain::time::{HOUR_MS, Hour};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};

use super::{ABREAST, Fact, FactItem, Facts, Page, Paging, Position, Span, page_of};
use crate::error::StoreError;
use crate::keys;
use crate::table::{Index, Range, Sorted};

/// How many entries of each shard of an hour are read at least, for filters that leave some out.
const LEAST_READ: usize = 100;

/// How many times as many are read where those were not enough.
const MORE_EACH_TIME: usize = 8;

/// How many hours one page of a list may walk before it ends early, for filters that match little.
const MOST_HOURS: usize = 750;

impl Facts<'_> {
    /// All facts of one local hour.
    pub async fn of_hour(&self, kind: FactKind, hour: Hour) -> Result<Vec<Fact>, StoreError> {
        let mut facts = Vec::new();
        for shard in 0..self.tenant.settings.hour_shards.max(1) {
            let bucket = Bucket { tenant: self.tenant.id.clone(), kind, hour, shard };
            facts.append(&mut self.of_bucket(&bucket).await?);
        }
        Ok(facts)
    }

    /// The facts of one bucket, as the index knows it.
    pub async fn of_bucket(&self, bucket: &Bucket) -> Result<Vec<Fact>, StoreError> {
        let range = Range {
            index: Some(Index::Hour),
            pk: keys::hour(bucket),
            sk: Sorted::Between("0".to_owned(), "~".to_owned()),
            newest_first: false,
            limit: None,
            only: None,
        };
        let items: Vec<FactItem> = self.table.query_all(&range).await?;
        let facts = items.into_iter().filter_map(|item| Fact::in_hour(bucket.kind, item, self.now));
        Ok(facts.filter(|fact| !fact.expired).collect())
    }

    /// A tenant's facts of one kind, newest first, as far as `keep` keeps them.
    pub async fn newest(
        &self,
        kind: FactKind,
        paging: Paging<'_>,
        keep: impl Fn(&Fact) -> bool,
    ) -> Result<Page<Fact>, StoreError> {
        let Paging { span, after: before, limit, .. } = paging;
        let (first, last) = span.months();
        let months = self.table.months(&self.tenant.id, kind, &first, &last).await?;
        let mut hours: Vec<Hour> =
            months.into_iter().flat_map(|(_, hours)| hours).filter(|hour| span.touches(*hour)).collect();
        hours.reverse();
        if let Some(time) = before.and_then(Position::time) {
            hours.retain(|hour| hour.start() <= time);
        }
        // Where a zone shifts by half an hour, two hours overlap; no page ends between those.
        let overlaps = |walked: usize| hours[walked - 1].start().since(hours[walked].start()) < HOUR_MS;
        let walked = (MOST_HOURS..hours.len()).find(|walked| !overlaps(*walked));
        let walked_out = walked.is_some();
        hours.truncate(walked.unwrap_or(hours.len()));
        let oldest_walked = hours.last().copied();
        let least = LEAST_READ.max(limit + 2);
        let begin = |hour: Hour| async move {
            Ok((hour, self.newest_of_hour((kind, hour), (span, before), least).await?))
        };
        let mut facts = Vec::new();
        let mut begun = stream::iter(hours).map(begin).buffered(ABREAST);
        while let Some((hour, mut part)) = begun.try_next().await? {
            let mut most = least;
            loop {
                facts.extend(part.items.into_iter().filter(&keep));
                if facts.len() > limit {
                    return Ok(page_of(facts, limit));
                }
                let Some(before) = part.next else { break };
                // Who looks for few among many looks through all of them.
                most = most.saturating_mul(MORE_EACH_TIME);
                part = self.newest_of_hour((kind, hour), (span, Some(&before)), most).await?;
            }
        }
        let mut page = page_of(facts, limit);
        if walked_out {
            page.next = oldest_walked.map(|hour| Position(hour.start().sortable()));
        }
        Ok(page)
    }

    /// The newest facts of an hour in a span, before a place: so many of each shard. A busy hour holds far more than anybody
    /// looks at.
    async fn newest_of_hour(
        &self,
        (kind, hour): (FactKind, Hour),
        (span, before): (Span, Option<&Position>),
        most: usize,
    ) -> Result<Page<Fact>, StoreError> {
        let (from, mut to) = (span.from.sortable(), format!("{}#~", span.to.sortable()));
        if let Some(Position(before)) = before {
            to = to.min(before.clone());
        }
        // A query from a later key to an earlier one is an error, not an empty answer.
        if from > to {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let shards = (0..self.tenant.settings.hour_shards.max(1)).map(|shard| {
            let bucket = Bucket { tenant: self.tenant.id.clone(), kind, hour, shard };
            let range = Range {
                index: Some(Index::Hour),
                pk: keys::hour(&bucket),
                sk: Sorted::Between(from.clone(), to.clone()),
                newest_first: true,
                limit: Some(most),
                only: None,
            };
            async move { self.table.query_all::<FactItem>(&range).await }
        });
        let shards: Vec<Vec<FactItem>> = try_join_all(shards.collect::<Vec<_>>()).await?;
        // Before the last entry of a shard that was not read to its end, it holds others.
        let cut =
            shards.iter().filter(|items| items.len() >= most).filter_map(|items| items.last()?.g2s.clone());
        let next = cut.max().map(Position);
        let facts = shards.into_iter().flatten().filter_map(|item| Fact::in_hour(kind, item, self.now));
        let is_wanted = |fact: &Fact| {
            !fact.expired
                && before.is_none_or(|before| fact.position < *before)
                && next.as_ref().is_none_or(|next| fact.position >= *next)
        };
        let mut items: Vec<_> = facts.filter(is_wanted).collect();
        items.sort_by(|a, b| b.position.cmp(&a.position));
        Ok(Page { items, next })
    }
}
