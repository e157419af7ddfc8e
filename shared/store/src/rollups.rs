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
use crate::table::{Range, Sorted, Table, Unless, pause};
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

/// How many bytes of rows one item holds: under DynamoDB's 400 kB with the names around them.
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
struct HeadItem {
    #[serde(default)]
    more: Option<String>,
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

/// What pieces are called that hold these: others than those of another count, however it is cut.
fn name_of(tallies: &Tallies, pieces: usize) -> String {
    let mut hash = DefaultHasher::new();
    format!("{tallies:?}").hash(&mut hash);
    format!("{:016x}-{pieces}", hash.finish())
}

/// How many pieces there are of this name, beside the item that names them.
fn pieces_of(name: &str) -> usize {
    name.rsplit_once('-').and_then(|(_, pieces)| pieces.parse().ok()).unwrap_or(0)
}

/// The item of a rollup, and those that hold what does not fit into it.
fn items(rollup: &Rollup, expires_at: i64) -> Vec<RollupItem> {
    let pieces = pieces(&rollup.tallies);
    let further = pieces.len() - 1;
    let more = (further > 0).then(|| name_of(&rollup.tallies, further));
    let item = |(number, dimensions): (usize, Rows)| {
        let name = more.as_ref().filter(|_| number > 0);
        let place = |name: &String| keys::rollup_piece(&rollup.bucket, name, number);
        let key = name.map_or_else(|| keys::rollup(&rollup.bucket), place);
        RollupItem {
            pk: key.pk,
            sk: key.sk,
            ttl: expires_at,
            n: rollup.changes,
            more: more.clone().filter(|_| number == 0),
            dimensions,
        }
    };
    pieces.into_iter().enumerate().map(item).collect()
}

/// The items that count: not what another count left behind. None if some were missed, which were written meanwhile.
fn current(items: Vec<RowsItem>) -> Option<Vec<RowsItem>> {
    let (mut named, mut missing): (Option<String>, usize) = (None, 0);
    let mut current = Vec::new();
    // Those of a bucket stand one after another, the one that names the others first.
    for item in items {
        match keys::rollup_piece_name(&item.sk) {
            None if missing > 0 => return None,
            None => {
                missing = item.more.as_deref().map_or(0, pieces_of);
                named = item.more.clone();
                current.push(item);
            }
            Some(name) if named.as_deref() == Some(name) => {
                missing = missing.saturating_sub(1);
                current.push(item);
            }
            Some(_) => {}
        }
    }
    (missing == 0).then_some(current)
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
        let items = items(rollup, expires_at);
        let before: Option<HeadItem> = match items.as_slice() {
            [_] => None,
            _ => self.get(&keys::rollup(&rollup.bucket)).await?,
        };
        // The first comes last: nobody reads the others before it names them.
        let mut written = true;
        for (number, item) in items.iter().enumerate().rev() {
            let newer = Unless::Fails("attribute_not_exists(pk) OR n < :n", &changes);
            written = self.put(item, if number == 0 { newer } else { Unless::Never }).await?;
        }
        let named = items.first().and_then(|item| item.more.as_ref());
        let left = before.and_then(|before| before.more).filter(|left| written && Some(left) != named);
        if let Some(left) = left {
            self.empty_pieces(rollup, &left, expires_at).await?;
        }
        Ok(written)
    }

    /// Empties what an earlier count of the bucket named and nobody names any more, since reports would still read it.
    async fn empty_pieces(&self, rollup: &Rollup, name: &str, expires_at: i64) -> Result<(), StoreError> {
        for number in 1..=pieces_of(name) {
            let key = keys::rollup_piece(&rollup.bucket, name, number);
            let (ttl, n) = (expires_at, rollup.changes);
            let empty = RollupItem { pk: key.pk, sk: key.sk, ttl, n, more: None, dimensions: Rows::new() };
            self.put(&empty, Unless::Never).await?;
        }
        Ok(())
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
            async move { self.rows(&range, now).await }
        });
        let mut months = months.buffered(ABREAST);
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        while let Some(items) = months.try_next().await? {
            for row in
                items.into_iter().flat_map(|item| item.dimensions.into_values().flat_map(|Packed(rows)| rows))
            {
                tallies.entry(row.k).or_default().add(&row.tally);
            }
        }
        Ok(tallies)
    }

    /// The items of a range that count and have not expired, of which some may be deleted already.
    async fn rows(&self, range: &Range<'_>, now: Timestamp) -> Result<Vec<RowsItem>, StoreError> {
        for attempt in 0.. {
            let mut items: Vec<RowsItem> = self.query_all(range).await?;
            items.retain(|item| item.ttl > now.ms() / 1_000);
            if let Some(rows) = current(items) {
                return Ok(rows);
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(range.pk.clone()))
    }
}
