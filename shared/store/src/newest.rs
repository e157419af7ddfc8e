//! Lists that stand in the table in order of time, perhaps cut into partitions by month: read newest first, a page at a
//! time.

use domain::time::{Day, Timestamp, Zone};
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::table::{Range, Sorted, Table};
use crate::timeline::{Page, Position};

/// How many pages of the table one page of a list may read before it ends early, for filters that match little.
const MOST_READS: usize = 20;

/// An item of such a list.
pub(crate) trait Placed: DeserializeOwned {
    /// Its sort key.
    fn place(&self) -> &str;
}

/// Which part of a list is wanted.
pub(crate) struct Newest<'a> {
    /// From the first sort key to the last, both included.
    pub(crate) between: (String, String),
    /// Where the page before ended.
    pub(crate) after: Option<&'a Position>,
    pub(crate) limit: usize,
}

impl Table {
    /// The items of partitions, of which each holds what is older than the one before, as far as `keep` keeps them. A page
    /// may have fewer than asked for and not be the last.
    pub(crate) async fn newest<T: Placed>(
        &self,
        partitions: impl IntoIterator<Item = String>,
        wanted: Newest<'_>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let (mut kept, mut reads) = (Vec::new(), 0);
        let (from, mut to) = wanted.between;
        if let Some(Position(last)) = wanted.after {
            to = to.min(last.clone());
        }
        // A query from a later key to an earlier one is an error, not an empty answer.
        if from > to {
            return Ok(page_of(kept, wanted.limit));
        }
        let is_new = |item: &T| wanted.after.is_none_or(|Position(last)| last != item.place());
        for pk in partitions {
            let range = Range {
                index: None,
                pk,
                sk: Sorted::Between(from.clone(), to.clone()),
                newest_first: true,
                limit: None,
                only: None,
            };
            let mut after = None;
            loop {
                let (items, next) = self.query::<T>(&range, after).await?;
                let last = items.last().map(|item| Position(item.place().to_owned()));
                kept.extend(items.into_iter().filter(|item| is_new(item) && keep(item)));
                if kept.len() > wanted.limit {
                    return Ok(page_of(kept, wanted.limit));
                }
                reads += 1;
                after = next;
                if after.is_none() {
                    break;
                }
                if reads >= MOST_READS {
                    return Ok(Page { next: last, ..page_of(kept, wanted.limit) });
                }
            }
        }
        Ok(page_of(kept, wanted.limit))
    }
}

impl<T> Page<T> {
    /// The same of what its items tell.
    pub(crate) fn map<U>(self, told: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(told).collect(), next: self.next }
    }
}

fn page_of<T: Placed>(mut kept: Vec<T>, limit: usize) -> Page<T> {
    let more = kept.len() > limit;
    kept.truncate(limit);
    let next = kept.last().filter(|_| more).map(|last| Position(last.place().to_owned()));
    Page { items: kept, next }
}

/// The months in UTC from `newest` back to `oldest`.
pub(crate) fn months(newest: Timestamp, oldest: Timestamp) -> impl Iterator<Item = String> {
    let month = |time| Zone::UTC.hour_of(time).month();
    let last = month(oldest);
    let all = std::iter::successors(Some(month(newest)), |month| month_before(month));
    all.take_while(move |month| *month >= last)
}

/// `202401` of `202402`.
fn month_before(month: &str) -> Option<String> {
    let first = Day::parse(&format!("{}-{}-01", month.get(..4)?, month.get(4..)?))?;
    let before = first.minus(1).to_string().replace('-', "").get(..6)?.to_owned();
    Some(before).filter(|before| before != month)
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
