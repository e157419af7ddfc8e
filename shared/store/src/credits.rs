//! What the tasks of a run write: manifests and credits, and beside them sums. Nobody reads any before its attempt is
//! committed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use domain::identity::NodeId;
use domain::ids::{FactId, FactKind, TenantId};
use domain::ledger::Earning;
use domain::money::{Currency, Money};
use domain::run::{Milestone, ModelCode, Stage};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::packed::Packed;
use crate::runs::Run;
use crate::table::{Range, Sorted, Table};
use crate::tasks::Task;

/// The conversions of one customer, as planned: whom the customer consists of is frozen with it. Who has none did not
/// convert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlannedCustomer {
    /// None for conversions that name nobody.
    #[serde(rename = "c")]
    pub customer_id: Option<NodeId>,
    #[serde(rename = "m")]
    pub members: Vec<NodeId>,
    #[serde(rename = "v")]
    pub conversions: Vec<FactId>,
}

/// How many ids one manifest item holds at most: well under DynamoDB's 400 kB.
const IDS_PER_ITEM: usize = 4_000;

/// One touch's share of a conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    #[serde(rename = "i")]
    pub interaction: FactId,
    #[serde(rename = "t")]
    pub touched_at: Timestamp,
    /// The share in billionths.
    #[serde(rename = "w")]
    pub weight_ppb: u64,
    #[serde(rename = "a")]
    pub amount_minor: i64,
    /// Its part of the conversion's commission.
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    pub commission_minor: i64,
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_primary: bool,
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub vendor_code: Option<String>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    #[serde(rename = "h")]
    pub channel: String,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub broker_id: Option<String>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// What the touch was on the path of channels, if that is not its channel.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What it made of the customer, where a model asks that.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<Milestone>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

/// What was known of a touch when AI_WEIGHTED weighed it: nobody needs to believe a weight without its reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The purchase probability in billionths; None where the mean of the others was taken.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub probability_ppb: Option<u64>,
    /// What intent and sentiment counted for, in thousandths.
    #[serde(rename = "i")]
    pub intent_permille: u16,
    #[serde(rename = "m")]
    pub sentiment_permille: u16,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
}

impl From<&Credit> for Earning {
    fn from(credit: &Credit) -> Self {
        Self {
            touch: credit.interaction.clone(),
            touched_at: credit.touched_at,
            channel: credit.channel.clone(),
            campaign: credit.campaign.clone(),
            partner_id: credit.partner_id.clone(),
            broker_id: credit.broker_id.clone(),
            share_ppb: credit.weight_ppb,
            revenue_minor: credit.amount_minor,
            commission_minor: credit.commission_minor,
        }
    }
}

/// A conversion as a run credited it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditedConversion {
    pub id: FactId,
    pub customer_id: Option<NodeId>,
    pub occurred_at: Timestamp,
    pub amount: Money,
    /// The conversion that this one pays back: its credits take back what that one's gave.
    pub refund_of: Option<FactId>,
    /// The model that was used because the one asked for could not be.
    pub fallback: Option<ModelCode>,
    pub credits: Vec<Credit>,
}

impl CreditedConversion {
    pub fn attributed_minor(&self) -> i64 {
        self.credits.iter().map(|credit| credit.amount_minor).sum()
    }

    /// What no touch is credited for.
    pub fn unattributed_minor(&self) -> i64 {
        self.amount.minor - self.attributed_minor()
    }
}

/// A conversion with some of its credits: one that very many touches led to is stored in several items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditedPart {
    /// Which of all the conversion's credits is the first here.
    pub first: usize,
    pub conversion: CreditedConversion,
}

/// How many credits one item holds at most: under DynamoDB's 400 kB with the longest ids.
pub const CREDITS_PER_ITEM: usize = 100;

/// From this credit on, no conversion has a part: what follows are others.
pub const BEHIND_ALL_CREDITS: usize = 99_999 * CREDITS_PER_ITEM;

#[derive(Serialize, Deserialize)]
struct ManifestItem {
    pk: String,
    sk: String,
    ttl: i64,
    customers: Packed<Vec<PlannedCustomer>>,
}

#[derive(Serialize, Deserialize)]
struct CreditItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<NodeId>,
    at: Timestamp,
    am: i64,
    cu: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rf: Option<FactId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fb: Option<ModelCode>,
    cr: Packed<Vec<Credit>>,
}

/// Where an attempt writes.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub tenant: &'a TenantId,
    pub run: &'a Run,
    pub stage: Stage,
    pub task: &'a str,
    pub attempt: &'a str,
}

impl<'a> Attempt<'a> {
    /// The committed attempt of a task, if there is one.
    pub fn committed(tenant: &'a TenantId, run: &'a Run, task: &'a Task) -> Option<Self> {
        let attempt = task.attempt.as_deref()?;
        Some(Self { tenant, run, stage: task.stage, task: &task.name, attempt })
    }

    pub(crate) fn partition(&self) -> String {
        let id = match self.stage {
            // For all of its models.
            Stage::Plan | Stage::Learn => self.run.run_id.clone(),
            Stage::Execute => self.run.id(),
        };
        keys::attempt(self.tenant, &id, self.stage, self.task, self.attempt)
    }
}

impl Table {
    pub async fn put_manifests(
        &self,
        to: Attempt<'_>,
        shards: &BTreeMap<u32, Vec<PlannedCustomer>>,
    ) -> Result<(), StoreError> {
        let of_shard = |(shard, customers): (&u32, &Vec<PlannedCustomer>)| {
            let chunks = chunked(customers).into_iter().enumerate();
            let item = |(index, customers)| ManifestItem {
                pk: to.partition(),
                sk: keys::manifest(*shard, index),
                ttl: to.run.expires_at,
                customers: Packed(customers),
            };
            chunks.map(item).collect::<Vec<_>>()
        };
        let items: Vec<_> = shards.iter().flat_map(of_shard).collect();
        self.put_many(&items).await
    }

    /// What an attempt planned for these shards.
    pub async fn manifest(
        &self,
        of: Attempt<'_>,
        shards: &RangeInclusive<u32>,
    ) -> Result<Vec<PlannedCustomer>, StoreError> {
        let (from, to) = keys::manifests(shards);
        let range = Range::of(of.partition(), Sorted::Between(from, to));
        let items: Vec<ManifestItem> = self.query_all(&range).await?;
        Ok(items.into_iter().flat_map(|item| item.customers.0).collect())
    }

    pub async fn put_credits(
        &self,
        to: Attempt<'_>,
        conversions: &[CreditedConversion],
    ) -> Result<(), StoreError> {
        let items: Vec<_> = conversions.iter().flat_map(|credited| credit_items(to, credited)).collect();
        self.put_many(&items).await
    }

    /// What an attempt credited to conversions with a touch, or without, from the credit `from` on: at most `limit`
    /// parts of conversions.
    pub async fn credits(
        &self,
        of: Attempt<'_>,
        attributed: bool,
        from: Option<(&FactId, usize)>,
        limit: usize,
    ) -> Result<Vec<CreditedPart>, StoreError> {
        let prefix = keys::credits(attributed);
        let first = |(id, credit): (&FactId, usize)| keys::credit(id, attributed, credit / CREDITS_PER_ITEM);
        let range = Range {
            index: None,
            pk: of.partition(),
            sk: Sorted::Between(from.map_or_else(|| prefix.to_owned(), first), format!("{prefix}~")),
            newest_first: false,
            limit: Some(limit),
            only: None,
        };
        let mut items: Vec<CreditItem> = self.query_all(&range).await?;
        items.truncate(limit);
        Ok(items.into_iter().filter_map(credited_part).collect())
    }

    /// How a completed run credited conversions, each with the nodes that its customer is connected with now.
    ///
    /// The run put the customer into a shard by the id it had then, which is one of these unless that identifier turned out to
    /// be shared since, and a conversion that named nobody into one of its own. Of a conversion with very many touches only the first part is read.
    pub async fn credits_in_run(
        &self,
        tenant: &TenantId,
        run: &Run,
        conversions: &[(&FactId, &BTreeSet<NodeId>)],
    ) -> Result<BTreeMap<FactId, CreditedConversion>, StoreError> {
        let tasks = self.tasks(tenant, run, Stage::Execute).await?;
        let attempts: HashMap<u32, String> = tasks
            .iter()
            .filter_map(|task| {
                let partition = Attempt::committed(tenant, run, task)?.partition();
                Some(keys::shards_named(&task.name)?.map(move |shard| (shard, partition.clone())))
            })
            .flatten()
            .collect();
        let mut wanted = Vec::new();
        for (id, nodes) in conversions {
            let own = id.bare();
            let names = nodes.iter().map(NodeId::bare).chain([own.as_str()]).map(keys::run_shard);
            let shards: BTreeSet<_> = names.collect();
            for pk in shards.iter().filter_map(|shard| attempts.get(shard)) {
                let place = |attributed| keys::Key { pk: pk.clone(), sk: keys::credit(id, attributed, 0) };
                wanted.extend([true, false].map(place));
            }
        }
        let items: Vec<CreditItem> = self.get_many(&wanted).await?;
        let parts = items.into_iter().filter_map(credited_part).map(|part| part.conversion);
        Ok(parts.map(|conversion| (conversion.id.clone(), conversion)).collect())
    }
}

/// Cuts a manifest into items, and a customer with very many conversions into several.
fn chunked(customers: &[PlannedCustomer]) -> Vec<Vec<PlannedCustomer>> {
    let (mut items, mut item, mut ids) = (Vec::new(), Vec::new(), 0);
    for customer in customers {
        // Who has no conversions has one part.
        let none = customer.conversions.is_empty().then_some(&[][..]);
        for conversions in customer.conversions.chunks(IDS_PER_ITEM / 2).chain(none) {
            ids += conversions.len() + customer.members.len() + 1;
            if ids > IDS_PER_ITEM && !item.is_empty() {
                items.push(std::mem::take(&mut item));
                ids = conversions.len() + customer.members.len() + 1;
            }
            item.push(PlannedCustomer { conversions: conversions.to_vec(), ..customer.clone() });
        }
    }
    items.push(item);
    items.retain(|item| !item.is_empty());
    items
}

fn credit_items(to: Attempt<'_>, credited: &CreditedConversion) -> Vec<CreditItem> {
    let attributed = !credited.credits.is_empty();
    let item = |(chunk, credits): (usize, &[Credit])| CreditItem {
        pk: to.partition(),
        sk: keys::credit(&credited.id, attributed, chunk),
        ttl: to.run.expires_at,
        cid: credited.customer_id.clone(),
        at: credited.occurred_at,
        am: credited.amount.minor,
        cu: credited.amount.currency,
        rf: credited.refund_of.clone(),
        fb: credited.fallback,
        cr: Packed(credits.to_vec()),
    };
    if attributed {
        credited.credits.chunks(CREDITS_PER_ITEM).enumerate().map(item).collect()
    } else {
        vec![item((0, &[]))]
    }
}

fn credited_part(item: CreditItem) -> Option<CreditedPart> {
    let mut name = item.sk.split('#').skip(1);
    let id = FactId::from_bare(FactKind::Conversion, name.next()?)?;
    let first = name.next()?.parse::<usize>().ok()? * CREDITS_PER_ITEM;
    let conversion = CreditedConversion {
        id,
        customer_id: item.cid,
        occurred_at: item.at,
        amount: Money { minor: item.am, currency: item.cu },
        refund_of: item.rf,
        fallback: item.fb,
        credits: item.cr.0,
    };
    Some(CreditedPart { first, conversion })
}

#[cfg(test)]
mod tests {
    use domain::ids::ExternalId;

    use super::*;

    #[test]
    fn a_manifest_is_cut_into_items_without_losing_a_conversion() {
        let tenant = TenantId::parse("demo").unwrap();
        let id = |n: usize| FactId::conversion(&tenant, &ExternalId::parse(&n.to_string()).unwrap());
        let customer = |conversions| PlannedCustomer { customer_id: None, members: Vec::new(), conversions };
        let customers: Vec<_> =
            (0..50).map(|n| customer((n * 300..n * 300 + 300).map(id).collect())).collect();
        let large = [customer((0..9_000).map(id).collect())];
        let none = [customer(Vec::new()), customer(Vec::new())];
        for customers in [&customers[..], &large[..], &none[..], &[]] {
            let items = chunked(customers);
            let ids = |item: &[PlannedCustomer]| item.iter().map(|c| c.conversions.len() + 1).sum::<usize>();
            assert!(items.iter().all(|item| ids(item) <= IDS_PER_ITEM && !item.is_empty()));
            let planned: Vec<_> = customers.iter().flat_map(|c| &c.conversions).collect();
            let kept: Vec<_> = items.iter().flatten().flat_map(|c| &c.conversions).collect();
            assert_eq!(planned, kept);
            let nobody = |customers: &[PlannedCustomer]| {
                customers.iter().filter(|customer| customer.conversions.is_empty()).count()
            };
            assert_eq!(items.iter().map(|item| nobody(item)).sum::<usize>(), nobody(customers));
        }
    }
}
