//! Deliveries that were signed and kept but changed nothing: unreadable, or of a type nobody handles.

use api::fields::{Days, Nothing, Page};
use api::views::Moment;
use api::{Accepted, Access, ApiError, Body, Caller, Cursors, Data, Listed, Query, may};
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::time::DAY_MS;
use providers::{Provider, SealedDelivery};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Delivery, DeliveryState, KeptDelivery, Paging, Span, Tenant};

use crate::App;

/// A kept delivery, without what came.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryView {
    #[schemars(example = &"dlv_018d0e0a7b7c7d008000000000000001")]
    delivery_id: String,
    #[schemars(with = "Provider")]
    provider: String,
    state: DeliveryState,
    /// Why it changed nothing.
    #[schemars(example = &"call_id is required")]
    reason: String,
    received_at: Moment,
    replayed_at: Option<Moment>,
}

impl From<KeptDelivery> for DeliveryView {
    fn from(kept: KeptDelivery) -> Self {
        Self {
            delivery_id: kept.delivery_id,
            provider: kept.provider,
            state: kept.state,
            reason: kept.reason,
            received_at: Moment(kept.received_at),
            replayed_at: kept.replayed_at.map(Moment),
        }
    }
}

/// A kept delivery with the bytes that came.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeDeliveryView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Null for what is no text.
    payload: Option<String>,
    payload_base64: String,
}

impl From<Delivery> for WholeDeliveryView {
    fn from(delivery: Delivery) -> Self {
        let payload = STANDARD.decode(&delivery.body).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Self { payload, payload_base64: delivery.body, delivery: delivery.kept.into() }
    }
}

/// Which kept deliveries are listed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct KeptDeliveries {
    #[schemars(flatten)]
    days: Days,
    state: Option<DeliveryState>,
    provider: Option<Provider>,
    #[schemars(flatten)]
    page: Page,
}

/// Without a range, the deliveries of so many days are listed.
const USUAL_DAYS_MS: i64 = 30 * DAY_MS;

/// List kept deliveries, newest first: of the last 30 days if there is no start_date
pub(crate) async fn list_deliveries(
    State(access): State<Access>,
    caller: Caller<may::WebhooksView>,
    mut query: Query<KeptDeliveries>,
) -> Result<Listed<DeliveryView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let asked = query.span(tenant.settings.zone());
    let mut span = asked;
    if span.from == Span::ALL.from {
        span.from = span.to.min(now).plus_ms(-USUAL_DAYS_MS);
    }
    // Nothing is kept for longer, and each day is a query.
    span.from = span.from.max(tenant.settings.kept_from(now));
    let limit = query.limit();
    let state = query.parsed("state", |text| {
        DeliveryState::parse(text).ok_or_else(|| {
            format!("must be one of {}", DeliveryState::ALL.map(DeliveryState::code).join(", "))
        })
    });
    let provider = query.parsed("provider", |text| Provider::parse(text).ok_or("is not a provider"));
    let cursors = Cursors::of(tenant, format!("deliveries|{asked:?}|{state:?}|{provider:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let paging = Paging { span, after: after.as_ref(), limit, newest_first: true };
    let keep = |kept: &KeptDelivery| {
        state.is_none_or(|state| state == kept.state)
            && provider.is_none_or(|provider| provider.code() == kept.provider)
    };
    let page = access.table.kept_page(&tenant.id, paging, now, keep).await?;
    Ok(Listed {
        items: page.items.into_iter().map(DeliveryView::from).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    })
}

/// Read a kept delivery with its payload
pub(crate) async fn find_delivery(
    State(access): State<Access>,
    caller: Caller<may::WebhooksView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<WholeDeliveryView>, ApiError> {
    query.finish()?;
    Ok(Data(whole(&access, &caller.tenant, &id).await?.into()))
}

/// Have a kept delivery read again, once what kept it from being read is mended
///
/// It goes the way it came, with the seal it got when its signature was verified. What can be read now is folded in as
/// if it had come late; what cannot stays kept.
pub(crate) async fn replay_delivery(
    State(app): State<App>,
    caller: Caller<may::WebhooksManage>,
    Path(id): Path<String>,
    body: Body<Nothing>,
) -> Result<Accepted<DeliveryView>, ApiError> {
    let (tenant, now) = (&caller.tenant, app.access.clock.now());
    let Delivery { kept, body: payload, seal } = whole(&app.access, tenant, &id).await?;
    if !body.is_blank() {
        body.reader()?.finish(Some(())).map_err(ApiError::Invalid)?;
    }
    let sealed = SealedDelivery {
        delivery_id: kept.delivery_id.clone(),
        tenant: tenant.id.clone(),
        provider: Provider::parse(&kept.provider).ok_or(ApiError::NotFound("provider"))?,
        received_at: kept.received_at,
        body: payload.clone(),
        seal: seal.clone(),
    };
    let expires_at = tenant.settings.expires_at(kept.received_at, kept.received_at);
    let kept = KeptDelivery { replayed_at: Some(now), ..kept };
    let replayed = Delivery { kept: kept.clone(), body: payload, seal };
    app.access.table.replace_delivery(&tenant.id, &replayed, expires_at).await?;
    app.deliveries.send(&tenant.id, &sealed).await?;
    Ok(Accepted(kept.into()))
}

async fn whole(access: &Access, tenant: &Tenant, id: &str) -> Result<Delivery, ApiError> {
    let found = access.table.kept_delivery(&tenant.id, id, access.clock.now()).await?;
    found.ok_or(ApiError::NotFound("delivery"))
}
