//! Touchpoints: interactions as this interface tells of them.

use std::collections::BTreeMap;

use api::fields::{Id, PastMoment, Text};
use api::views::{Amount, Moment};
use api::{Access, ApiError, Body, Caller, Data, Listed, Named, Query, Stored, may};
use axum::extract::{Path, State};
use domain::identifier::IdentifierType;
use domain::ids::{ExternalId, FactKind};
use domain::interaction::{CallEvent, Field, Section, Value};
use domain::json::{self, Problem, Reader};
use domain::money::Currency;
use domain::rule::{Refusal, Rule};
use domain::source::Source;
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{About, Span, StoredInteraction, Tenant};

use crate::converted::{self, Converted};
use crate::facts::{self, Filter, ListFacts};
use crate::leads::{Lead, lead_id};
use crate::touch_type::TouchType;

/// A touchpoint as it is reported. What is null counts as absent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct TouchpointReport {
    /// What you call the lead
    #[schemars(extend("x-rules" = [Rule::IdentifierOfType]), example = &"lead-123")]
    lead_id: Id,
    channel: TouchType,
    /// What you call the touchpoint, so that it is stored once however often it is sent; ours unless given
    #[schemars(example = &"click-991")]
    external_id: Option<Id>,
    /// When it was; now unless given
    timestamp: Option<PastMoment>,
    #[schemars(flatten)]
    origin: Origin,
}

/// Where the lead came from.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
struct Origin {
    #[schemars(example = &"sess-456")]
    session_id: Option<Text<128>>,
    #[schemars(example = &"google")]
    source: Option<Text<128>>,
    #[schemars(example = &"cpc")]
    medium: Option<Text<128>>,
    #[schemars(example = &"home-insurance-q4")]
    campaign: Option<Text<128>>,
    content: Option<Text<128>>,
    #[schemars(example = &"home insurance quotes")]
    term: Option<Text<128>>,
    #[schemars(example = &"PARTNER001")]
    referral_code: Option<Text<128>>,
    #[schemars(example = &"partner-abc")]
    partner_id: Option<Id>,
    #[schemars(example = &"broker-7")]
    broker_id: Option<Id>,
}

/// What is set right of a touchpoint; null takes a fact back.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    rename_all = "camelCase",
    extend("minProperties" = 1, "x-rules" = [Rule::EndsAfterStart])
)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct TouchpointCorrection {
    /// Cannot be taken back
    #[schemars(with = "TouchType", default)]
    channel: Option<TouchType>,
    /// Cannot be taken back
    #[schemars(with = "PastMoment", default)]
    timestamp: Option<PastMoment>,
    #[schemars(flatten)]
    origin: Origin,
}

type Read = fn(&RawValue) -> Result<String, Refusal>;

const ORIGIN: [(&str, Field, Read); 9] = [
    ("sessionId", Field::SessionId, short),
    ("source", Field::UtmSource, short),
    ("medium", Field::UtmMedium, short),
    ("campaign", Field::UtmCampaign, short),
    ("content", Field::UtmContent, short),
    ("term", Field::UtmTerm, short),
    ("referralCode", Field::ReferralCode, short),
    ("partnerId", Field::PartnerId, json::id),
    ("brokerId", Field::BrokerId, json::id),
];

fn short(raw: &RawValue) -> Result<String, Refusal> {
    Ok(json::printable(128)(raw)?)
}

fn touch_type(raw: &RawValue) -> Result<TouchType, String> {
    json::one_of(TouchType::parse, TouchType::CODES)(raw)
}

/// A touchpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TouchpointView {
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    id: String,
    /// As you call the lead; our id of the customer where nothing told yours; null where nobody is named.
    #[schemars(example = &"lead-123")]
    lead_id: Option<String>,
    external_id: String,
    session_id: Option<String>,
    channel: TouchType,
    source: Option<String>,
    medium: Option<String>,
    campaign: Option<String>,
    content: Option<String>,
    term: Option<String>,
    referral_code: Option<String>,
    partner_id: Option<String>,
    broker_id: Option<String>,
    /// Null until the start of a call was told.
    timestamp: Option<Moment>,
    /// Whether the lead converted after it.
    converted: bool,
    /// What the next conversion was worth.
    conversion_value: Option<Amount>,
    conversion_currency: Option<Currency>,
    conversion_timestamp: Option<Moment>,
}

impl TouchpointView {
    fn of(stored: &StoredInteraction, customer_id: Option<String>, converted: Option<&Converted>) -> Self {
        let interaction = &stored.interaction;
        let text = |field| interaction.text(field).map(str::to_owned);
        Self {
            id: stored.id.to_string(),
            lead_id: lead_id(&interaction.identifiers(), customer_id),
            external_id: stored.about.external_id.as_str().to_owned(),
            session_id: text(Field::SessionId),
            channel: TouchType::of_channel(interaction.channel()),
            source: text(Field::UtmSource),
            medium: text(Field::UtmMedium),
            campaign: text(Field::UtmCampaign),
            content: text(Field::UtmContent),
            term: text(Field::UtmTerm),
            referral_code: text(Field::ReferralCode),
            partner_id: text(Field::PartnerId),
            broker_id: text(Field::BrokerId),
            timestamp: interaction.started_at().map(Moment),
            converted: converted.is_some(),
            conversion_value: converted.map(|converted| Amount(converted.amount)),
            conversion_currency: converted.map(|converted| converted.amount.currency),
            conversion_timestamp: converted.map(|converted| Moment(converted.at)),
        }
    }
}

pub(crate) async fn views(
    access: &Access,
    tenant: &Tenant,
    found: &[StoredInteraction],
) -> Result<Vec<TouchpointView>, ApiError> {
    let of_whom = converted::of_touches(access, tenant, found).await?;
    let view =
        |(stored, (customer_id, converted)): (&StoredInteraction, (Option<String>, Option<Converted>))| {
            TouchpointView::of(stored, customer_id, converted.as_ref())
        };
    Ok(found.iter().zip(of_whom).map(view).collect())
}

async fn view(
    access: &Access,
    tenant: &Tenant,
    stored: StoredInteraction,
) -> Result<TouchpointView, ApiError> {
    views(access, tenant, &[stored]).await?.pop().ok_or(ApiError::NotFound("touchpoint"))
}

/// Store a touchpoint
pub(crate) async fn create_touchpoint(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsEdit>,
    body: Body<TouchpointReport>,
) -> Result<Stored<TouchpointView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let unnamed = || caller.mint(&access.clock, "tp");
    let reported = read(body.reader()?, tenant, (now, unnamed)).map_err(ApiError::Invalid)?;
    let event = reported.event(&access, tenant).await?;
    let recorded = access.table.record_interaction(tenant, &reported.about, &event, now).await?;
    let named_here = |fields: Vec<_>| ApiError::Duplicate(fields.into_iter().map(here).collect());
    let (stored, storing) = recorded.stored().map_err(named_here)?;
    Ok(Stored::of(view(&access, tenant, stored).await?, storing))
}

/// A touchpoint as it was reported.
struct Reported {
    about: About,
    /// None for now.
    time: Option<Timestamp>,
    facts: BTreeMap<Field, Option<Value>>,
}

impl Reported {
    /// What was told. Without a time it is the one of the same report before: sent again, it is not another.
    async fn event(&self, access: &Access, tenant: &Tenant) -> Result<CallEvent, ApiError> {
        let now = access.clock.now();
        let time = match self.time {
            Some(time) => time,
            None => {
                let known = access.table.interaction(tenant, &self.about.id(tenant), now).await?;
                known.and_then(|known| known.interaction.posted_start()).unwrap_or(now)
            }
        };
        let mut facts = self.facts.clone();
        facts.insert(Field::StartedAt, Some(Value::from(time)));
        Ok(CallEvent { external_id: self.about.external_id.clone(), section: Section::Api, time, facts })
    }
}

/// What a field is called here.
fn here(field: &'static str) -> &'static str {
    match field {
        "customer_identifiers" => "leadId",
        "started_at" => "timestamp",
        other => ORIGIN.iter().find(|(_, of, _)| of.name() == other).map_or(other, |(name, ..)| *name),
    }
}

fn read(
    mut body: Reader<'_>,
    tenant: &Tenant,
    (now, unnamed): (Timestamp, impl Fn() -> String),
) -> Result<Reported, Vec<Problem>> {
    let lead = Lead::take_own(&mut body, tenant);
    let kind = body.required("channel", touch_type);
    let given = body.optional("externalId", json::external_id);
    let external_id = given.or_else(|| ExternalId::parse(&unnamed()).ok());
    let time = body.optional("timestamp", json::moment(now));
    let mut facts = BTreeMap::new();
    for (name, field, read) in ORIGIN {
        if let Some(text) = body.optional(name, read) {
            facts.insert(field, Some(Value::Text(text)));
        }
    }
    let named = lead.zip(kind).zip(external_id).map(|((lead, kind), external_id)| {
        facts.insert(Field::Channel, Some(Value::Text(kind.channel().to_owned())));
        let of_lead = Field::of_identifiers(IdentifierType::LeadId);
        facts.insert(of_lead, Some(Value::List(vec![lead.value().to_owned()])));
        Reported { about: About { source: Source::Api, external_id }, time, facts }
    });
    body.finish(named)
}

/// Read a touchpoint
pub(crate) async fn find_touchpoint(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<TouchpointView>, ApiError> {
    query.finish()?;
    let found = access.interaction(&caller.tenant, &id).await?;
    Ok(Data(view(&access, &caller.tenant, found).await?))
}

/// List touchpoints, newest first
pub(crate) async fn list_touchpoints(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsView>,
    query: Query<ListFacts>,
) -> Result<Listed<TouchpointView>, ApiError> {
    listed(&access, &caller.tenant, Filter::take(query, &caller.tenant, None)?).await
}

/// List a lead's touchpoints, newest first
pub(crate) async fn list_lead_touchpoints(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsView>,
    Path(lead): Path<String>,
    query: Query<facts::ListOfLead>,
) -> Result<Listed<TouchpointView>, ApiError> {
    let tenant = &caller.tenant;
    let missing = || ApiError::NotFound("lead");
    let lead = Lead::parse(&lead, tenant).map_err(|_| missing())?;
    let list = listed(&access, tenant, Filter::take(query, tenant, Some(lead.clone()))?).await?;
    // A lead is known by what is told of it.
    if list.items.is_empty() {
        let members = lead.customer(&access, tenant).await?.members.clone();
        let facts = access.table.facts(tenant, access.clock.now());
        if facts.places(&members, Span::ALL).await?.is_empty() {
            return Err(missing());
        }
    }
    Ok(list)
}

async fn listed(
    access: &Access,
    tenant: &Tenant,
    filter: Filter,
) -> Result<Listed<TouchpointView>, ApiError> {
    let page = filter.page(access, tenant, FactKind::Interaction).await?;
    let found = access.table.interactions(tenant, &page.ids, access.clock.now()).await?;
    Ok(Listed { items: views(access, tenant, &found).await?, next_cursor: page.next_cursor })
}

/// Set a touchpoint right; null takes a fact back
pub(crate) async fn correct_touchpoint(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsEdit>,
    Path(id): Path<String>,
    body: Body<TouchpointCorrection>,
) -> Result<Data<TouchpointView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let found = access.interaction(tenant, &id).await?;
    let facts = read_correction(body.reader()?, now).map_err(ApiError::Invalid)?;
    let stored = access.table.correct_interaction(tenant, &found.about, facts, now).await?;
    let problem = Refusal::of(Rule::EndsAfterStart, "must not be after it ended");
    let stored = stored.ok_or_else(|| ApiError::field("timestamp", problem))?;
    Ok(Data(view(&access, tenant, stored).await?))
}

/// Withdraw a touchpoint: it counts for nothing any more, and whatever is told of it later does not bring it back
pub(crate) async fn delete_touchpoint(
    State(access): State<Access>,
    caller: Caller<may::TouchpointsDelete>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<TouchpointView>, ApiError> {
    query.finish()?;
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let found = match access.interaction(tenant, &id).await {
        // Once more: it was withdrawn by the first request.
        Err(ApiError::NotFound(what)) => {
            let gone = withdrawn(&access, tenant, &id).await?.ok_or(ApiError::NotFound(what))?;
            return Ok(Data(view(&access, tenant, gone).await?));
        }
        found => found?,
    };
    let facts = BTreeMap::from([(Field::Withdrawn, Some(Value::Integer(1)))]);
    access.table.correct_interaction(tenant, &found.about, facts, now).await?;
    Ok(Data(view(&access, tenant, found).await?))
}

async fn withdrawn(
    access: &Access,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<StoredInteraction>, ApiError> {
    let named = Named::parse(FactKind::Interaction, id);
    for id in named.map(|named| named.interactions(&tenant.id)).unwrap_or_default() {
        if let Some(gone) = access.table.withdrawn(tenant, &id, access.clock.now()).await? {
            return Ok(Some(gone));
        }
    }
    Ok(None)
}

fn read_correction(
    mut body: Reader<'_>,
    now: Timestamp,
) -> Result<BTreeMap<Field, Option<Value>>, Vec<Problem>> {
    let mut facts = BTreeMap::new();
    let kind = body.clearable("channel", touch_type);
    let kind = kind.map(|kind| kind.map(|kind| Value::Text(kind.channel().to_owned())));
    let time = body.clearable("timestamp", json::moment(now)).map(|time| time.map(Value::from));
    for (name, field, told) in [("channel", Field::Channel, kind), ("timestamp", Field::StartedAt, time)] {
        match told {
            Some(None) => body.refuse(name, "can be changed but not taken back"),
            Some(told) => {
                facts.insert(field, told);
            }
            None => {}
        }
    }
    for (name, field, read) in ORIGIN {
        if let Some(told) = body.clearable(name, read) {
            facts.insert(field, told.map(Value::Text));
        }
    }
    let facts = body.finish(Some(facts))?;
    match facts.is_empty() {
        true => Err(vec![Problem::of("body", "must set at least one field right")]),
        false => Ok(facts),
    }
}
