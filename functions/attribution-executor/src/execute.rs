//! Executing some shards: every planned conversion of their customers gets its credits, by each of the run's models.

use crediting::{Crediting, Story};
use domain::run::Stage;
use domain::time::Zone;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use store::{Attempt, CreditedConversion, Run, StoreError, TaskOutcome, Tenant, keys};

use crate::journeys::{Converted, Journey, each_journey, planned, together};
use crate::sums::{Influence, Summed};
use crate::{App, WorkError};

/// How many models' credits are written at a time.
const ABREAST: usize = 4;

/// Writes credits and sums of the shards that the task is named after. Of the credits no more are held in memory than some
/// customers': these are written while the next ones' journeys are read.
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
    let to = |run| Attempt { tenant: &tenant.id, run, stage: Stage::Execute, task: name, attempt };
    let zone = tenant.settings.zone();
    let mut models: Vec<_> = runs.iter().map(|run| ByModel::nothing(to(run), zone)).collect();
    let mut influence = Influence::none(zone);
    for some in together(&customers) {
        let unwritten = unwritten(&mut models);
        let see = |journey: &Journey<'_>| {
            for (index, (model, crediting)) in models.iter_mut().zip(&creditings).enumerate() {
                let credited = credits(crediting, journey);
                // Every model sees the same journeys, so the first one tells.
                if index == 0 {
                    add_influence(&mut influence, crediting, journey, &credited);
                }
                model.credited.extend(credited);
            }
        };
        tokio::try_join!(each_journey(app, tenant, run, some, see), write(app, &unwritten))?;
        models.iter_mut().for_each(ByModel::add_up);
    }
    write(app, &unwritten(&mut models)).await?;
    Ok(finished(app, models, &influence).await?)
}

/// What one model credits.
struct ByModel<'a> {
    to: Attempt<'a>,
    /// Some customers' conversions, which are not written yet.
    credited: Vec<CreditedConversion>,
    summed: Summed,
    hash: Sha256,
}

impl<'a> ByModel<'a> {
    fn nothing(to: Attempt<'a>, zone: Zone) -> Self {
        Self { to, credited: Vec::new(), summed: Summed::nothing(zone), hash: Sha256::new() }
    }

    fn add_up(&mut self) {
        self.summed.add(&self.credited);
        self.credited.iter().for_each(|conversion| digest(&mut self.hash, conversion));
    }
}

type Unwritten<'a> = (Attempt<'a>, Vec<CreditedConversion>);

fn unwritten<'a>(models: &mut [ByModel<'a>]) -> Vec<Unwritten<'a>> {
    models.iter_mut().map(|model| (model.to, std::mem::take(&mut model.credited))).collect()
}

async fn write(app: &App, unwritten: &[Unwritten<'_>]) -> Result<(), StoreError> {
    let writes: Vec<_> =
        unwritten.iter().map(|(to, credited)| app.table.put_credits(*to, credited)).collect();
    stream::iter(writes).buffered(ABREAST).try_collect().await
}

/// Writes what all credits come to, by each model.
async fn finished(
    app: &App,
    models: Vec<ByModel<'_>>,
    influence: &Influence,
) -> Result<TaskOutcome, StoreError> {
    let (mut totals, mut hash) = (Vec::new(), Sha256::new());
    for model in models {
        let (sums, of_model) = model.summed.beside(influence);
        app.table.put_shard_sums(model.to, &sums).await?;
        totals.push(of_model);
        hash.update(model.hash.finalize());
    }
    let mut totals = totals.into_iter();
    Ok(TaskOutcome {
        totals: totals.next().unwrap_or_default(),
        others: totals.collect(),
        digest: hex::encode(hash.finalize()),
        ..TaskOutcome::default()
    })
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

/// Tells of each of a journey's conversions who was on its way.
fn add_influence(
    into: &mut Influence,
    crediting: &Crediting<'_>,
    journey: &Journey<'_>,
    credited: &[CreditedConversion],
) {
    for (converted, conversion) in journey.conversions.iter().zip(credited) {
        if let Some(at) = converted.looks_back_from() {
            into.add(conversion, &crediting.touches(at, journey.story));
        }
    }
}

fn digest(hash: &mut Sha256, conversion: &CreditedConversion) {
    hash.update(conversion.id.bare());
    hash.update(conversion.amount.minor.to_be_bytes());
    for credit in &conversion.credits {
        hash.update(credit.interaction.bare());
        hash.update(credit.weight_ppb.to_be_bytes());
        hash.update(credit.amount_minor.to_be_bytes());
    }
}
