//! Executing some shards: every planned conversion of their customers gets its credits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crediting::{Crediting, Touch};
use domain::conversion::Conversion;
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::run::Stage;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use store::{
    Attempt, CreditedConversion, PaidBack, PlannedCustomer, Run, Span, StoreError, StoredConversion,
    StoredInteraction, TaskOutcome, Tenant, keys,
};

use crate::sums::sums_of;
use crate::{App, WorkError};

/// How many customers' timelines are read at a time.
const ABREAST: usize = 16;

/// How many customers' timelines are held in memory at a time, and of how many of their interactions all that is known.
const MOST_TOGETHER: usize = 1_000;
const MOST_TOUCHES: usize = 5_000;

/// Writes credits and sums of the shards that the task is named after.
pub(crate) async fn execute_shards(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (name, attempt): (&str, &str),
) -> Result<TaskOutcome, WorkError> {
    let crediting = Crediting::of(&run.config)?;
    let mut credited = Vec::new();
    let customers = match keys::shards_named(name) {
        Some(shards) => planned(app, tenant, run, &shards).await?,
        None => Vec::new(),
    };
    for some in customers.chunks(MOST_TOGETHER) {
        credited.extend(credit_customers(app, tenant, run, (&crediting, some)).await?);
    }
    credited.sort_by(|a, b| a.id.cmp(&b.id));
    let to = Attempt { tenant: &tenant.id, run, stage: Stage::Execute, task: name, attempt };
    app.table.put_credits(to, &credited).await?;
    let (sums, totals) = sums_of(&credited, tenant.settings.zone());
    app.table.put_shard_sums(to, &sums).await?;
    Ok(TaskOutcome { totals, digest: digest(&credited), ..TaskOutcome::default() })
}

/// The shards' customers over all planned hours. One whose members changed between two tasks of planning stands there
/// twice, each time with the members its conversions were planned with.
async fn planned(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    shards: &RangeInclusive<u32>,
) -> Result<Vec<PlannedCustomer>, StoreError> {
    let mut merged: BTreeMap<(Option<NodeId>, Vec<NodeId>), BTreeSet<FactId>> = BTreeMap::new();
    for task in app.table.tasks(&tenant.id, run, Stage::Plan).await? {
        if let Some(attempt) = Attempt::committed(&tenant.id, run, &task) {
            for customer in app.table.manifest(attempt, shards).await? {
                merged
                    .entry((customer.customer_id, customer.members))
                    .or_default()
                    .extend(customer.conversions);
            }
        }
    }
    let planned = |((customer_id, members), conversions): ((_, _), BTreeSet<_>)| PlannedCustomer {
        customer_id,
        members,
        conversions: conversions.into_iter().collect(),
    };
    Ok(merged.into_iter().map(planned).collect())
}

/// Credits these customers' conversions. What they are about is read for all of them together, in few requests.
async fn credit_customers(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (crediting, customers): (&Crediting<'_>, &[PlannedCustomer]),
) -> Result<Vec<CreditedConversion>, StoreError> {
    let ids: Vec<_> = customers.iter().flat_map(|customer| customer.conversions.iter().cloned()).collect();
    let conversions = app.table.conversions(tenant, &ids, cutoff(run)).await?;
    let refunds: Vec<_> = conversions.iter().filter(|stored| stored.conversion.refund_of.is_some()).collect();
    let paid = app.table.paid_back(tenant, &refunds, cutoff(run)).await?;
    let conversions: HashMap<_, _> = conversions
        .iter()
        .map(|stored| (&stored.id, Converted { stored, paid: paid.get(&stored.id) }))
        .collect();
    let converted = |customer: &PlannedCustomer| -> Vec<Converted<'_>> {
        customer.conversions.iter().filter_map(|id| conversions.get(id).copied()).collect()
    };
    let read = customers.iter().map(|customer| {
        let conversions = converted(customer);
        async move {
            let found = timeline(app, tenant, run, (customer, &conversions)).await?;
            Ok::<_, StoreError>((customer, conversions, found))
        }
    });
    let read: Vec<_> = read.collect();
    let timelines: Vec<_> = stream::iter(read).buffered(ABREAST).try_collect().await?;
    let mut credited = Vec::new();
    let mut rest = timelines.as_slice();
    while !rest.is_empty() {
        let (some, others) = rest.split_at(fitting(rest.iter().map(|(_, _, found)| found.len())));
        let ids: Vec<_> = some.iter().flat_map(|(_, _, found)| found.iter().cloned()).collect();
        let touches = touches(app, tenant, run, &ids).await?;
        for (customer, conversions, found) in some {
            let mut of_customer: Vec<_> = found.iter().filter_map(|id| touches.get(id).cloned()).collect();
            of_customer.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
            let customer_id = customer.customer_id.as_ref();
            let credit = |converted: &Converted<'_>| match (converted.paid, converted.looks_back_from()) {
                (Some(paid), _) => crediting.take_back(customer_id, converted.stored, (paid, &of_customer)),
                (None, Some(_)) => crediting.credit(customer_id, converted.named(), &of_customer),
                (None, None) => crediting.credit(customer_id, converted.named(), &[]),
            };
            credited.extend(conversions.iter().map(credit));
        }
        rest = others;
    }
    Ok(credited)
}

/// A planned conversion.
#[derive(Clone, Copy)]
struct Converted<'a> {
    stored: &'a StoredConversion,
    /// Of a refund: what it pays back, if that is known.
    paid: Option<&'a PaidBack>,
}

impl Converted<'_> {
    fn named(&self) -> (&FactId, &Conversion) {
        (&self.stored.id, &self.stored.conversion)
    }

    /// Up to when its touches are; None for a refund of what is not known, which has none.
    fn looks_back_from(&self) -> Option<Timestamp> {
        match (self.paid, &self.stored.conversion.refund_of) {
            (Some(paid), _) => Some(paid.original.conversion.occurred_at),
            (None, Some(_)) => None,
            (None, None) => Some(self.stored.conversion.occurred_at),
        }
    }
}

/// How many of the first customers have no more than [`MOST_TOUCHES`] together; at least one.
fn fitting(touches: impl Iterator<Item = usize>) -> usize {
    let sums = touches.scan(0, |sum, touches| {
        *sum += touches;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= MOST_TOUCHES).count().max(1)
}

/// Every interaction of the customer that any of its conversions can look back to, as the index knows them.
async fn timeline(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (customer, conversions): (&PlannedCustomer, &[Converted<'_>]),
) -> Result<Vec<FactId>, StoreError> {
    let times: Vec<_> = conversions.iter().filter_map(Converted::looks_back_from).collect();
    let Some((first, last)) = times.iter().min().zip(times.iter().max()) else { return Ok(Vec::new()) };
    let from = run.config.window_start(*first);
    let in_a_window =
        |at: Timestamp| times.iter().any(|end| run.config.window_start(*end) <= at && at <= *end);
    let members = customer.members.iter().cloned().collect();
    let span = Span { from, to: *last };
    let places = app.table.facts(tenant, cutoff(run)).places(&members, span).await?;
    let found = places.into_iter().filter(|(at, id)| id.kind() == FactKind::Interaction && in_a_window(*at));
    Ok(found.map(|(_, id)| id).collect())
}

/// Those of the interactions that count as touches. The index finds them; what they are is read from themselves, which
/// know more and never lag.
async fn touches(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    ids: &[FactId],
) -> Result<HashMap<FactId, Touch>, StoreError> {
    let stored = app.table.interactions(tenant, ids, cutoff(run)).await?;
    let in_time = |stored: &&StoredInteraction| run.cutoff.is_none_or(|cutoff| stored.received_at <= cutoff);
    let touches = stored.iter().filter(in_time).filter_map(Touch::of);
    let counted = touches.filter(|touch| run.config.counts(&touch.channel));
    Ok(counted.map(|touch| (touch.id.clone(), touch)).collect())
}

/// What had expired by then does not count, whenever the task is done.
fn cutoff(run: &Run) -> Timestamp {
    run.cutoff.unwrap_or(run.created_at)
}

fn digest(credited: &[CreditedConversion]) -> String {
    let mut hash = Sha256::new();
    for conversion in credited {
        hash.update(conversion.id.bare());
        hash.update(conversion.amount.minor.to_be_bytes());
        for credit in &conversion.credits {
            hash.update(credit.interaction.bare());
            hash.update(credit.weight_ppb.to_be_bytes());
            hash.update(credit.amount_minor.to_be_bytes());
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_taken_until_their_touches_are_too_many_but_one_always_is() {
        assert_eq!(fitting([10, MOST_TOUCHES - 10, 1].into_iter()), 2);
        assert_eq!(fitting([MOST_TOUCHES + 1, 1].into_iter()), 1);
        assert_eq!(fitting([0, 0].into_iter()), 2);
    }
}
