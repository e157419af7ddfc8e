//! Rollups: what was counted of each bucket of facts, and whether it still is what is there.
//!
//! A bucket has a number of changes that only grows, and its rollup says up to which of them it was certainly counted:
//! those that the indexes held by the time of the count.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::dimension::Dimension;
use domain::rollup::{Bucket, Tallies, Tally};
use domain::time::{Hour, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::packed::Packed;
use crate::table::{Range, Sorted, Table, Unless};
use crate::tenants::Tenant;

/// How many months of rollups are read at a time.
const ABREAST: usize = 8;

/// What was counted of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    pub bucket: Bucket,
    /// The number of changes that it certainly knows.
    pub changes: u64,
    pub tallies: Tallies,
}

/// What is known of the changes of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Changes {
    /// How many were noted.
    #[serde(rename = "n")]
    pub number: u64,
    /// When the last of them was.
    #[serde(rename = "na")]
    pub noted_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RollupItem {
    pk: String,
    sk: String,
    ttl: i64,
    n: u64,
    /// By the code of the dimension, so that a report reads only its own.
    #[serde(flatten)]
    dimensions: BTreeMap<String, Packed<Vec<RowItem>>>,
}

#[derive(Serialize, Deserialize)]
struct RowItem {
    k: String,
    #[serde(flatten)]
    tally: Tally,
}

/// As much of a rollup as a report reads.
#[derive(Deserialize)]
struct RowsItem {
    ttl: i64,
    #[serde(flatten)]
    dimensions: BTreeMap<String, Packed<Vec<RowItem>>>,
}

impl RollupItem {
    fn new(rollup: &Rollup, expires_at: i64) -> Self {
        let key = keys::rollup(&rollup.bucket);
        let row = |(value, tally): (&String, &Tally)| RowItem { k: value.clone(), tally: tally.clone() };
        let dimensions =
            rollup.tallies.0.iter().map(|(dimension, rows)| {
                (dimension.code().to_owned(), Packed(rows.iter().map(row).collect()))
            });
        Self { pk: key.pk, sk: key.sk, ttl: expires_at, n: rollup.changes, dimensions: dimensions.collect() }
    }

    fn tallies(self) -> Tallies {
        let mut tallies = Tallies::default();
        for (code, Packed(rows)) in self.dimensions {
            let Some(dimension) = Dimension::parse(&code) else { continue };
            rows.into_iter().for_each(|row| tallies.add(dimension, row.k, &row.tally));
        }
        tallies
    }
}

impl Table {
    /// Notes that a fact of the bucket changed; answers how often it has. Noting it twice costs a count that finds nothing
    /// new.
    pub async fn note_change(&self, bucket: &Bucket, now: Timestamp) -> Result<u64, StoreError> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let values = [(":one", number(1)), (":now", number(now.ms()))];
        let changes: Changes =
            self.update(&keys::changes(bucket), "ADD n :one SET na = :now", &values).await?;
        Ok(changes.number)
    }

    pub async fn changes(&self, bucket: &Bucket) -> Result<Option<Changes>, StoreError> {
        self.get(&keys::changes(bucket)).await
    }

    pub async fn rollup(&self, bucket: &Bucket) -> Result<Option<Rollup>, StoreError> {
        let item: Option<RollupItem> = self.get(&keys::rollup(bucket)).await?;
        Ok(item.map(|item| Rollup { bucket: bucket.clone(), changes: item.n, tallies: item.tallies() }))
    }

    /// Writes a rollup unless one that knows as many changes is there; false if it is.
    pub async fn put_rollup(&self, rollup: &Rollup, expires_at: i64) -> Result<bool, StoreError> {
        let changes = [(":n", AttributeValue::N(rollup.changes.to_string()))];
        let item = RollupItem::new(rollup, expires_at);
        self.put(&item, Unless::Fails("attribute_not_exists(pk) OR n < :n", &changes)).await
    }

    /// What was counted of the local hours that begin at `from` or later and before `until`, by the values of a
    /// dimension, added up.
    pub async fn tallies(
        &self,
        tenant: &Tenant,
        dimension: Dimension,
        (from, until): (Hour, Hour),
        now: Timestamp,
    ) -> Result<BTreeMap<String, Tally>, StoreError> {
        let only = ["ttl", dimension.code()];
        // Only months that hold facts have rollups; a range may span centuries.
        let months = self.months(&tenant.id, Tallies::KIND, &from.month(), &until.month()).await?;
        let months = stream::iter(months).map(|(month, _)| {
            let range = Range {
                index: None,
                pk: keys::rollups(&tenant.id, Tallies::KIND, &month),
                // Between the shards of the first hour, and before those of the hour after the last.
                sk: Sorted::Between(from.name(), until.name()),
                newest_first: false,
                limit: None,
                only: Some(&only),
            };
            async move { self.query_all::<RowsItem>(&range).await }
        });
        let mut months = months.buffered(ABREAST);
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        while let Some(items) = months.try_next().await? {
            let kept = items.into_iter().filter(|item| item.ttl > now.ms() / 1_000);
            for row in kept.flat_map(|item| item.dimensions.into_values().flat_map(|Packed(rows)| rows)) {
                tallies.entry(row.k).or_default().add(&row.tally);
            }
        }
        Ok(tallies)
    }
}
