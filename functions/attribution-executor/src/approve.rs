//! Approving a run: what it credited is owed from then on, as far as nothing else was.

use std::collections::BTreeMap;

use domain::ids::FactId;
use domain::ledger::{Earning, Settlement};
use domain::run::{RunMessage, Stage};
use futures::{StreamExt, TryStreamExt, stream};
use store::{
    Attempt, Audited, BEHIND_ALL_CREDITS, CreditedConversion, NotSettled, Run, StoredConversion, Tenant,
};

use crate::{App, WorkError};

/// How many conversions are settled at a time.
const ABREAST: usize = 16;

/// How many parts of conversions one message settles; what is left, another does.
const MOST_PARTS: usize = 2_000;

/// Settles the next conversions that a task credited, and has the rest settled. What is settled already, and relied on,
/// stays as it is; doing it again changes nothing.
pub(crate) async fn settle_some(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (name, after): (&str, Option<&FactId>),
    by: &str,
) -> Result<(), WorkError> {
    let task = app.table.task(&tenant.id, &run.run_id, Stage::Execute, name).await?;
    let attempt = task.as_ref().and_then(|task| Attempt::committed(&tenant.id, run, task));
    let Some(attempt) = attempt else { return Ok(()) };
    let from = after.map(|id| (id, BEHIND_ALL_CREDITS));
    let parts = app.table.credits(attempt, true, from, MOST_PARTS).await?;
    let is_last = parts.len() < MOST_PARTS;
    let mut credited: BTreeMap<FactId, CreditedConversion> = BTreeMap::new();
    for part in parts {
        match credited.get_mut(&part.conversion.id) {
            Some(known) => known.credits.extend(part.conversion.credits),
            None => drop(credited.insert(part.conversion.id.clone(), part.conversion)),
        }
    }
    // Of the last one, more parts may follow.
    if !is_last && credited.len() > 1 {
        credited.pop_last();
    }
    let last = credited.keys().last().cloned();
    settle_all(app, tenant, run, (credited, by)).await?;
    if !is_last {
        let next = RunMessage::Approve {
            tenant: tenant.id.clone(),
            run_id: run.id(),
            task: name.to_owned(),
            after: last,
            by: by.to_owned(),
        };
        app.queue.send(&tenant.id, &next).await?;
    }
    Ok(())
}

async fn settle_all(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (credited, by): (BTreeMap<FactId, CreditedConversion>, &str),
) -> Result<(), WorkError> {
    let ids: Vec<_> = credited.keys().cloned().collect();
    let stored = app.table.conversions(tenant, &ids, app.clock.now()).await?;
    let stored: BTreeMap<_, _> = stored.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
    // Refunds are taken back from what they pay back. What was set right since is no longer what was credited.
    let pairs = credited.values().filter_map(|credited| {
        let stored = stored.get(&credited.id)?;
        (credited.refund_of.is_none() && stored.conversion.amount == credited.amount)
            .then_some((credited, stored))
    });
    let settled = pairs.map(|(credited, stored)| settle(app, tenant, run, (credited, stored), by));
    let settled: Vec<_> = settled.collect();
    stream::iter(settled).buffer_unordered(ABREAST).try_collect::<()>().await
}

async fn settle(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (credited, stored): (&CreditedConversion, &StoredConversion),
    by: &str,
) -> Result<(), WorkError> {
    let now = app.clock.now();
    let mut fresh = Settlement::new(
        (credited.id.clone(), credited.customer_id.clone(), credited.occurred_at),
        (credited.amount, credited.credits.iter().map(|credit| credit.commission_minor).sum()),
        (run.config.model, credited.fallback),
        credited.credits.iter().map(Earning::from).collect(),
        now,
    )
    .approved_with(&run.id());
    fresh.lead_id = stored.conversion.lead_id().map(str::to_owned);
    let audited = Audited {
        audit_id: app.clock.mint("aud"),
        at: now,
        by: by.to_owned(),
        action: "settlement.approved".to_owned(),
        subject: credited.id.to_string(),
        detail: serde_json::json!({ "run_id": run.id() }).to_string(),
    };
    match app.table.settle(tenant, (fresh, stored), &audited, now).await {
        Ok(_) | Err(NotSettled::ReliedOn) => Ok(()),
        Err(NotSettled::TooManyTouches) => {
            tracing::warn!(run_id = %run.run_id, conversion = %credited.id, "too many touches to settle");
            Ok(())
        }
        Err(NotSettled::Store(error)) => Err(error.into()),
    }
}
