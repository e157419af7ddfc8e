//! Executing some shards: every planned conversion of their customers gets its credits, by each of the run's models.

use crediting::{Crediting, Story};
use domain::run::{Stage, Totals};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use store::{Attempt, CreditedConversion, Run, StoreError, TaskOutcome, Tenant, keys};

use crate::journeys::{Converted, Journey, each_journey, planned};
use crate::sums::sums_of;
use crate::{App, WorkError};

/// How many models' credits are written at a time.
const ABREAST: usize = 4;

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
    let to = |run| Attempt { tenant: &tenant.id, run, stage: Stage::Execute, task: name, attempt };
    let written: Vec<_> =
        runs.iter().zip(credited).map(|(run, of)| write(app, tenant, to(run), of)).collect();
    let written: Vec<_> = stream::iter(written).buffered(ABREAST).try_collect().await?;
    let mut hash = Sha256::new();
    written.iter().for_each(|(_, digest)| hash.update(digest));
    let mut totals = written.into_iter().map(|(totals, _)| totals);
    Ok(TaskOutcome {
        totals: totals.next().unwrap_or_default(),
        others: totals.collect(),
        digest: hex::encode(hash.finalize()),
        ..TaskOutcome::default()
    })
}

/// Writes what one model credits, and tells what it comes to and a digest of it.
async fn write(
    app: &App,
    tenant: &Tenant,
    to: Attempt<'_>,
    mut credited: Vec<CreditedConversion>,
) -> Result<(Totals, Vec<u8>), StoreError> {
    credited.sort_by(|a, b| a.id.cmp(&b.id));
    app.table.put_credits(to, &credited).await?;
    let (sums, totals) = sums_of(&credited, tenant.settings.zone());
    app.table.put_shard_sums(to, &sums).await?;
    Ok((totals, digest(&credited)))
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

fn digest(credited: &[CreditedConversion]) -> Vec<u8> {
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
    hash.finalize().to_vec()
}
