//! Planning some hours: which conversions count, whose they are, and which shard credits them. A run that learns also asks
//! who did not convert.

use std::collections::{BTreeMap, BTreeSet};

use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::run::{Stage, Total, Totals};
use domain::time::Hour;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use store::{Attempt, Customers, Fact, PlannedCustomer, Run, StoreError, TaskOutcome, Tenant, keys};

use crate::{App, WorkError};

/// How many hours are read at a time.
const ABREAST: usize = 16;

/// About so many interactions are as much work to plan as one conversion: of them only customers are asked for.
const LIKE_ONE_CONVERSION: usize = 5;

/// Writes the manifests of some hours, one per shard that has conversions. What is too much for one task is left to two
/// others, and so on, so that none takes long and many soon work side by side.
pub(crate) async fn plan_hours(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (name, attempt): (&str, &str),
) -> Result<TaskOutcome, WorkError> {
    let hours = hours(app, tenant, run, name).await?;
    let wanted = wanted(app, tenant, run, &hours).await?;
    let mut totals = Totals::default();
    for amount in wanted.conversions.iter().filter_map(|fact| fact.amount) {
        let total = Total { conversions: 1, amount_minor: amount.minor, ..Total::default() };
        totals.add(amount.currency, total);
    }
    let shards = by_shard(app, tenant, run, &wanted).await?;
    let to = Attempt { tenant: &tenant.id, run, stage: Stage::Plan, task: name, attempt };
    app.table.put_manifests(to, &shards).await?;
    Ok(TaskOutcome {
        totals,
        digest: digest(&shards),
        customers: shards.values().map(|customers| customers.len() as u64).sum(),
        shards: shards.into_keys().collect(),
        rest: halves(&hours[wanted.hours..]),
        ..TaskOutcome::default()
    })
}

/// What facts a run plans by: those who did not convert are known by their interactions.
pub(crate) fn planned_kinds(run: &Run) -> &'static [FactKind] {
    if run.learner().is_some() {
        &[FactKind::Conversion, FactKind::Interaction]
    } else {
        &[FactKind::Conversion]
    }
}

/// The hours that a task is to plan, as far as they hold facts that the run may ask for. A task is named after its month,
/// or after its first and its last hour.
async fn hours(app: &App, tenant: &Tenant, run: &Run, name: &str) -> Result<Vec<Hour>, StoreError> {
    let (month, part) = match name.split_once('-') {
        Some((first, last)) => {
            (first.get(..6).unwrap_or_default(), Hour::parse(first).zip(Hour::parse(last)))
        }
        None => (name, None),
    };
    let mut hours = BTreeSet::new();
    for kind in planned_kinds(run) {
        let listed = app.table.months(&tenant.id, *kind, month, month).await?;
        hours.extend(listed.into_iter().flat_map(|(_, hours)| hours));
    }
    let (from, to) = run.config.span(tenant.settings.zone());
    let mut hours: Vec<Hour> = hours.into_iter().collect();
    hours.retain(|hour| hour.start() <= to && hour.end_bound() > from);
    hours.retain(|hour| part.is_none_or(|(first, last)| (first..=last).contains(hour)));
    Ok(hours)
}

/// The names of the tasks that plan these hours.
fn halves(hours: &[Hour]) -> Vec<String> {
    let (earlier, later) = hours.split_at(hours.len() / 2);
    let name = |hours: &[Hour]| Some(format!("{}-{}", hours.first()?.name(), hours.last()?.name()));
    [earlier, later].into_iter().filter_map(name).collect()
}

/// What some hours hold for a run.
#[derive(Default)]
struct Wanted {
    conversions: Vec<Fact>,
    /// Who is known by interactions, if the run asks for those.
    anchors: BTreeSet<NodeId>,
    /// How many interactions that were.
    interactions: usize,
    /// Of how many hours all is here.
    hours: usize,
}

impl Wanted {
    /// In conversions.
    fn work(&self) -> usize {
        self.conversions.len() + self.interactions / LIKE_ONE_CONVERSION
    }
}

/// Those conversions of the hours that the run asks for, as far as they were received before its cutoff, and whom its
/// interactions were with: all of the first hours, as many as one task takes.
async fn wanted(app: &App, tenant: &Tenant, run: &Run, hours: &[Hour]) -> Result<Wanted, StoreError> {
    let (from, to) = run.config.span(tenant.settings.zone());
    let cutoff = run.cutoff.unwrap_or(run.created_at);
    let reader = &app.table.facts(tenant, cutoff);
    let in_time = |fact: &Fact| (from..=to).contains(&fact.time) && fact.received_at <= cutoff;
    let of_hour = |hour: &Hour| {
        let of_kinds = planned_kinds(run).iter().map(|kind| reader.of_hour(*kind, *hour));
        try_join_all(of_kinds.collect::<Vec<_>>())
    };
    let mut wanted = Wanted::default();
    let mut read = stream::iter(hours.iter().map(of_hour).collect::<Vec<_>>()).buffered(ABREAST);
    while wanted.work() < app.most_planned
        && let Some(of_hour) = read.try_next().await?
    {
        for fact in of_hour.into_iter().flatten().filter(in_time) {
            match fact.id.kind() {
                // Whether a refund is wanted, what it pays back decides.
                FactKind::Conversion if is_refund(&fact) || wants(run, &fact) => {
                    wanted.conversions.push(fact);
                }
                FactKind::Conversion => {}
                FactKind::Interaction => {
                    wanted.interactions += 1;
                    wanted.anchors.extend(fact.anchor);
                }
            }
        }
        wanted.hours += 1;
    }
    wanted.conversions = with_originals(app, tenant, run, wanted.conversions).await?;
    wanted.conversions.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    Ok(wanted)
}

fn is_refund(fact: &Fact) -> bool {
    fact.amount.is_some_and(|amount| amount.minor < 0)
}

fn wants(run: &Run, fact: &Fact) -> bool {
    let event_type = fact.event_type.as_deref().unwrap_or_default();
    fact.amount.is_some_and(|amount| run.config.wants(event_type, amount))
}

/// Refunds are of the customer whom they pay back, and wanted if the conversion is that they pay back. Of one that pays
/// back what is not known, nothing more is known.
async fn with_originals(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    facts: Vec<Fact>,
) -> Result<Vec<Fact>, StoreError> {
    let (refunds, mut wanted): (Vec<Fact>, Vec<Fact>) = facts.into_iter().partition(is_refund);
    let ids: Vec<_> = refunds.iter().map(|fact| fact.id.clone()).collect();
    let cutoff = run.cutoff.unwrap_or(run.created_at);
    let stored = app.table.conversions(tenant, &ids, cutoff).await?;
    let mut originals = app.table.originals(tenant, &stored.iter().collect::<Vec<_>>(), cutoff).await?;
    let identity = tenant.identity();
    for mut fact in refunds {
        match originals.remove(&fact.id).map(|original| original.conversion) {
            Some(original) if run.config.wants(&original.event_type, original.amount) => {
                fact.anchor = original.anchor().map(|anchor| identity.node(anchor));
                wanted.push(fact);
            }
            None if wants(run, &fact) => wanted.push(fact),
            Some(_) | None => {}
        }
    }
    Ok(wanted)
}

/// The conversions by shard and customer, as hands had decided by the run's cutoff, and customers who have none. Conversions
/// that name nobody have a place too: they are unattributed, not lost.
async fn by_shard(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    wanted: &Wanted,
) -> Result<BTreeMap<u32, Vec<PlannedCustomer>>, StoreError> {
    let mut customers = Customers::of(&app.table, tenant).as_of(run.cutoff.unwrap_or(run.created_at));
    let of_conversions = wanted.conversions.iter().filter_map(|fact| fact.anchor.clone());
    let anchors: BTreeSet<NodeId> = of_conversions.chain(wanted.anchors.iter().cloned()).collect();
    customers.find(anchors).await?;
    let mut planned: BTreeMap<(u32, Option<NodeId>), PlannedCustomer> = BTreeMap::new();
    let mut plan = |anchor: Option<&NodeId>, otherwise: &str, conversion: Option<&FactId>| {
        let customer = anchor.and_then(|anchor| customers.known(anchor));
        let customer_id = customer.and_then(|customer| customer.id().cloned());
        let shard = keys::run_shard(customer_id.as_ref().map_or(otherwise, NodeId::bare));
        let members = || customer.map(|customer| customer.members.iter().cloned().collect());
        if customer_id.is_some() || conversion.is_some() {
            let planned = planned.entry((shard, customer_id.clone())).or_insert_with(|| PlannedCustomer {
                customer_id,
                members: members().unwrap_or_default(),
                conversions: Vec::new(),
            });
            planned.conversions.extend(conversion.cloned());
        }
    };
    wanted
        .conversions
        .iter()
        .for_each(|fact| plan(fact.anchor.as_ref(), fact.id.bare().as_str(), Some(&fact.id)));
    wanted.anchors.iter().for_each(|anchor| plan(Some(anchor), "", None));
    let mut shards: BTreeMap<u32, Vec<PlannedCustomer>> = BTreeMap::new();
    for ((shard, _), customer) in planned {
        shards.entry(shard).or_default().push(customer);
    }
    Ok(shards)
}

fn digest(shards: &BTreeMap<u32, Vec<PlannedCustomer>>) -> String {
    let mut digest = Sha256::new();
    for customer in shards.values().flatten() {
        digest.update(customer.customer_id.as_ref().map_or("", NodeId::bare));
        customer.members.iter().for_each(|member| digest.update(member.bare()));
        customer.conversions.iter().for_each(|id| digest.update(id.bare()));
    }
    hex::encode(digest.finalize())
}
