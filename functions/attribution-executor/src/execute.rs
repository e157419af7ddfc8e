//! Executing some shards: every planned conversion of their customers gets its credits, by each of the run's models.

use crediting::{Crediting, Story};
use domain::run::Stage;
use sha2::{Digest, Sha256};
use store::{Attempt, CreditedConversion, Run, TaskOutcome, Tenant, keys};

use crate::journeys::{Converted, Journey, each_journey, planned};
use crate::sums::sums_of;
use crate::{App, WorkError};

/// Writes credits and sums of the shards that the task is named after.
pub(crate) async fn execute_shards(
    app: &App,
    tenant: &Tenant,
    run: &Run,
    (name, attempt): (&str, &str),
) -> Result<TaskOutcome, WorkError> {
    let runs = run.each();
    let creditings: Vec<_> =
        runs.iter().map(|run| Crediting::of(&run.config, run.learned.as_ref())).collect::<Result<_, _>>()?;
    let mut customers = match keys::shards_named(name) {
        Some(shards) => planned(app, tenant, run, &shards).await?,
        None => Vec::new(),
    };
    customers.retain(|customer| !customer.conversions.is_empty());
    let mut credited = vec![Vec::new(); runs.len()];
    each_journey(app, tenant, run, &customers, |journey| {
        for (credited, crediting) in credited.iter_mut().zip(&creditings) {
            credited.extend(credits(crediting, journey));
        }
    })
    .await?;
    let mut hash = Sha256::new();
    let mut totals = Vec::new();
    for (run, mut credited) in runs.iter().zip(credited) {
        credited.sort_by(|a: &CreditedConversion, b| a.id.cmp(&b.id));
        let to = Attempt { tenant: &tenant.id, run, stage: Stage::Execute, task: name, attempt };
        app.table.put_credits(to, &credited).await?;
        let (sums, of_model) = sums_of(&credited, tenant.settings.zone());
        app.table.put_shard_sums(to, &sums).await?;
        digest(&credited, &mut hash);
        totals.push(of_model);
    }
    let others = totals.split_off(totals.len().min(1));
    let totals = totals.pop().unwrap_or_default();
    Ok(TaskOutcome { totals, others, digest: hex::encode(hash.finalize()), ..TaskOutcome::default() })
}

fn credits(crediting: &Crediting<'_>, journey: &Journey<'_>) -> Vec<CreditedConversion> {
    let (customer_id, story) = (journey.customer_id, journey.story);
    let none = &Story::default();
    let credit = |converted: &Converted<'_>| match (converted.paid, converted.looks_back_from()) {
        (Some(paid), _) => crediting.take_back(customer_id, converted.stored, (paid, story)),
        (None, Some(_)) => crediting.credit(customer_id, converted.named(), story),
        (None, None) => crediting.credit(customer_id, converted.named(), none),
    };
    journey.conversions.iter().map(credit).collect()
}

fn digest(credited: &[CreditedConversion], hash: &mut Sha256) {
    for conversion in credited {
        hash.update(conversion.id.bare());
        hash.update(conversion.amount.minor.to_be_bytes());
        for credit in &conversion.credits {
            hash.update(credit.interaction.bare());
            hash.update(credit.weight_ppb.to_be_bytes());
            hash.update(credit.amount_minor.to_be_bytes());
        }
    }
}
