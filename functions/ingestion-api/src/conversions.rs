//! `POST /v1/conversions`: a conversion as the tenant reports it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use api::fields::{Decimal, FreeObject, Id, PastMoment, Probability, SignedDecimal, Text};
use api::views::ConversionView;
use api::{Access, ApiError, Body, Caller, Stored, may};
use axum::extract::State;
use domain::conversion::Conversion;
use domain::identifier::Identifier;
use domain::ids::FactId;
use domain::json::{self, Problem, Reader};
use domain::money::{Currency, Money, portion};
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use schemars::JsonSchema;
use store::{Audited, Customers, Recorded, Settled, StoredConversion, Tenant};

use crate::batch::{self, Batch, BatchAnswer, Resource};
use crate::identifiers::{self, IdentifierReport};

/// Store one conversion
pub(crate) async fn create_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    body: Body<ConversionReport>,
) -> Result<Stored<ConversionView>, ApiError> {
    batch::create_one::<Conversions>(&access, &caller.tenant, &body).await
}

/// Store up to 500 conversions
pub(crate) async fn create_conversions(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    body: Body<Batch<ConversionReport>>,
) -> Result<BatchAnswer, ApiError> {
    batch::create_many::<Conversions>(&access, &caller.tenant, &body).await
}

pub(crate) struct Conversions;

impl Resource for Conversions {
    type Looks = ConversionReport;
    type Report = Conversion;
    type Stored = StoredConversion;
    type View = ConversionView;

    fn read(body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Conversion, Vec<Problem>> {
        read(body, tenant, now)
    }

    fn id(tenant: &Tenant, report: &Conversion) -> FactId {
        FactId::conversion(&tenant.id, &report.external_id)
    }

    async fn record(
        access: &Access,
        tenant: &Tenant,
        report: &Conversion,
    ) -> Result<batch::Outcome<Self>, ApiError> {
        let now = access.clock.now();
        let report = of_whom_it_pays_back(access, tenant, report).await?;
        let outcome = access.table.record_conversion(tenant, &report, now).await?;
        // Also when it was stored before: whoever stored it may not have come so far.
        match &outcome {
            Recorded::Contradicts(_) => {}
            Recorded::Created(stored) | Recorded::Added(stored) | Recorded::Same(stored) => {
                if stored.conversion.refund_of.is_none() {
                    access.table.name_refunds(tenant, stored, now).await?;
                }
                take_back(access, tenant, &report).await?;
            }
        }
        Ok(outcome)
    }

    async fn view(
        access: &Access,
        tenant: &Tenant,
        stored: &StoredConversion,
    ) -> Result<ConversionView, ApiError> {
        let customer_id = Customers::of(&access.table, tenant).id_of(stored.conversion.anchor()).await?;
        Ok(ConversionView::of(stored, customer_id))
    }
}

/// A conversion as the tenant reports it. What is null counts as absent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-rules" = [Rule::CustomerUnlessRefund, Rule::OneCommission]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ConversionReport {
    /// What the tenant calls it
    #[schemars(example = &"order-789")]
    external_event_id: Id,
    #[schemars(example = &"purchase")]
    event_type: Text<64>,
    /// Whose conversion it is; may be left out of a refund, which is of the customer that is paid back
    #[schemars(length(min = 1, max = 10))]
    customer_identifiers: Option<Vec<IdentifierReport>>,
    currency: Currency,
    amount_decimal: SignedDecimal,
    /// The `external_event_id` of the conversion that a refund or a chargeback pays back, in whole or in part: what touches
    /// were credited for it is taken back on the refund's own day
    #[schemars(extend("x-rules" = [Rule::PaysBackAnother]), example = &"order-788")]
    refund_of: Option<Id>,
    occurred_at: PastMoment,
    #[schemars(example = &"billing")]
    event_source: Text<64>,
    /// The part of the amount that is paid to who brought it about, from 0 to 1
    #[schemars(example = 0.1)]
    commission_rate: Option<Probability>,
    /// The same as an amount
    commission_amount: Option<Decimal>,
    #[schemars(example = &"policy-789")]
    policy_id: Option<Id>,
    #[schemars(example = &"POL-2024-001")]
    policy_number: Option<Text<128>>,
    metadata: Option<FreeObject>,
}

fn read(mut body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Conversion, Vec<Problem>> {
    let external_id = body.required("external_event_id", json::external_id);
    let event_type = body.required("event_type", json::printable(64));
    let refund_of = body.optional("refund_of", json::external_id);
    if refund_of.is_some() && refund_of == external_id {
        body.refuse("refund_of", Refusal::of(Rule::PaysBackAnother, "must name another conversion"));
    }
    let identifiers = take_identifiers(&mut body, tenant, refund_of.is_some());
    let currency = body.required("currency", json::currency);
    // Without a currency the number of places is unknown, and the currency's own problem is named already.
    let amount = body.required("amount_decimal", |raw| {
        let text = json::text_or_number(raw)?;
        Ok::<_, Refusal>(currency.map(|currency| Money::parse_signed(&text, currency)).transpose()?)
    });
    let pays_back = amount.flatten().map(|amount| amount.minor < 0);
    if pays_back.is_some_and(|pays_back| pays_back != refund_of.is_some()) {
        let problem = "must be negative where refund_of names what it pays back, and nowhere else";
        body.refuse("amount_decimal", Refusal::of(Rule::NegativePaysBack, problem));
    }
    let occurred_at = body.required("occurred_at", json::moment(now));
    let event_source = body.required("event_source", json::printable(64));
    let metadata = body.optional("metadata", json::metadata);
    let commission_minor = take_commission(&mut body, amount.flatten(), refund_of.is_some());
    let policy_id = body.optional("policy_id", json::id);
    let policy_number = body.optional("policy_number", json::printable(128));
    let conversion = (|| {
        Some(Conversion {
            external_id: external_id?,
            event_type: event_type?,
            identifiers,
            amount: amount??,
            occurred_at: occurred_at?,
            event_source: event_source?,
            metadata,
            refund_of,
            commission_minor,
            policy_id,
            policy_number,
        })
    })();
    body.finish(conversion)
}

/// The commission in minor units, to the nearest where it is a part of the amount.
fn take_commission(body: &mut Reader<'_>, amount: Option<Money>, is_refund: bool) -> Option<i64> {
    let both = body.has("commission_rate") && body.has("commission_amount");
    let told = ["commission_amount", "commission_rate"].into_iter().find(|field| body.has(field));
    let rate_ppb = body.optional("commission_rate", json::billionths);
    let paid = body.optional("commission_amount", |raw| {
        let text = json::text_or_number(raw)?;
        Ok::<_, Refusal>(amount.map(|amount| Money::parse(&text, amount.currency)).transpose()?)
    });
    if let Some(field) = told.filter(|_| both || is_refund) {
        let problem = match is_refund {
            true => "must be left out of a refund, which takes back of the commission that it pays back",
            false => "must be left out beside commission_rate",
        };
        body.refuse(field, Refusal::of(Rule::OneCommission, problem));
    }
    let minor = amount.map_or(0, |amount| amount.minor);
    let of_rate = |rate_ppb| portion(minor, rate_ppb, 1_000_000_000);
    paid.flatten().map(|paid| paid.minor).or(rate_ppb.map(of_rate))
}

/// Takes a refund back from how what it pays back is settled, if it is.
async fn take_back(access: &Access, tenant: &Tenant, report: &Conversion) -> Result<(), ApiError> {
    let Some(original) = &report.refund_of else { return Ok(()) };
    let now = access.clock.now();
    let id = FactId::conversion(&tenant.id, original);
    if let Some(original) = access.table.conversion(tenant, &id, now).await? {
        if report.identifiers.is_empty() {
            // It was stored meanwhile.
            access.table.name_refunds(tenant, &original, now).await?;
        }
        let audited = Audited {
            audit_id: access.clock.mint("aud"),
            at: now,
            by: "a refund".to_owned(),
            action: "settlement.paid_back".to_owned(),
            subject: id.to_string(),
            detail: "{}".to_owned(),
        };
        access.table.take_back(tenant, &Settled::from(&original), &audited, now).await?;
    }
    Ok(())
}

/// A refund that names nobody, with whom the conversion names that it pays back, so that it stands in the same journey.
async fn of_whom_it_pays_back<'a>(
    access: &Access,
    tenant: &Tenant,
    report: &'a Conversion,
) -> Result<Cow<'a, Conversion>, ApiError> {
    let Some(original) = report.refund_of.as_ref().filter(|_| report.identifiers.is_empty()) else {
        return Ok(Cow::Borrowed(report));
    };
    let id = FactId::conversion(&tenant.id, original);
    let original = access.table.conversion(tenant, &id, access.clock.now()).await?;
    let identifiers = original.map(|original| original.conversion.identifiers).unwrap_or_default();
    Ok(Cow::Owned(Conversion { identifiers, ..report.clone() }))
}

/// A refund is its customer's whom it pays back, and need not say who that is.
fn take_identifiers(body: &mut Reader<'_>, tenant: &Tenant, is_refund: bool) -> BTreeSet<Identifier> {
    const FIELD: &str = "customer_identifiers";
    if body.has(FIELD) {
        return identifiers::take(body, tenant);
    }
    body.optional(FIELD, |_| Ok::<_, Refusal>(()));
    if !is_refund {
        let problem = "is required, unless refund_of names a conversion";
        body.refuse(FIELD, Refusal::of(Rule::CustomerUnlessRefund, problem));
    }
    BTreeSet::new()
}
