//! What a task of a run counted, for data-driven models.

use domain::learned::Counts;
use serde::{Deserialize, Serialize};

use crate::credits::Attempt;
use crate::error::StoreError;
use crate::keys;
use crate::packed::Packed;
use crate::table::{Range, Table};

/// How many counts one item holds: under DynamoDB's 400 kB with the longest names of channels, four to a state.
const COUNTS_PER_ITEM: usize = 1_000;

#[derive(Serialize, Deserialize)]
struct CountsItem {
    pk: String,
    sk: String,
    ttl: i64,
    counts: Packed<Vec<(String, u64)>>,
}

impl Table {
    pub async fn put_counts(&self, to: Attempt<'_>, counts: &Counts) -> Result<(), StoreError> {
        let rows: Vec<_> = counts.0.iter().map(|(what, times)| (what.clone(), *times)).collect();
        let item = |(chunk, rows): (usize, &[(String, u64)])| CountsItem {
            pk: to.partition(),
            sk: keys::counts(chunk),
            ttl: to.run.expires_at,
            counts: Packed(rows.to_vec()),
        };
        let items: Vec<_> = rows.chunks(COUNTS_PER_ITEM).enumerate().map(item).collect();
        self.put_many(&items).await
    }

    pub async fn counts(&self, of: Attempt<'_>) -> Result<Counts, StoreError> {
        let items: Vec<CountsItem> = self.query_all(&Range::beginning(of.partition(), keys::COUNTS)).await?;
        Ok(Counts(items.into_iter().flat_map(|item| item.counts.0).collect()))
    }
}
