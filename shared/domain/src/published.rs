//! Which run answers for which days.
//!
//! For one model, every day belongs to the run that knows most of it: the one with the latest cutoff that took its
//! conversions. Publishing is a join, so runs may finish in any order and be published twice.

use serde::{Deserialize, Serialize};

use crate::time::{Day, Timestamp};

/// Days from `from` to `to`, both included, and the run that answers for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub from: Day,
    pub to: Day,
    pub run_id: String,
    /// Facts received later than this are not in the run.
    pub cutoff: Timestamp,
    /// When the run is dropped, in seconds since 1970.
    pub expires_at: i64,
}

impl Published {
    fn outranks(&self, other: &Published) -> bool {
        (self.cutoff, &self.run_id) > (other.cutoff, &other.run_id)
    }

    fn within(&self, from: Day, to: Day) -> Option<Self> {
        let (from, to) = (self.from.max(from), self.to.min(to));
        (from <= to).then(|| Self { from, to, ..self.clone() })
    }
}

/// The published days of one model, oldest first, none of them twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublishedDays(Vec<Published>);

impl PublishedDays {
    /// With the days of a run, as far as no later run answers for them. What has expired by `now` is left out.
    #[must_use]
    pub fn with(&self, run: &Published, now: Timestamp) -> Self {
        let kept = self.0.iter().filter(|old| old.expires_at > now.ms() / 1_000);
        let (mut all, mut left) = (Vec::new(), vec![run.clone()]);
        for old in kept {
            if run.outranks(old) {
                all.extend(without(old, run));
            } else {
                all.push(old.clone());
                left = left.iter().flat_map(|part| without(part, old)).collect();
            }
        }
        all.extend(left);
        all.sort_by_key(|published| published.from);
        Self(merged(all))
    }

    /// The run that knows most.
    pub fn latest(&self) -> Option<&Published> {
        self.0.iter().max_by_key(|published| (published.cutoff, &published.run_id))
    }

    /// The published days from `from` to `to`, both included, oldest first.
    pub fn between(&self, from: Day, to: Day) -> Vec<Published> {
        self.0.iter().filter_map(|published| published.within(from, to)).collect()
    }
}

/// What is left of some days when others are taken out.
fn without(days: &Published, taken: &Published) -> Vec<Published> {
    if taken.to < days.from || days.to < taken.from {
        return vec![days.clone()];
    }
    let before = (days.from < taken.from).then(|| Published { to: taken.from.minus(1), ..days.clone() });
    let after = (taken.to < days.to).then(|| Published { from: taken.to.next(), ..days.clone() });
    before.into_iter().chain(after).collect()
}

/// Joins neighbours of the same run.
fn merged(days: Vec<Published>) -> Vec<Published> {
    let mut all: Vec<Published> = Vec::new();
    for next in days {
        match all.last_mut() {
            Some(last) if last.run_id == next.run_id && last.to.next() == next.from => last.to = next.to,
            _ => all.push(next),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NEVER: i64 = i64::MAX;

    fn day(number: u64) -> Day {
        Day::parse("2026-03-01").unwrap().minus(30 - number)
    }

    fn run(id: u64, from: u64, to: u64, cutoff: i64) -> Published {
        Published {
            from: day(from),
            to: day(to),
            run_id: format!("run-{id}"),
            cutoff: Timestamp::from_ms(cutoff),
            expires_at: NEVER,
        }
    }

    fn published(runs: &[Published]) -> PublishedDays {
        runs.iter().fold(PublishedDays::default(), |days, run| days.with(run, Timestamp::from_ms(0)))
    }

    #[test]
    fn a_later_run_takes_its_days_and_leaves_the_others() {
        let days = published(&[run(1, 0, 29, 1), run(2, 1, 30, 2)]);
        assert_eq!(days.0, [run(1, 0, 0, 1), run(2, 1, 30, 2)]);
        let inside = published(&[run(1, 0, 29, 1), run(2, 10, 19, 2)]);
        assert_eq!(inside.0, [run(1, 0, 9, 1), run(2, 10, 19, 2), run(1, 20, 29, 1)]);
        assert_eq!(inside.between(day(5), day(10)), [run(1, 5, 9, 1), run(2, 10, 10, 2)]);
        assert!(inside.between(day(30), day(30)).is_empty());
    }

    #[test]
    fn an_older_run_that_finishes_late_takes_only_what_nobody_has() {
        let days = published(&[run(2, 10, 19, 2), run(1, 0, 29, 1)]);
        assert_eq!(days.0, [run(1, 0, 9, 1), run(2, 10, 19, 2), run(1, 20, 29, 1)]);
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let old = Published { expires_at: 5, ..run(1, 0, 29, 1) };
        let days = PublishedDays::default().with(&old, Timestamp::from_ms(0));
        assert_eq!(days.with(&run(2, 5, 5, 2), Timestamp::from_ms(5_000)).0, [run(2, 5, 5, 2)]);
    }

    proptest! {
        #![proptest_config(crate::property(10_000))]

        #[test]
        fn every_day_belongs_to_the_latest_run_that_has_it_whatever_finished_first(
            runs in proptest::collection::vec((0..30_u64, 0..30_u64, 0..5_i64), 1..12),
            turn in 0..12_usize,
        ) {
            let runs: Vec<_> = (0..)
                .zip(&runs)
                .map(|(id, (one, other, cutoff))| run(id, *one.min(other), *one.max(other), *cutoff))
                .collect();
            let mut expected = BTreeMap::new();
            for number in 0..30 {
                let has = runs.iter().filter(|run| run.from <= day(number) && day(number) <= run.to);
                if let Some(latest) = has.max_by_key(|run| (run.cutoff, run.run_id.clone())) {
                    expected.insert(day(number), latest.run_id.clone());
                }
            }
            let days = published(&runs);
            let mut found = BTreeMap::new();
            for number in 0..30 {
                for one in days.between(day(number), day(number)) {
                    prop_assert!(found.insert(day(number), one.run_id).is_none());
                }
            }
            prop_assert_eq!(&found, &expected);
            let mut turned = runs.clone();
            turned.rotate_left(turn % runs.len());
            turned.extend(runs);
            prop_assert_eq!(published(&turned), days);
        }
    }
}
