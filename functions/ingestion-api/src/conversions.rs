//! `POST /v1/conversions`: a conversion as the tenant reports it.

use api::fields::{Decimal, FreeObject, Id, PastMoment, Text};
use api::views::ConversionView;
use api::{Access, ApiError, Body, Caller, Stored, may};
use axum::extract::State;
use domain::conversion::Conversion;
use domain::ids::FactId;
use domain::json::{self, Problem, Reader};
use domain::money::{Currency, Money};
use domain::rule::Refusal;
use domain::time::Timestamp;
use schemars::JsonSchema;
use store::{Customers, StoredConversion, Tenant};

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
        Ok(access.table.record_conversion(tenant, report, access.clock.now()).await?)
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
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ConversionReport {
    /// What the tenant calls it
    #[schemars(example = &"order-789")]
    external_event_id: Id,
    #[schemars(example = &"purchase")]
    event_type: Text<64>,
    /// Whose conversion it is
    #[schemars(length(min = 1, max = 10))]
    customer_identifiers: Vec<IdentifierReport>,
    currency: Currency,
    amount_decimal: Decimal,
    occurred_at: PastMoment,
    #[schemars(example = &"billing")]
    event_source: Text<64>,
    metadata: Option<FreeObject>,
}

fn read(mut body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Conversion, Vec<Problem>> {
    let external_id = body.required("external_event_id", json::external_id);
    let event_type = body.required("event_type", json::printable(64));
    let identifiers = identifiers::take(&mut body, tenant);
    let currency = body.required("currency", |raw| {
        Currency::parse(&json::text(raw)?).ok_or_else(|| "is not a currency of ISO 4217".to_owned())
    });
    // Without a currency the number of places is unknown, and the currency's own problem is named already.
    let amount = body.required("amount_decimal", |raw| {
        let text = json::text_or_number(raw)?;
        Ok::<_, Refusal>(currency.map(|currency| Money::parse(&text, currency)).transpose()?)
    });
    let occurred_at = body.required("occurred_at", json::moment(now));
    let event_source = body.required("event_source", json::printable(64));
    let metadata = body.optional("metadata", json::metadata);
    let conversion = (|| {
        Some(Conversion {
            external_id: external_id?,
            event_type: event_type?,
            identifiers,
            amount: amount??,
            occurred_at: occurred_at?,
            event_source: event_source?,
            metadata,
        })
    })();
    body.finish(conversion)
}
