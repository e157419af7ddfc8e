//! Planning one month: which conversions count, whose they are, and which shard credits them.

use std::collections::{BTreeMap, BTreeSet};

use domain::identity::NodeId;
use domain::ids::FactKind;
use domain::run::{Stage, Total, Totals};
use domain::time::Hour;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use store::{Attempt, Customers, Fact, PlannedCustomer, Run, StoreError, TaskOutcome, Tenant, keys};

use crate::{App, WorkError};

/// How many hours are read at a time.
const ABREAST: usize = 16;

/// Writes the month's manifests, one per shard that has conversions.
pub(crate) async fn plan_month(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (month, attempt): (&str, &str),
) -> Result<TaskOutcome, WorkError> {
    let facts = wanted(app, tenant, run, month).await?;
    let mut totals = Totals::default();
    for amount in facts.iter().filter_map(|fact| fact.amount) {
        let total = Total { conversions: 1, amount_minor: amount.minor, ..Total::default() };
        totals.add(amount.currency, total);
    }
    let shards = by_shard(app, tenant, run, &facts).await?;
    let to = Attempt { tenant: &tenant.id, run, stage: Stage::Plan, task: month, attempt };
    let mut digest = Sha256::new();
    for (shard, customers) in &shards {
        app.table.put_manifest(to, *shard, customers).await?;
        for customer in customers {
            digest.update(customer.customer_id.as_ref().map_or("", NodeId::bare));
            customer.members.iter().for_each(|member| digest.update(member.bare()));
            customer.conversions.iter().for_each(|id| digest.update(id.bare()));
        }
    }
    Ok(TaskOutcome { totals, shards: shards.into_keys().collect(), digest: hex::encode(digest.finalize()) })
}

/// The month's conversions that the run asks for, as far as they were received before its cutoff.
async fn wanted(app: &App, tenant: &Tenant, run: &Run, month: &str) -> Result<Vec<Fact>, StoreError> {
    let listed = app.table.months(&tenant.id, FactKind::Conversion, month, month).await?;
    let hours: Vec<Hour> = listed.into_iter().flat_map(|(_, hours)| hours).collect();
    let (from, to) = run.config.span(tenant.settings.zone());
    let hours = hours.into_iter().filter(|hour| hour.start() <= to && hour.end_bound() > from);
    let reader = app.table.facts(tenant, run.cutoff.unwrap_or(run.created_at));
    let facts: Vec<Vec<Fact>> = stream::iter(hours)
        .map(|hour| async move { reader.of_hour(FactKind::Conversion, hour).await })
        .buffered(ABREAST)
        .try_collect()
        .await?;
    let mut facts: Vec<Fact> = facts.into_iter().flatten().collect();
    facts.retain(|fact| {
        let in_time =
            (from..=to).contains(&fact.time) && run.cutoff.is_none_or(|cutoff| fact.received_at <= cutoff);
        let event_type = fact.event_type.as_deref().unwrap_or_default();
        in_time && fact.amount.is_some_and(|amount| run.config.wants(event_type, amount))
    });
    facts.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    Ok(facts)
}

/// The conversions by shard and customer, as hands had decided by the run's cutoff. Those that name nobody have a place
/// too: they are unattributed, not lost.
async fn by_shard(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    facts: &[Fact],
) -> Result<BTreeMap<u32, Vec<PlannedCustomer>>, StoreError> {
    let mut customers = Customers::of(&app.table, tenant).as_of(run.cutoff.unwrap_or(run.created_at));
    let anchors: BTreeSet<NodeId> = facts.iter().filter_map(|fact| fact.anchor.clone()).collect();
    customers.find(anchors).await?;
    let mut planned: BTreeMap<(u32, Option<NodeId>), PlannedCustomer> = BTreeMap::new();
    for fact in facts {
        let customer = fact.anchor.as_ref().and_then(|anchor| customers.known(anchor));
        let customer_id = customer.and_then(|customer| customer.id().cloned());
        let shard = keys::run_shard(customer_id.as_ref().map_or(fact.id.bare().as_str(), NodeId::bare));
        let planned = planned.entry((shard, customer_id.clone())).or_insert_with(|| PlannedCustomer {
            customer_id,
            members: customer.map(|customer| customer.members.iter().cloned().collect()).unwrap_or_default(),
            conversions: Vec::new(),
        });
        planned.conversions.push(fact.id.clone());
    }
    let mut shards: BTreeMap<u32, Vec<PlannedCustomer>> = BTreeMap::new();
    for ((shard, _), customer) in planned {
        shards.entry(shard).or_default().push(customer);
    }
    Ok(shards)
}
