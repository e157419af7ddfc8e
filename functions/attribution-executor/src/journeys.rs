//! What planned customers did: their conversions, and the touches that those can look back to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crediting::{Reached, Story, Touch};
use domain::conversion::Conversion;
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::run::Stage;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use store::{
    Attempt, PaidBack, PlannedCustomer, Run, Span, StoreError, StoredConversion, StoredInteraction, Tenant,
};

use crate::App;

/// How many customers' timelines are read at a time.
const ABREAST: usize = 16;

/// How many customers' timelines are held in memory at a time, and of how many of their interactions all that is known.
const MOST_TOGETHER: usize = 1_000;
const MOST_TOUCHES: usize = 5_000;

/// A customer of a run.
pub(crate) struct Journey<'a> {
    pub(crate) customer_id: Option<&'a NodeId>,
    /// Those that were planned.
    pub(crate) conversions: &'a [Converted<'a>],
    /// Its touches are those that count, their time apart.
    pub(crate) story: &'a Story,
}

/// A planned conversion.
#[derive(Clone, Copy)]
pub(crate) struct Converted<'a> {
    pub(crate) stored: &'a StoredConversion,
    /// Of a refund: what it pays back, if that is known.
    pub(crate) paid: Option<&'a PaidBack>,
}

impl Converted<'_> {
    pub(crate) fn named(&self) -> (&FactId, &Conversion) {
        (&self.stored.id, &self.stored.conversion)
    }

    /// Up to when its touches are; None for a refund of what is not known, which has none.
    pub(crate) fn looks_back_from(&self) -> Option<Timestamp> {
        match (self.paid, &self.stored.conversion.refund_of) {
            (Some(paid), _) => Some(paid.original.conversion.occurred_at),
            (None, Some(_)) => None,
            (None, None) => Some(self.stored.conversion.occurred_at),
        }
    }
}

/// The shards' customers over all planned hours. One whose members changed between two tasks of planning stands there
/// twice, each time with the members its conversions were planned with; one who converted stands there with conversions
/// only.
pub(crate) async fn planned(
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
    let converted = merged.iter().filter(|(_, conversions)| !conversions.is_empty());
    let converted: BTreeSet<Option<NodeId>> = converted.map(|((id, _), _)| id.clone()).collect();
    merged.retain(|(id, _), conversions| !conversions.is_empty() || !converted.contains(id));
    let planned = |((customer_id, members), conversions): ((_, _), BTreeSet<_>)| PlannedCustomer {
        customer_id,
        members,
        conversions: conversions.into_iter().collect(),
    };
    Ok(merged.into_iter().map(planned).collect())
}

/// Those customers that are read together. One who stands there twice is not torn apart.
pub(crate) fn together(customers: &[PlannedCustomer]) -> impl Iterator<Item = &[PlannedCustomer]> {
    let is_one = |a: &PlannedCustomer, b: &PlannedCustomer| a.customer_id == b.customer_id;
    let mut rest = customers;
    std::iter::from_fn(move || {
        let mut end = rest.len().min(MOST_TOGETHER);
        while end < rest.len() && rest[end].customer_id.is_some() && is_one(&rest[end - 1], &rest[end]) {
            end += 1;
        }
        let (some, others) = rest.split_at(end);
        rest = others;
        Some(some).filter(|some| !some.is_empty())
    })
}

/// Shows what each of some customers did, whom [`together`] put together: they are read in few requests.
pub(crate) async fn each_journey(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    customers: &[PlannedCustomer],
    mut see: impl FnMut(&Journey<'_>),
) -> Result<(), StoreError> {
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
    let kinds = kinds(run);
    let read = customers.iter().map(|customer| {
        let conversions = converted(customer);
        async move {
            let found = timeline(app, tenant, run, (customer, &conversions), kinds).await?;
            Ok::<_, StoreError>((customer, conversions, found))
        }
    });
    let read: Vec<_> = read.collect();
    let timelines: Vec<_> = stream::iter(read).buffered(ABREAST).try_collect().await?;
    let mut rest = timelines.as_slice();
    while !rest.is_empty() {
        let (some, others) = rest.split_at(fitting(rest.iter().map(|(_, _, found)| found.len())));
        let ids = |kind| some.iter().flat_map(move |(_, _, found)| of_kind(found, kind).cloned());
        let known = touches(app, tenant, run, &ids(FactKind::Interaction).collect::<Vec<_>>()).await?;
        // Those that were planned are told as they were read, whatever becomes of them meanwhile.
        let of_plan = ids(FactKind::Conversion).filter_map(|id| Reached::of(conversions.get(&id)?.stored));
        let unplanned: Vec<_> =
            ids(FactKind::Conversion).filter(|id| !conversions.contains_key(id)).collect();
        let mut reached = reached(app, tenant, run, &unplanned).await?;
        reached.extend(of_plan.map(|reached| (reached.id.clone(), reached)));
        for (customer, conversions, found) in some {
            let touches = of_kind(found, FactKind::Interaction).filter_map(|id| known.get(id).cloned());
            let reached = of_kind(found, FactKind::Conversion).filter_map(|id| reached.get(id).cloned());
            let story = &Story::of(touches.collect(), reached.collect());
            see(&Journey { customer_id: customer.customer_id.as_ref(), conversions, story });
        }
        rest = others;
    }
    Ok(())
}

/// What facts stories are told by.
fn kinds(run: &Run) -> &'static [FactKind] {
    if run.asks_for_conversions() {
        &[FactKind::Interaction, FactKind::Conversion]
    } else {
        &[FactKind::Interaction]
    }
}

fn of_kind(ids: &[FactId], kind: FactKind) -> impl Iterator<Item = &FactId> {
    ids.iter().filter(move |id| id.kind() == kind)
}

/// How many of the first customers have no more than [`MOST_TOUCHES`] together; at least one.
fn fitting(touches: impl Iterator<Item = usize>) -> usize {
    let sums = touches.scan(0, |sum, touches| {
        *sum += touches;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= MOST_TOUCHES).count().max(1)
}

/// Every fact of these kinds that any of the customer's conversions can look back to, as the index knows them; of one that
/// did not convert, whatever its interactions within the run's days can look back to.
async fn timeline(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (customer, conversions): (&PlannedCustomer, &[Converted<'_>]),
    kinds: &[FactKind],
) -> Result<Vec<FactId>, StoreError> {
    let facts = app.table.facts(tenant, cutoff(run));
    let members = customer.members.iter().cloned().collect();
    let is_asked_for = |(_, id): &(Timestamp, FactId)| kinds.contains(&id.kind());
    if customer.conversions.is_empty() {
        // Which of them is the last that counts is not known before they are read.
        let (from, to) = run.config.span(tenant.settings.zone());
        let places = facts.places(&members, Span { from: run.config.window_start(from), to }).await?;
        return Ok(places.into_iter().filter(is_asked_for).map(|(_, id)| id).collect());
    }
    let times: Vec<_> = conversions.iter().filter_map(Converted::looks_back_from).collect();
    let Some((first, last)) = times.iter().min().zip(times.iter().max()) else { return Ok(Vec::new()) };
    let in_a_window =
        |at: Timestamp| times.iter().any(|end| run.config.window_start(*end) <= at && at <= *end);
    let span = Span { from: run.config.window_start(*first), to: *last };
    let places = facts.places(&members, span).await?;
    let found = places.into_iter().filter(|place| is_asked_for(place) && in_a_window(place.0));
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
    let counted = touches.filter(|touch| touch.counts(&run.config));
    Ok(counted.map(|touch| (touch.id.clone(), touch)).collect())
}

/// Those of the conversions that others of their customer are told by.
async fn reached(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    ids: &[FactId],
) -> Result<HashMap<FactId, Reached>, StoreError> {
    let stored = app.table.conversions(tenant, ids, cutoff(run)).await?;
    let in_time = |stored: &&StoredConversion| stored.received_at <= cutoff(run);
    let reached = stored.iter().filter(in_time).filter_map(Reached::of);
    Ok(reached.map(|reached| (reached.id.clone(), reached)).collect())
}

/// What had expired by then does not count, whenever the task is done.
fn cutoff(run: &Run) -> Timestamp {
    run.cutoff.unwrap_or(run.created_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_put_together_without_tearing_one_apart() {
        let customer = |number: usize| PlannedCustomer {
            customer_id: Some(serde_json::from_value(format!("cus_{number:032x}").into()).unwrap()),
            members: Vec::new(),
            conversions: Vec::new(),
        };
        let nobody = PlannedCustomer { customer_id: None, ..customer(0) };
        let sizes =
            |customers: Vec<PlannedCustomer>| together(&customers).map(<[_]>::len).collect::<Vec<_>>();
        let apart: Vec<_> = (0..=MOST_TOGETHER).map(customer).collect();
        assert_eq!(sizes(apart.clone()), [MOST_TOGETHER, 1]);
        let twice = apart[..MOST_TOGETHER].iter().chain(&apart[MOST_TOGETHER - 1..]).cloned().collect();
        assert_eq!(sizes(twice), [MOST_TOGETHER + 1, 1]);
        assert_eq!(sizes(vec![nobody; MOST_TOGETHER + 1]), [MOST_TOGETHER, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }

    #[test]
    fn customers_are_taken_until_their_touches_are_too_many_but_one_always_is() {
        assert_eq!(fitting([10, MOST_TOUCHES - 10, 1].into_iter()), 2);
        assert_eq!(fitting([MOST_TOUCHES + 1, 1].into_iter()), 1);
        assert_eq!(fitting([0, 0].into_iter()), 2);
    }
}
