//! Every delivery that was accepted, and what has become of it.

mod fate;
mod replay;

use std::collections::BTreeSet;

use api::fields::{self, InteractionId};
use api::views::Moment;
use api::{Access, ApiError, Caller, Cursors, Data, Listed as Answer, Named, Query, may};
use archive::{Archived, Listed};
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ids::{FactId, FactKind};
use domain::rule::Rule;
use domain::time::{DAY_MS, Day, Timestamp};
use providers::Provider;
use schemars::JsonSchema;
use serde::Serialize;
use store::{DeliveryState, KeptDelivery, Page, Paging, Span, Tenant};

use crate::App;
use fate::{Fate, Fates};
pub(crate) use replay::{redrive_deliveries, replay_delivery};

/// A delivery, without what came.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeliveryView {
    #[schemars(example = &"dlv_018d0e0a7b7c7d008000000000000001")]
    delivery_id: String,
    #[schemars(with = "Provider")]
    provider: String,
    state: Fate,
    /// Why it changed nothing; null if it did.
    #[schemars(example = &"call_id is required")]
    reason: Option<String>,
    /// The interaction that it tells of, or is about if nothing else could be read; there may be none yet.
    #[schemars(example = &"int_3f2c8a5e9d5b5c0f8e1a2b3c4d5e6f70")]
    interaction_id: Option<String>,
    received_at: Moment,
    replayed_at: Option<Moment>,
}

impl DeliveryView {
    fn of(listed: &Listed, fates: &Fates) -> Self {
        if let Some(kept) = fates.kept(&listed.delivery_id) {
            return kept.clone().into();
        }
        let fate = fates.fate(listed);
        Self {
            delivery_id: listed.delivery_id.clone(),
            provider: listed.provider.code().to_owned(),
            state: fate,
            reason: fate.reason().map(str::to_owned),
            interaction_id: listed.interactions().next().map(FactId::to_string),
            received_at: Moment(listed.received_at),
            replayed_at: None,
        }
    }
}

impl From<KeptDelivery> for DeliveryView {
    fn from(kept: KeptDelivery) -> Self {
        Self {
            delivery_id: kept.delivery_id,
            provider: kept.provider,
            state: kept.state.into(),
            reason: Some(kept.reason),
            interaction_id: kept.interaction.map(|interaction| interaction.to_string()),
            received_at: Moment(kept.received_at),
            replayed_at: kept.replayed_at.map(Moment),
        }
    }
}

/// A delivery with the bytes that came.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeDeliveryView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Null for what is no text.
    payload: Option<String>,
    payload_base64: String,
}

/// Which deliveries are listed.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct Deliveries {
    /// The first day on which they were received, in the tenant's time zone, whatever day they tell of
    start_date: Option<Day>,
    /// The last day on which they were received
    end_date: Option<Day>,
    /// What was refused at the door for its signature is not kept: see `refusals` of the tenant
    state: Option<Fate>,
    provider: Option<Provider>,
    /// Only what tells of this interaction, or would if it could be read: `int_…`, `ext:SOURCE:ID`, or `ext:ID`
    interaction_id: Option<InteractionId>,
    #[schemars(flatten)]
    page: fields::Page,
}

/// Which deliveries are asked for.
#[derive(Debug)]
struct Selection {
    fate: Option<Fate>,
    provider: Option<Provider>,
    interactions: Option<BTreeSet<FactId>>,
}

impl Selection {
    fn take(query: &mut Query<Deliveries>, tenant: &Tenant) -> Self {
        let fate = query.parsed("state", |text| {
            let codes = Fate::ALL.map(Fate::code).join(", ");
            Fate::parse(text).ok_or_else(|| format!("must be one of {codes}"))
        });
        let provider = query.parsed("provider", |text| Provider::parse(text).ok_or("is not a provider"));
        let interactions = query.parsed("interaction_id", |text| {
            if !text.starts_with("int_") && !text.starts_with("ext:") {
                return Err("must be int_…, or ext:SOURCE:ID with the id that the provider gave it");
            }
            // Of an id that we never gave out nothing was told.
            let named = Named::parse(FactKind::Interaction, text);
            Ok(named.into_iter().flat_map(|named| named.interactions(&tenant.id)).collect())
        });
        Self { fate, provider, interactions }
    }

    fn takes(&self, listed: &Listed) -> bool {
        self.provider.is_none_or(|provider| provider == listed.provider)
            && self
                .interactions
                .as_ref()
                .is_none_or(|wanted| listed.interactions().any(|about| wanted.contains(about)))
    }

    fn takes_kept(&self, state: DeliveryState, kept: &KeptDelivery) -> bool {
        kept.state == state
            && self.provider.is_none_or(|provider| provider.code() == kept.provider)
            && self.interactions.as_ref().is_none_or(|wanted| {
                kept.interaction.as_ref().is_some_and(|interaction| wanted.contains(interaction))
            })
    }
}

/// Without a range, the deliveries of so many days are listed.
const USUAL_DAYS_MS: i64 = 30 * DAY_MS;

/// So often a page of the archive is read for one page of the list, for states that are rare.
const MOST_READS: usize = 8;

/// List deliveries, newest first: of the last 30 days if there is no start_date
pub(crate) async fn list_deliveries(
    State(app): State<App>,
    caller: Caller<may::WebhooksView>,
    mut query: Query<Deliveries>,
) -> Result<Answer<DeliveryView>, ApiError> {
    let tenant = &caller.tenant;
    let asked = query.span(tenant.settings.zone());
    let span = kept_of(asked, tenant, app.access.clock.now());
    let limit = query.limit();
    let selection = Selection::take(&mut query, tenant);
    let cursors = Cursors::of(tenant, format!("deliveries|{asked:?}|{selection:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let paging = Paging { span, after: after.as_ref(), limit, newest_first: true };
    let page = match selection.fate.and_then(Fate::kept) {
        Some(state) => {
            kept_page(&app.access, tenant, paging, |kept| selection.takes_kept(state, kept)).await?
        }
        None => archived_page(&app, tenant, paging, &selection).await?,
    };
    Ok(Answer { items: page.items, next_cursor: page.next.map(|position| cursors.seal(&position)) })
}

/// What of a span is listed.
fn kept_of(asked: Span, tenant: &Tenant, now: Timestamp) -> Span {
    let from =
        if asked.from == Span::ALL.from { asked.to.min(now).plus_ms(-USUAL_DAYS_MS) } else { asked.from };
    // Nothing is kept for longer.
    Span { from: from.max(tenant.settings.kept_from(now)), ..asked }
}

/// What people must look at is in the table, where it is found however much else there is.
async fn kept_page(
    access: &Access,
    tenant: &Tenant,
    paging: Paging<'_>,
    keep: impl Fn(&KeptDelivery) -> bool,
) -> Result<Page<DeliveryView>, ApiError> {
    let page = access.table.kept_page(&tenant.id, paging, access.clock.now(), keep).await?;
    Ok(Page { items: page.items.into_iter().map(DeliveryView::from).collect(), next: page.next })
}

async fn archived_page(
    app: &App,
    tenant: &Tenant,
    paging: Paging<'_>,
    selection: &Selection,
) -> Result<Page<DeliveryView>, ApiError> {
    let mut page = Page { items: Vec::new(), next: paging.after.cloned() };
    for _ in 0..MOST_READS {
        let limit = paging.limit - page.items.len();
        let next = Paging { after: page.next.as_ref(), limit, ..paging };
        let read = app.archive.page(&tenant.id, next, |listed| selection.takes(listed)).await?;
        let fates = Fates::of(&app.access, tenant, &read.items).await?;
        let wanted = |listed: &&Listed| selection.fate.is_none_or(|fate| fate == fates.fate(listed));
        page.items.extend(read.items.iter().filter(wanted).map(|listed| DeliveryView::of(listed, &fates)));
        page.next = read.next;
        if page.next.is_none() || page.items.len() >= paging.limit {
            break;
        }
    }
    Ok(page)
}

/// Read a delivery with its payload
pub(crate) async fn find_delivery(
    State(app): State<App>,
    caller: Caller<may::WebhooksView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<WholeDeliveryView>, ApiError> {
    query.finish()?;
    let archived = whole(&app, &caller.tenant, &id).await?;
    let listed = archived.listed();
    let fates = Fates::of(&app.access, &caller.tenant, std::slice::from_ref(&listed)).await?;
    let body = archived.sealed.body;
    let payload = STANDARD.decode(&body).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Data(WholeDeliveryView { delivery: DeliveryView::of(&listed, &fates), payload, payload_base64: body }))
}

async fn whole(app: &App, tenant: &Tenant, id: &str) -> Result<Archived, ApiError> {
    let from = tenant.settings.kept_from(app.access.clock.now());
    let found = app.archive.find(&tenant.id, id).await?;
    found.filter(|found| found.sealed.received_at >= from).ok_or(ApiError::NotFound("delivery"))
}
