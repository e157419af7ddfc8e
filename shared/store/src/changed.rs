//! What a record of the table's stream means.

use domain::rollup::Bucket;
use serde_dynamo::{AttributeValue, Item};

use crate::keys;

/// The buckets whose facts changed when an item changed from `old` to `new`, either of which may be empty: none for
/// items that are no facts, two for a fact that moved to another hour.
pub fn changed_buckets(old: &Item, new: &Item) -> Vec<Bucket> {
    let mut buckets: Vec<_> = [old, new].into_iter().filter_map(listed_in).collect();
    buckets.dedup();
    buckets
}

fn listed_in(item: &Item) -> Option<Bucket> {
    let Some(AttributeValue::S(partition)) = item.get("g2p") else { return None };
    keys::bucket(partition)
}
