//! Calculating how a lead's conversion is shared out; and saving it, which settles the conversion.

mod batch;
mod conversion;

use std::sync::Arc;

use api::fields::{Decimal, Id, PastMoment, Probability, Wanted};
use api::views::{Amount, Moment, share};
use api::{Access, ApiError, Body, Caller, Data, may};
use axum::extract::State;
use crediting::{Crediting, Reached, Story, Touch};
use domain::conversion::Conversion;
use domain::identity::Customer;
use domain::ids::{FactId, FactKind};
use domain::json::{self, Reader};
use domain::ledger::{Earning, RecordId, Settlement};
use domain::model::ModelCode;
use domain::money::{Currency, Money};
use domain::rule::Rule;
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Credit, CreditedConversion, NotSettled, Span, StoredConversion, Tenant};

pub(crate) use self::batch::calculate_batch;
use self::conversion::{assumed, check, latest, not_of_lead};
use crate::attributions::percent;
use crate::audit::audited;
use crate::conversions::{self, Commission, money, take_commission, take_currency};
use crate::leads::Lead;
use crate::models::{self, ModelName};
use crate::touch_type::TouchType;

/// What is to be calculated.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    rename_all = "camelCase",
    extend("x-rules" = [Rule::ConversionOfLead])
)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct CalculationRequest {
    /// Your id of the lead, or ours of the customer
    #[schemars(extend("x-rules" = [Rule::IdentifierOfType]), example = &"lead-123")]
    lead_id: Id,
    /// `data_driven` weighs channels as your latest completed run of DATA_DRIVEN with the usual configuration learned them;
    /// all touchpoints alike where it learned nothing, which `fallback` says. For `u`, `w` and `full_path`, a conversion of the
    /// type `lead`, `lead_created`, `sign_up` or `signup` makes a lead, and one of `opportunity`, `opportunity_created`,
    /// `quote` or `quote_requested` an opportunity; where there is neither, the milestones are taken to lie evenly
    model: ModelName,
    /// A conversion that was stored; when something is saved, the lead's latest unless given
    conversion_id: Option<Wanted>,
    /// What is shared out; a stored conversion's value unless given
    #[schemars(example = 1500)]
    conversion_value: Option<Decimal>,
    /// The tenant's unless given; beside a stored conversion, its own
    currency: Option<Currency>,
    /// The part of the value that is paid to who brought it about, from 0 to 1; a stored conversion's own unless given
    #[schemars(example = 0.1)]
    commission_rate: Option<Probability>,
    commission_amount: Option<Decimal>,
    /// Up to when touchpoints count: of a stored conversion its own time, else now unless given
    occurred_at: Option<PastMoment>,
}

/// What was asked for.
#[derive(Clone)]
struct Asked {
    lead: Lead,
    model: ModelCode,
    conversion_id: Option<String>,
    value: Option<Money>,
    /// Of the amounts that were given, and whether it was given itself.
    currency: (Option<Currency>, bool),
    commission: Option<Commission>,
    occurred_at: Option<Timestamp>,
}

impl Asked {
    fn take(body: &mut Reader<'_>, tenant: &Tenant, now: Timestamp) -> Option<Self> {
        let lead = body.required("leadId", Lead::read(tenant));
        let model = body.required("model", models::parse);
        let conversion_id = body.optional("conversionId", json::text);
        let is_given = body.has("currency");
        let currency = take_currency(body, tenant);
        let value = body.optional("conversionValue", money(currency)).flatten();
        let assumed = value.or(currency.map(|currency| Money { minor: 0, currency }));
        let commission = take_commission(body, assumed);
        let occurred_at = body.optional("occurredAt", json::moment(now));
        let (lead, model) = (lead?, model?);
        let currency = (currency, is_given);
        Some(Self { lead, model, conversion_id, value, currency, commission, occurred_at })
    }
}

/// How a lead's conversion is shared out.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CalculationView {
    #[schemars(example = &"lead-123")]
    lead_id: String,
    #[schemars(example = &"position_based")]
    model: String,
    /// The model that was used because the one asked for could not be.
    fallback: Option<String>,
    conversion_id: Option<String>,
    conversion_value: Amount,
    currency: Currency,
    commission_amount: Amount,
    /// In order of time; empty where the lead has no touchpoint that counts.
    attributions: Vec<ShareView>,
    calculated_at: Moment,
    /// Whether it was saved: the conversion is settled so.
    saved: bool,
}

/// What one touchpoint gets.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ShareView {
    /// Of the attribution, if it was saved.
    id: Option<String>,
    touchpoint_id: String,
    channel: TouchType,
    timestamp: Moment,
    #[schemars(with = "f64", example = 0.4)]
    credit: Box<RawValue>,
    #[schemars(with = "f64", example = 40)]
    percentage: Box<RawValue>,
    revenue: Amount,
    commission: Amount,
    partner_id: Option<String>,
    broker_id: Option<String>,
    campaign_id: Option<String>,
}

/// What is shared out, and over what.
pub(crate) struct Case {
    asked: Asked,
    lead_id: String,
    customer: Arc<Customer>,
    stored: Option<StoredConversion>,
    conversion: Conversion,
}

/// What a calculation is for.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "CalculationPurpose")]
enum Purpose {
    Calculate,
    /// Where no conversion is named, the lead's latest is settled.
    Save,
}

impl Purpose {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "calculate" => Some(Purpose::Calculate),
            "save" => Some(Purpose::Save),
            _ => None,
        }
    }
}

impl Case {
    async fn of(access: &Access, tenant: &Tenant, asked: Asked, purpose: Purpose) -> Result<Self, ApiError> {
        let customer = asked.lead.customer(access, tenant).await?;
        let stored = match &asked.conversion_id {
            Some(id) => {
                let found = conversions::named(access, tenant, id).await?;
                Some(found.ok_or_else(|| not_of_lead("must name a conversion that is stored"))?)
            }
            None if purpose == Purpose::Save => Some(latest(access, tenant, &customer).await?),
            None => None,
        };
        if let Some(stored) = &stored {
            check(tenant, &asked, &customer, stored)?;
        }
        let lead_id = match &asked.lead {
            Lead::Theirs(lead) => lead.value().to_owned(),
            Lead::Ours(node) => node.to_string(),
        };
        let conversion = match &stored {
            Some(stored) => stored.conversion.clone(),
            None => assumed(&asked, access.clock.now())?,
        };
        Ok(Self { asked, lead_id, customer, stored, conversion })
    }

    fn commission_minor(&self) -> i64 {
        let value = self.conversion.amount.minor;
        let given = self.asked.commission.map(|commission| commission.of(value));
        given.or(self.conversion.commission_minor).unwrap_or_default()
    }

    /// What the model says of it.
    async fn credited(&self, access: &Access, tenant: &Tenant) -> Result<CreditedConversion, ApiError> {
        let config = models::config_of(access, tenant, self.asked.model).await?;
        let now = access.clock.now();
        let learned = if config.learns() { access.table.learned(tenant, now).await? } else { None };
        let crediting = Crediting::of(&config, learned.as_ref());
        let crediting = crediting.map_err(|error| ApiError::Internal(Box::new(error)))?;
        let at = self.asked.occurred_at.filter(|_| self.stored.is_none());
        let at = at.unwrap_or(self.conversion.occurred_at);
        let span = Span { from: config.window_start(at), to: at };
        let places = access.table.facts(tenant, now).places(&self.customer.members, span).await?;
        let ids = places.into_iter().map(|(_, id)| id);
        let (touches, conversions): (Vec<_>, Vec<_>) = ids.partition(|id| id.kind() == FactKind::Interaction);
        let found = access.table.interactions(tenant, &touches, now).await?;
        let touches = found.iter().filter_map(Touch::of).filter(|touch| touch.counts(&config));
        let conversions = if config.asks_for_conversions() { conversions } else { Vec::new() };
        let conversions = access.table.conversions(tenant, &conversions, now).await?;
        let story = Story::of(touches.collect(), conversions.iter().filter_map(Reached::of).collect());
        let conversion = Conversion {
            occurred_at: at,
            commission_minor: Some(self.commission_minor()),
            ..self.conversion.clone()
        };
        let id = self.stored.as_ref().map(|stored| stored.id.clone());
        let id = id.unwrap_or_else(|| FactId::conversion(&tenant.id, &conversion.external_id));
        Ok(crediting.credit(self.customer.id(), (&id, &conversion), &story))
    }

    fn view(
        &self,
        credited: &CreditedConversion,
        settled: Option<&Settlement>,
        now: Timestamp,
    ) -> CalculationView {
        let currency = credited.amount.currency;
        let amount = |minor| Amount(Money { minor, currency });
        let share = |credit: &Credit| {
            let record = settled.and_then(|settled| Some((settled, settled.record(&credit.interaction)?)));
            let minor = record.map_or((credit.amount_minor, credit.commission_minor), |(_, record)| {
                (record.revenue_minor, record.commission_minor)
            });
            ShareView {
                id: record.map(|(settled, record)| RecordId::of(settled, record).to_string()),
                touchpoint_id: credit.interaction.to_string(),
                channel: TouchType::of_channel(&credit.channel),
                timestamp: Moment(credit.touched_at),
                credit: share(credit.weight_ppb),
                percentage: percent(credit.weight_ppb),
                revenue: amount(minor.0),
                commission: amount(minor.1),
                partner_id: credit.partner_id.clone(),
                broker_id: credit.broker_id.clone(),
                campaign_id: credit.campaign.clone(),
            }
        };
        CalculationView {
            lead_id: self.lead_id.clone(),
            model: models::name(self.asked.model),
            fallback: credited.fallback.map(models::name),
            conversion_id: self.stored.as_ref().map(|stored| stored.id.to_string()),
            conversion_value: Amount(credited.amount),
            currency,
            commission_amount: amount(self.commission_minor()),
            attributions: credited.credits.iter().map(share).collect(),
            calculated_at: Moment(settled.map_or(now, |settled| settled.settled_at)),
            saved: settled.is_some(),
        }
    }

    /// Saves what the model says.
    async fn settled<P>(
        &self,
        access: &Access,
        caller: &Caller<P>,
        (credited, stored): (&CreditedConversion, &StoredConversion),
    ) -> Result<Option<Settlement>, ApiError> {
        if credited.credits.is_empty() {
            return Ok(None);
        }
        let now = access.clock.now();
        let earnings = credited.credits.iter().map(Earning::from).collect();
        let mut fresh = Settlement::new(
            (stored.id.clone(), self.customer.id().cloned(), stored.conversion.occurred_at),
            (stored.conversion.amount, self.commission_minor()),
            (self.asked.model, credited.fallback),
            earnings,
            now,
        );
        fresh.lead_id = stored.conversion.lead_id().map(str::to_owned);
        let detail =
            serde_json::json!({"model": models::name(self.asked.model), "touchpoints": fresh.records.len()});
        let audited = audited(access, caller, ("settlement.calculated", &stored.id.to_string()), &detail);
        let settled = access.table.settle(&caller.tenant, (fresh, stored), &audited, now).await;
        settled.map(Some).map_err(|error| match error {
            NotSettled::ReliedOn => ApiError::Settled,
            NotSettled::TooManyTouches => not_of_lead(&error.to_string()),
            NotSettled::Store(error) => error.into(),
        })
    }
}

fn read<T>(body: &Body<T>, tenant: &Tenant, now: Timestamp) -> Result<Asked, ApiError> {
    let mut body = body.reader()?;
    let asked = Asked::take(&mut body, tenant, now);
    body.finish(asked).map_err(ApiError::Invalid)
}

/// Calculate how a conversion of a lead would be shared out; nothing is stored
pub(crate) async fn calculate(
    State(access): State<Access>,
    caller: Caller<may::AttributionRun>,
    body: Body<CalculationRequest>,
) -> Result<Data<CalculationView>, ApiError> {
    let asked = read(&body, &caller.tenant, access.clock.now())?;
    carry_out(&access, &caller, asked, Purpose::Calculate).await.map(Data)
}

/// Settle a lead's conversion as a model says; as long as nobody has relied on it, another model may take its place
pub(crate) async fn calculate_and_save(
    State(access): State<Access>,
    caller: Caller<may::AttributionRun>,
    body: Body<CalculationRequest>,
) -> Result<Data<CalculationView>, ApiError> {
    let asked = read(&body, &caller.tenant, access.clock.now())?;
    carry_out(&access, &caller, asked, Purpose::Save).await.map(Data)
}

/// How often it is begun anew after the conversion was changed meanwhile, or the table was busy.
const MOST_AGAIN: u32 = 2;

async fn carry_out<P>(
    access: &Access,
    caller: &Caller<P>,
    asked: Asked,
    purpose: Purpose,
) -> Result<CalculationView, ApiError> {
    for _ in 0..MOST_AGAIN {
        match once(access, caller, asked.clone(), purpose).await {
            Err(ApiError::Unavailable(_)) => {}
            answer => return answer,
        }
    }
    once(access, caller, asked, purpose).await
}

async fn once<P>(
    access: &Access,
    caller: &Caller<P>,
    asked: Asked,
    purpose: Purpose,
) -> Result<CalculationView, ApiError> {
    let case = Case::of(access, &caller.tenant, asked, purpose).await?;
    let credited = case.credited(access, &caller.tenant).await?;
    let settled = match (&case.stored, purpose) {
        (Some(stored), Purpose::Save) => case.settled(access, caller, (&credited, stored)).await?,
        (_, Purpose::Save | Purpose::Calculate) => None,
    };
    Ok(case.view(&credited, settled.as_ref(), access.clock.now()))
}
