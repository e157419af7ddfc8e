//! `POST /v1/conversions`: a conversion as the tenant reports it.

use api::views::ConversionView;
use api::{Access, ApiError, Body, Caller, may};
use axum::extract::State;
use axum::response::Response;
use domain::conversion::Conversion;
use domain::ids::{ExternalId, FactId};
use domain::json::{self, Problem, Reader};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use store::{Customers, StoredConversion, Tenant};

use crate::batch::{self, BatchAnswer, Resource};
use crate::identifiers;

/// Store one conversion
pub(crate) async fn create_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    body: Body,
) -> Result<Response, ApiError> {
    batch::create_one::<Conversions>(&access, &caller.tenant, &body).await
}

/// Store up to 500 conversions
pub(crate) async fn create_conversions(
    State(access): State<Access>,
    caller: Caller<may::ConversionsIngest>,
    body: Body,
) -> Result<BatchAnswer, ApiError> {
    batch::create_many::<Conversions>(&access, &caller.tenant, &body).await
}

pub(crate) struct Conversions;

impl Resource for Conversions {
    type Report = Conversion;
    type Stored = StoredConversion;
    type View = ConversionView;

    fn read(body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Conversion, Vec<Problem>> {
        read(body, tenant, now)
    }

    fn id(tenant: &Tenant, report: &Conversion) -> String {
        FactId::conversion(&tenant.id, &report.external_id).to_string()
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

fn read(mut body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Conversion, Vec<Problem>> {
    let external_id = body.required("external_event_id", |raw| {
        ExternalId::parse(&json::text_or_number(raw)?).map_err(|error| error.to_string())
    });
    let event_type = body.required("event_type", json::printable(64));
    let identifiers = identifiers::take(&mut body, tenant);
    let currency = body.required("currency", |raw| {
        Currency::parse(&json::text(raw)?).ok_or_else(|| "is not a currency of ISO 4217".to_owned())
    });
    // Without a currency the number of places is unknown, and the currency's own problem is named already.
    let amount = body.required("amount_decimal", |raw| {
        let text = json::text_or_number(raw)?;
        currency.map(|currency| Money::parse(&text, currency).map_err(|error| error.to_string())).transpose()
    });
    let occurred_at = body.required("occurred_at", json::moment(now));
    let event_source = body.required("event_source", json::printable(64));
    let metadata = body.optional("metadata", json::metadata(8192));
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
