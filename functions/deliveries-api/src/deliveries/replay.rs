//! Having deliveries read again, once what kept them from being taken in is mended.
//!
//! They go the way they came, with the seal they got when their signature was verified. What can be taken in now is
//! folded in as if it had come late, and is kept no more; what cannot stays kept.

use api::fields::{Days, NextCursor, Nothing};
use api::views::Moment;
use api::{Accepted, ApiError, Body, Caller, Cursors, may, take_days};
use archive::Archived;
use axum::extract::{Path, State};
use domain::json;
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use providers::SealedDelivery;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{DeliveryState, KeptDelivery, Paging, Position, Span, Tenant};

use super::fate::Fates;
use super::{DeliveryView, kept_of, whole};
use crate::App;

/// Have a delivery read again
pub(crate) async fn replay_delivery(
    State(app): State<App>,
    caller: Caller<may::WebhooksManage>,
    Path(id): Path<String>,
    body: Body<Nothing>,
) -> Result<Accepted<DeliveryView>, ApiError> {
    let (tenant, now) = (&caller.tenant, app.access.clock.now());
    let archived = whole(&app, tenant, &id).await?;
    body.optional_reader()?.finish(Some(())).map_err(ApiError::Invalid)?;
    let listed = archived.listed();
    let fates = Fates::of(&app.access, tenant, std::slice::from_ref(&listed)).await?;
    replay(&app, tenant, archived, fates.kept(&id), now).await?;
    let view = DeliveryView::of(&listed, &fates);
    Ok(Accepted(DeliveryView { replayed_at: Some(Moment(now)), ..view }))
}

/// That it is replayed is noted before it is sent: its outcome is held against the note.
async fn replay(
    app: &App,
    tenant: &Tenant,
    archived: Archived,
    kept: Option<&KeptDelivery>,
    now: Timestamp,
) -> Result<(), ApiError> {
    if let Some(kept) = kept {
        let noted = KeptDelivery { replayed_at: Some(now), ..kept.clone() };
        app.access.table.note_replay(tenant, &noted).await?;
    }
    let sealed = SealedDelivery { replayed_at: Some(now), ..archived.sealed };
    app.deliveries.send(&tenant.id, &sealed).await?;
    Ok(())
}

/// Which deliveries are read again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct RedriveRequest {
    /// What they are kept as; `dead_lettered` unless given
    state: Option<DeliveryState>,
    #[schemars(flatten)]
    days: Days,
    /// `next_cursor` of the call before, for the rest; empty or absent for the first
    cursor: Option<NextCursor>,
}

/// What a redrive has done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RedriveView {
    sent: usize,
    /// How many could not be sent, for a failure on our side; they stay as they are, for another call.
    failed: usize,
    /// To be sent with the same body for the rest; null if there is none.
    next_cursor: Option<String>,
}

/// So many deliveries are sent by one request.
const MOST_SENT: usize = 100;

/// So many are sent at once.
const ABREAST: usize = 8;

/// Have kept deliveries read again, up to 100 a call: those dead-lettered in the last 30 days, if nothing else is said
pub(crate) async fn redrive_deliveries(
    State(app): State<App>,
    caller: Caller<may::WebhooksManage>,
    body: Body<RedriveRequest>,
) -> Result<Accepted<RedriveView>, ApiError> {
    let (tenant, now) = (&caller.tenant, app.access.clock.now());
    let Asked { state, span, cursor } = read(&body, tenant)?;
    let cursors = Cursors::of(tenant, format!("redrive|{state:?}|{span:?}"));
    let after = cursor.map(|cursor| cursors.open(&cursor)).transpose()?;
    let span = kept_of(span, tenant, now);
    let paging = Paging { span, after: after.as_ref(), limit: MOST_SENT, newest_first: true };
    let page = app.access.table.kept_page(&tenant.id, paging, now, |kept| kept.state == state).await?;
    let sends = stream::iter(page.items).map(|kept| resend(&app, tenant, kept, now));
    let outcomes: Vec<Result<bool, ApiError>> = sends.buffer_unordered(ABREAST).collect().await;
    let sent = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    // One that fails keeps no other from being sent; where none can be, that is the answer.
    if sent == 0
        && let Some(error) = outcomes.into_iter().find_map(Result::err)
    {
        return Err(error);
    }
    let next_cursor = page.next.map(|position: Position| cursors.seal(&position));
    Ok(Accepted(RedriveView { sent, failed, next_cursor }))
}

struct Asked {
    state: DeliveryState,
    span: Span,
    cursor: Option<String>,
}

fn read(body: &Body<RedriveRequest>, tenant: &Tenant) -> Result<Asked, ApiError> {
    let mut body = body.optional_reader()?;
    let state = body.optional("state", state);
    let (start, end) = take_days(&mut body);
    let span = Span::of_days(start, end, tenant.settings.zone());
    let cursor = body.optional("cursor", json::text).filter(|cursor| !cursor.is_empty());
    let asked = Asked { state: state.unwrap_or(DeliveryState::DeadLettered), span, cursor };
    body.finish(Some(asked)).map_err(ApiError::Invalid)
}

fn state(raw: &RawValue) -> Result<DeliveryState, String> {
    let codes = DeliveryState::ALL.map(DeliveryState::code);
    DeliveryState::parse(&json::text(raw)?).ok_or_else(|| format!("must be one of {}", codes.join(", ")))
}

/// Sends one again; false if there is nothing to send.
async fn resend(app: &App, tenant: &Tenant, kept: KeptDelivery, now: Timestamp) -> Result<bool, ApiError> {
    let Some(archived) = app.archive.find(&tenant.id, &kept.delivery_id).await? else { return Ok(false) };
    replay(app, tenant, archived, Some(&kept), now).await?;
    Ok(true)
}
