//! What a run's credits sum up to, by day, currency and the values of a dimension.

use std::collections::BTreeMap;

use domain::dimension::Dimension;
use domain::ids::TenantId;
use domain::money::Currency;
use domain::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credits::Attempt;
use crate::error::StoreError;
use crate::keys;
use crate::packed::Packed;
use crate::runs::Run;
use crate::table::{Range, Sorted, Table};

/// Credits summed for one value of a dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    #[serde(rename = "r")]
    pub revenue_minor: i64,
    #[serde(rename = "n")]
    pub conversions: u64,
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    pub commission_minor: i64,
    /// Touches that began on this day and have a credit in this currency, for a conversion of whatever day.
    #[serde(rename = "t", default, skip_serializing_if = "is_none")]
    pub credited: u64,
    /// What those conversions come to on whose journeys it was, whatever the model gave it: more than there was, where
    /// several were there.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub influenced_minor: i64,
    /// How many conversions those are.
    #[serde(rename = "j", default, skip_serializing_if = "is_none")]
    pub influenced: u64,
    /// Only in the total: what no touch earned.
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub unattributed_minor: i64,
    /// Only of agents: when the last credited touch was, and for which team.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub last: Option<(Timestamp, Option<String>)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Sum {
    /// Whether a model gave it something, apart from its part in journeys.
    pub const fn has_credit(&self) -> bool {
        self.conversions > 0 || self.credited > 0 || self.revenue_minor != 0 || self.commission_minor != 0
    }

    pub fn add(&mut self, other: &Sum) {
        self.revenue_minor += other.revenue_minor;
        self.conversions += other.conversions;
        self.commission_minor += other.commission_minor;
        self.credited += other.credited;
        self.influenced_minor += other.influenced_minor;
        self.influenced += other.influenced;
        self.unattributed_minor += other.unattributed_minor;
        self.last = self.last.take().max(other.last.clone());
    }
}

/// What is summed apart: a dimension on a day in a currency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SumOf {
    pub dimension: Dimension,
    pub day: String,
    pub currency: Currency,
}

/// Sums by what they are of, and by the value of the dimension; no value is the empty text.
pub type Sums = BTreeMap<SumOf, BTreeMap<String, Sum>>;

/// How many values of a dimension one item holds at most.
const SUMS_PER_ITEM: usize = 300;

#[derive(Serialize, Deserialize)]
struct SumItem {
    pk: String,
    sk: String,
    ttl: i64,
    rows: Packed<Vec<SumRow>>,
}

#[derive(Serialize, Deserialize)]
struct SumRow {
    k: String,
    #[serde(flatten)]
    sum: Sum,
}

impl Table {
    pub async fn put_shard_sums(&self, to: Attempt<'_>, sums: &Sums) -> Result<(), StoreError> {
        self.put_many(&sum_items(&to.partition(), keys::sums(), to.run.expires_at, sums)).await
    }

    pub async fn shard_sums(&self, of: Attempt<'_>) -> Result<Sums, StoreError> {
        let items: Vec<SumItem> = self.query_all(&Range::beginning(of.partition(), keys::sums())).await?;
        Ok(sums_of(items, keys::sums()))
    }

    /// Writes the sums of a whole run, before it publishes.
    pub async fn put_run_sums(&self, tenant: &TenantId, run: &Run, sums: &Sums) -> Result<(), StoreError> {
        let pk = keys::run(tenant, &run.id()).pk;
        self.put_many(&sum_items(&pk, &keys::run_sums(run.epoch), run.expires_at, sums)).await
    }

    /// The sums of a run in one dimension, from day to day, both included.
    pub async fn run_sums(
        &self,
        tenant: &TenantId,
        run: &Run,
        dimension: Dimension,
        days: (Day, Day),
    ) -> Result<Sums, StoreError> {
        let prefix = keys::run_sums(run.epoch);
        let sort = |day: Day, end: &str| format!("{prefix}{}#{day}{end}", dimension.code());
        let range = Range::of(
            keys::run(tenant, &run.id()).pk,
            Sorted::Between(sort(days.0, "#"), sort(days.1, "#~")),
        );
        Ok(sums_of(self.query_all(&range).await?, &prefix))
    }
}

fn sum_items(pk: &str, prefix: &str, ttl: i64, sums: &Sums) -> Vec<SumItem> {
    let row = |(value, sum): &(&String, &Sum)| SumRow { k: (*value).clone(), sum: (*sum).clone() };
    let mut items = Vec::new();
    for (of, rows) in sums {
        let rows: Vec<_> = rows.iter().collect();
        for (chunk, rows) in rows.chunks(SUMS_PER_ITEM).enumerate() {
            items.push(SumItem {
                pk: pk.to_owned(),
                sk: format!("{prefix}{}#{}#{}#{chunk:03}", of.dimension.code(), of.day, of.currency),
                ttl,
                rows: Packed(rows.iter().map(row).collect()),
            });
        }
    }
    items
}

fn sums_of(items: Vec<SumItem>, prefix: &str) -> Sums {
    let mut sums = Sums::new();
    for item in items {
        let Some(of) = item.sk.strip_prefix(prefix).and_then(sum_of) else { continue };
        let rows = sums.entry(of).or_default();
        item.rows.0.into_iter().for_each(|row| rows.entry(row.k).or_default().add(&row.sum));
    }
    sums
}

fn sum_of(name: &str) -> Option<SumOf> {
    let mut parts = name.split('#');
    let dimension = Dimension::parse(parts.next()?)?;
    let day = parts.next()?.to_owned();
    Some(SumOf { dimension, day, currency: Currency::parse(parts.next()?)? })
}
