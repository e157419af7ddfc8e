//! Rollups: what was counted of each bucket of facts, and whether it still is what is there.
//!
//! A bucket has a number of changes that only grows, and its rollup says up to which of them it was certainly counted:
//! those that the indexes held by the time of the count.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

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

/// How many bytes of rows one item holds: under DynamoDB's 400 kB with one row more.
const MOST_BYTES: usize = 380_000;

#[derive(Serialize)]
struct RollupItem {
    pk: String,
    sk: String,
    ttl: i64,
    n: u64,
    /// What the further items are called that hold what does not fit into this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<String>,
    /// By the code of the dimension, so that a report reads only its own.
    #[serde(flatten)]
    dimensions: Rows,
}

type Rows = BTreeMap<String, Packed<Vec<RowItem>>>;

#[derive(Serialize, Deserialize)]
struct RowItem {
    k: String,
    #[serde(flatten)]
    tally: Tally,
}

/// As much of a rollup as a report reads.
#[derive(Deserialize)]
struct RowsItem {
    sk: String,
    ttl: i64,
    #[serde(default)]
    more: Option<String>,
    #[serde(flatten)]
    dimensions: Rows,
}

#[derive(Deserialize)]
struct CountedItem {
    n: u64,
}

/// The rows, as few items as they fit into; one if there is none.
fn pieces(tallies: &Tallies) -> Vec<Rows> {
    let (mut pieces, mut bytes) = (vec![Rows::new()], 0);
    for (dimension, rows) in &tallies.0 {
        for (value, tally) in rows {
            let row = RowItem { k: value.clone(), tally: tally.clone() };
            let size = serde_json::to_string(&row).map_or(0, |text| text.len() + 1);
            bytes += size;
            if bytes > MOST_BYTES {
                pieces.push(Rows::new());
                bytes = size;
            }
            if let Some(piece) = pieces.last_mut() {
                piece.entry(dimension.code().to_owned()).or_default().0.push(row);
            }
        }
    }
    pieces
}

/// The item of a rollup, and those that hold what does not fit into it. These are named after what they hold, so that
/// those of another count are others.
fn items(rollup: &Rollup, expires_at: i64) -> Vec<RollupItem> {
    let key = keys::rollup(&rollup.bucket);
    let pieces = pieces(&rollup.tallies);
    let more = (pieces.len() > 1).then(|| {
        let mut hash = DefaultHasher::new();
        format!("{:?}", rollup.tallies).hash(&mut hash);
        format!("{:016x}", hash.finish())
    });
    let item = |(number, dimensions): (usize, Rows)| RollupItem {
        pk: key.pk.clone(),
        sk: match &more {
            Some(name) if number > 0 => format!("{}#{name}#{number:03}", key.sk),
            Some(_) | None => key.sk.clone(),
        },
        ttl: expires_at,
        n: rollup.changes,
        more: more.clone().filter(|_| number == 0),
        dimensions,
    };
    pieces.into_iter().enumerate().map(item).collect()
}

/// Without what was left behind by other counts; the items of a bucket stand one after another, its own first.
fn current(items: Vec<RowsItem>) -> impl Iterator<Item = RowsItem> {
    let mut named: Option<String> = None;
    items.into_iter().filter(move |item| {
        let mut parts = item.sk.splitn(3, '#').skip(2);
        match parts.next() {
            None => {
                named = item.more.as_ref().map(|name| format!("{name}#"));
                true
            }
            Some(part) => named.as_ref().is_some_and(|name| part.starts_with(name)),
        }
    })
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

    /// Up to which change a bucket was counted; None if it never was.
    pub async fn counted(&self, bucket: &Bucket) -> Result<Option<u64>, StoreError> {
        let item: Option<CountedItem> = self.get(&keys::rollup(bucket)).await?;
        Ok(item.map(|item| item.n))
    }

    /// Writes a rollup unless one that knows as many changes is there; false if it is.
    pub async fn put_rollup(&self, rollup: &Rollup, expires_at: i64) -> Result<bool, StoreError> {
        let changes = [(":n", AttributeValue::N(rollup.changes.to_string()))];
        // The first comes last: nobody reads the others before it names them.
        let mut written = true;
        for (number, item) in items(rollup, expires_at).iter().enumerate().rev() {
            let newer = Unless::Fails("attribute_not_exists(pk) OR n < :n", &changes);
            written = self.put(item, if number == 0 { newer } else { Unless::Never }).await?;
        }
        Ok(written)
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
        let only = ["sk", "ttl", "more", dimension.code()];
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
            let kept = current(items).filter(|item| item.ttl > now.ms() / 1_000);
            for row in kept.flat_map(|item| item.dimensions.into_values().flat_map(|Packed(rows)| rows)) {
                tallies.entry(row.k).or_default().add(&row.tally);
            }
        }
        Ok(tallies)
    }
}
