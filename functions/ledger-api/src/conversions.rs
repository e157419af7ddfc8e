//! Conversions of leads, with what is paid for them.

use std::collections::BTreeSet;

use api::fields::{Decimal, Id, PastMoment, Probability, Text};
use api::views::{Amount, Moment, share};
use api::{Access, ApiError, Body, Caller, Data, Listed, Named, Query, Stored, may};
use axum::extract::{Path, State};
use domain::conversion::Conversion;
use domain::ids::{ExternalId, FactId, FactKind};
use domain::json::{self, Problem, Reader};
use domain::ledger::Settlement;
use domain::money::{Currency, Money, portion};
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Customers, Settled, StoredConversion, Tenant};

use crate::attributions::AttributionView;
use crate::conversion_type::Kind;
use crate::facts::{Filter, ListFacts};
use crate::leads::{Lead, lead_id};

/// A conversion as it is reported. What is null counts as absent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct LeadConversionReport {
    /// What you call the lead
    #[schemars(extend("x-rules" = [Rule::IdentifierOfType]), example = &"lead-123")]
    lead_id: Id,
    /// What you call the conversion, so that it is stored once however often it is sent; ours unless given
    #[schemars(example = &"sale-77")]
    external_id: Option<Id>,
    r#type: Kind,
    #[schemars(example = 1500)]
    value: Decimal,
    /// The tenant's unless given
    currency: Option<Currency>,
    #[schemars(example = &"policy-789")]
    policy_id: Option<Id>,
    #[schemars(example = &"POL-2024-001")]
    policy_number: Option<Text<128>>,
    /// The part of the value that is paid to who brought it about, from 0 to 1
    #[schemars(example = 0.1)]
    commission_rate: Option<Probability>,
    /// The same as an amount; what `commissionRate` comes to unless given
    #[schemars(example = 150)]
    commission_amount: Option<Decimal>,
    /// When it was; now unless given
    occurred_at: Option<PastMoment>,
}

/// What is set right of a conversion. What is null, or left out, stays as it is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase", extend("x-rules" = [Rule::CommissionWithValue]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ConversionCorrection {
    r#type: Option<Kind>,
    /// In the conversion's currency. Where there is a commission, another value needs one too: a rate, or an amount
    #[schemars(example = 1500)]
    value: Option<Decimal>,
    policy_id: Option<Id>,
    policy_number: Option<Text<128>>,
    /// The part of the value that is paid to who brought it about, from 0 to 1
    commission_rate: Option<Probability>,
    /// The same as an amount; what `commissionRate` comes to unless given
    #[schemars(example = 150)]
    commission_amount: Option<Decimal>,
    occurred_at: Option<PastMoment>,
}

/// A conversion.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadConversionView {
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4c")]
    id: String,
    /// As you call the lead; our id of the customer where nothing told yours.
    #[schemars(example = &"lead-123")]
    lead_id: Option<String>,
    external_id: String,
    /// One of `sale`, `signup`, `quote_request`, `policy_bound`, `renewal`, or what it was called in `/v1/conversions`.
    #[schemars(example = &"policy_bound")]
    r#type: String,
    value: Amount,
    currency: Currency,
    policy_id: Option<String>,
    policy_number: Option<String>,
    /// What the commission is of the value.
    #[schemars(with = "Option<f64>", example = 0.1)]
    commission_rate: Option<Box<RawValue>>,
    commission_amount: Option<Amount>,
    occurred_at: Moment,
    /// How it is settled; empty as long as it is not.
    attributions: Vec<AttributionView>,
}

async fn views(
    access: &Access,
    tenant: &Tenant,
    found: Vec<StoredConversion>,
) -> Result<Vec<LeadConversionView>, ApiError> {
    let identity = tenant.identity();
    let mut customers = Customers::of(&access.table, tenant);
    customers
        .find(found.iter().filter_map(|stored| Some(identity.node(stored.conversion.anchor()?))))
        .await?;
    let places: Vec<_> = found.iter().map(Settled::from).collect();
    let settled = access.table.settlements_of(tenant, (&places, None), access.clock.now()).await?;
    let mut views = Vec::new();
    for stored in found {
        let customer_id = customers.id_of(stored.conversion.anchor()).await?;
        let conversion = stored.conversion;
        let amount = |minor| Amount(Money { minor, currency: conversion.amount.currency });
        let whole = u64::try_from(conversion.amount.minor).unwrap_or_default();
        let paid = conversion.commission_minor.and_then(|minor| u64::try_from(minor).ok());
        let rate = |paid: u64| {
            let ppb = (u128::from(paid) * 1_000_000_000 + u128::from(whole / 2)).checked_div(whole.into())?;
            Some(share(u64::try_from(ppb).ok()?))
        };
        views.push(LeadConversionView {
            id: stored.id.to_string(),
            lead_id: lead_id(&conversion.identifiers, customer_id),
            external_id: conversion.external_id.as_str().to_owned(),
            r#type: Kind::name_of(&conversion.event_type),
            value: Amount(conversion.amount),
            currency: conversion.amount.currency,
            policy_id: conversion.policy_id.clone(),
            policy_number: conversion.policy_number.clone(),
            commission_rate: paid.and_then(rate),
            commission_amount: conversion.commission_minor.map(amount),
            occurred_at: Moment(conversion.occurred_at),
            attributions: settled.get(&stored.id).map(AttributionView::all_of).unwrap_or_default(),
        });
    }
    Ok(views)
}

async fn view(
    access: &Access,
    tenant: &Tenant,
    stored: StoredConversion,
) -> Result<LeadConversionView, ApiError> {
    views(access, tenant, vec![stored]).await?.pop().ok_or(ApiError::NotFound("conversion"))
}

/// Store a conversion
pub(crate) async fn create_lead_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    body: Body<LeadConversionReport>,
) -> Result<Stored<LeadConversionView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let unnamed = || caller.mint(&access.clock, "conversion");
    let (mut conversion, at) = read(body.reader()?, tenant, (now, unnamed)).map_err(ApiError::Invalid)?;
    if at.is_none() {
        // Sent again without a time it is not another conversion: it has the time of the one before.
        let id = FactId::conversion(&tenant.id, &conversion.external_id);
        let known = access.table.conversion(tenant, &id, now).await?;
        conversion.occurred_at = known.map_or(now, |known| known.conversion.occurred_at);
    }
    let recorded = access.table.record_conversion(tenant, &conversion, now).await?;
    let named_here = |fields: Vec<_>| ApiError::Duplicate(fields.into_iter().map(here).collect());
    let (stored, storing) = recorded.stored().map_err(named_here)?;
    access.table.name_refunds(tenant, &stored, now).await?;
    Ok(Stored::of(view(&access, tenant, stored).await?, storing))
}

/// What a field is called here.
fn here(field: &'static str) -> &'static str {
    match field {
        "customer_identifiers" => "leadId",
        "event_type" => "type",
        "amount_decimal" => "value",
        "occurred_at" => "occurredAt",
        "policy_id" => "policyId",
        "policy_number" => "policyNumber",
        "commission_amount" => "commissionAmount",
        other => other,
    }
}

pub(crate) fn money(currency: Option<Currency>) -> impl Fn(&RawValue) -> Result<Option<Money>, Refusal> {
    move |raw| {
        let text = json::text_or_number(raw)?;
        // Without a currency the number of places is unknown, and the currency's own problem is named already.
        Ok(currency.map(|currency| Money::parse(&text, currency)).transpose()?)
    }
}

/// The currency that a request names, else the tenant's.
pub(crate) fn take_currency(body: &mut Reader<'_>, tenant: &Tenant) -> Option<Currency> {
    if body.has("currency") {
        body.optional("currency", json::currency)
    } else {
        body.optional("currency", json::currency);
        tenant.settings.currency().or_else(|| Currency::parse("USD"))
    }
}

/// `commissionAmount`, or what `commissionRate` comes to.
pub(crate) fn take_commission(body: &mut Reader<'_>, amount: Option<Money>) -> Option<Commission> {
    let rate = body.optional("commissionRate", json::billionths);
    let paid = body.optional("commissionAmount", money(amount.map(|amount| amount.currency))).flatten();
    paid.map(|paid| Commission::Amount(paid.minor)).or(rate.map(Commission::Rate))
}

/// What is paid for a conversion.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Commission {
    Amount(i64),
    /// In billionths of the value.
    Rate(u64),
}

impl Commission {
    pub(crate) fn of(self, value_minor: i64) -> i64 {
        match self {
            Commission::Amount(minor) => minor,
            Commission::Rate(ppb) => portion(value_minor, ppb, 1_000_000_000),
        }
    }
}

fn read(
    mut body: Reader<'_>,
    tenant: &Tenant,
    (now, unnamed): (Timestamp, impl Fn() -> String),
) -> Result<(Conversion, Option<Timestamp>), Vec<Problem>> {
    let lead = Lead::take_own(&mut body, tenant);
    let given = body.optional("externalId", json::external_id);
    let external_id = given.or_else(|| ExternalId::parse(&unnamed()).ok());
    let kind = body.required("type", json::one_of(Kind::parse, Kind::CODES));
    let currency = take_currency(&mut body, tenant);
    let amount = body.required("value", money(currency)).flatten();
    let commission = take_commission(&mut body, amount);
    let policy_id = body.optional("policyId", json::id);
    let policy_number = body.optional("policyNumber", json::printable(128));
    let occurred_at = body.optional("occurredAt", json::moment(now));
    let whole = lead.zip(kind).zip(external_id.zip(amount));
    let conversion = whole.map(|((lead, kind), (external_id, amount))| Conversion {
        external_id,
        event_type: kind.event_type().to_owned(),
        identifiers: BTreeSet::from([lead]),
        amount,
        occurred_at: occurred_at.unwrap_or(now),
        event_source: "attribution".to_owned(),
        metadata: None,
        refund_of: None,
        commission_minor: commission.map(|commission| commission.of(amount.minor)),
        policy_id,
        policy_number,
    });
    body.finish(conversion.map(|conversion| (conversion, occurred_at)))
}

/// The conversion that a request names by our id, or as `ext:ID`.
pub(crate) async fn named(
    access: &Access,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<StoredConversion>, ApiError> {
    let id = match Named::parse(FactKind::Conversion, id) {
        Some(Named::Ours(id)) => id,
        Some(Named::External(_, id)) => FactId::conversion(&tenant.id, &id),
        None => return Ok(None),
    };
    Ok(access.table.conversion(tenant, &id, access.clock.now()).await?)
}

/// Read a conversion, and how it is settled
pub(crate) async fn find_lead_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<LeadConversionView>, ApiError> {
    query.finish()?;
    let found = named(&access, &caller.tenant, &id).await?.ok_or(ApiError::NotFound("conversion"))?;
    Ok(Data(view(&access, &caller.tenant, found).await?))
}

/// List conversions, newest first
pub(crate) async fn list_lead_conversions(
    State(access): State<Access>,
    caller: Caller<may::ConversionsView>,
    query: Query<ListFacts>,
) -> Result<Listed<LeadConversionView>, ApiError> {
    let tenant = &caller.tenant;
    let page = Filter::take(query, tenant, None)?.page(&access, tenant, FactKind::Conversion).await?;
    let found = access.table.conversions(tenant, &page.ids, access.clock.now()).await?;
    Ok(Listed { items: views(&access, tenant, found).await?, next_cursor: page.next_cursor })
}

/// Set a conversion right, as long as it is not settled
pub(crate) async fn correct_lead_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    Path(id): Path<String>,
    body: Body<ConversionCorrection>,
) -> Result<Data<LeadConversionView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let missing = || ApiError::NotFound("conversion");
    let found = named(&access, tenant, &id).await?.ok_or_else(missing)?;
    let change =
        read_correction(body.optional_reader()?, &found.conversion, now).map_err(ApiError::Invalid)?;
    if found.conversion.refund_of.is_some() {
        return Err(ApiError::Settled);
    }
    let change = |before: &Conversion, settled: Option<&Settlement>| match settled {
        None => change.applied_to(before),
        Some(_) => Err(ApiError::Settled),
    };
    let stored = access.table.correct_conversion(tenant, &found.id, now, change).await?;
    Ok(Data(view(&access, tenant, stored.ok_or_else(missing)?).await?))
}

/// What is to be set right.
#[derive(Clone, Debug, Default)]
struct Change {
    kind: Option<Kind>,
    amount: Option<Money>,
    policy_id: Option<String>,
    policy_number: Option<String>,
    commission: Option<Commission>,
    occurred_at: Option<Timestamp>,
}

impl Change {
    fn applied_to(&self, before: &Conversion) -> Result<Conversion, ApiError> {
        let amount = self.amount.unwrap_or(before.amount);
        let commission = before.commission_minor.filter(|minor| *minor != 0);
        // Whether it was told as a rate or as an amount is not known any more.
        if amount != before.amount && self.commission.is_none() && commission.is_some() {
            let problem =
                "is required: the conversion has one for its value until now; give it, or commissionRate";
            let refusal = Refusal::of(Rule::CommissionWithValue, problem);
            return Err(ApiError::field("commissionAmount", refusal));
        }
        Ok(Conversion {
            event_type: self
                .kind
                .map_or_else(|| before.event_type.clone(), |kind| kind.event_type().to_owned()),
            amount,
            occurred_at: self.occurred_at.unwrap_or(before.occurred_at),
            commission_minor: self
                .commission
                .map(|commission| commission.of(amount.minor))
                .or(before.commission_minor),
            policy_id: self.policy_id.clone().or_else(|| before.policy_id.clone()),
            policy_number: self.policy_number.clone().or_else(|| before.policy_number.clone()),
            ..before.clone()
        })
    }
}

fn read_correction(
    mut body: Reader<'_>,
    before: &Conversion,
    now: Timestamp,
) -> Result<Change, Vec<Problem>> {
    let amount = body.optional("value", money(Some(before.amount.currency))).flatten();
    let change = Change {
        kind: body.optional("type", json::one_of(Kind::parse, Kind::CODES)),
        amount,
        policy_id: body.optional("policyId", json::id),
        policy_number: body.optional("policyNumber", json::printable(128)),
        commission: take_commission(&mut body, Some(amount.unwrap_or(before.amount))),
        occurred_at: body.optional("occurredAt", json::moment(now)),
    };
    body.finish(Some(change))
}
