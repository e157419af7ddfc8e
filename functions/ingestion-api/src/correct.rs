//! `PATCH /v1/interactions/{id}`: what was told wrongly, set right.
//!
//! A correction is a telling like any other, told now: it stands until somebody tells something newer. What was told
//! before stays where it is, so that a provider's late delivery and a repeated report find what they expect.

use std::collections::BTreeMap;

use api::fields::{ChannelName, Id, PastMoment, Probability, Text, Whole};
use api::views::InteractionView;
use api::{Access, ApiError, Body, Caller, Data, may};
use axum::extract::{Path, State};
use domain::interaction::{Channel, Direction, Field, MOST_SECONDS, Value};
use domain::json::{self, Problem, Reader};
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde_json::value::RawValue;

use crate::batch::Resource;
use crate::interactions::{Interactions, ends_before_start};

type Read = fn(&RawValue, Timestamp) -> Result<Value, Refusal>;

/// What can be set right. Identifiers cannot: a wrong link between them is undone by splitting the customer.
const FACTS: [(&str, Field, Read); 25] = [
    ("channel", Field::Channel, |raw, _| text(json::parsed(Channel::parse)(raw)?.as_str())),
    ("started_at", Field::StartedAt, moment),
    ("ended_at", Field::EndedAt, moment),
    ("duration_seconds", Field::DurationSeconds, |raw, _| {
        json::integer(0..=MOST_SECONDS)(raw).map(Value::Integer)
    }),
    ("direction", Field::Direction, |raw, _| {
        text(json::one_of(Direction::parse, &["inbound", "outbound"])(raw)?.code())
    }),
    ("language", Field::Language, |raw, _| Ok(Value::Text(json::printable(35)(raw)?))),
    ("vendor_code", Field::VendorCode, |raw, _| json::id(raw).map(Value::Text)),
    ("agent_id", Field::AgentId, |raw, _| json::id(raw).map(Value::Text)),
    ("team_id", Field::TeamId, |raw, _| json::id(raw).map(Value::Text)),
    ("transcript_url", Field::TranscriptUrl, |raw, _| Ok(Value::Text(json::printable(2048)(raw)?))),
    ("primary_intent", Field::PrimaryIntent, short),
    ("secondary_intents", Field::SecondaryIntents, |raw, _| Ok(Value::List(json::texts(20)(raw)?))),
    ("purchase_probability", Field::PurchaseProbability, |raw, _| json::probability(raw).map(Value::Text)),
    ("outcome", Field::Outcome, short),
    ("outcome_prediction", Field::OutcomePrediction, short),
    ("sentiment", Field::Sentiment, short),
    ("partner_id", Field::PartnerId, |raw, _| json::id(raw).map(Value::Text)),
    ("broker_id", Field::BrokerId, |raw, _| json::id(raw).map(Value::Text)),
    ("referral_code", Field::ReferralCode, short),
    ("session_id", Field::SessionId, short),
    ("utm_source", Field::UtmSource, short),
    ("utm_medium", Field::UtmMedium, short),
    ("utm_campaign", Field::UtmCampaign, short),
    ("utm_content", Field::UtmContent, short),
    ("utm_term", Field::UtmTerm, short),
];

fn text(text: &str) -> Result<Value, Refusal> {
    Ok(Value::Text(text.to_owned()))
}

fn short(raw: &RawValue, _: Timestamp) -> Result<Value, Refusal> {
    Ok(Value::Text(json::printable(128)(raw)?))
}

fn moment(raw: &RawValue, now: Timestamp) -> Result<Value, Refusal> {
    json::moment(now)(raw).map(Value::from)
}

/// What is set right; null takes a fact back.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "x-rules" = [Rule::EndsAfterStart]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct Correction {
    /// Cannot be taken back
    #[schemars(default)]
    channel: ChannelName,
    /// Cannot be taken back
    #[schemars(default)]
    started_at: PastMoment,
    ended_at: Option<PastMoment>,
    #[schemars(example = 180)]
    duration_seconds: Option<Whole<0, MOST_SECONDS>>,
    direction: Option<Direction>,
    language: Option<Text<35>>,
    vendor_code: Option<Id>,
    #[schemars(example = &"agent-002")]
    agent_id: Option<Id>,
    team_id: Option<Id>,
    transcript_url: Option<Text<2048>>,
    primary_intent: Option<Text<128>>,
    #[schemars(length(max = 20))]
    secondary_intents: Option<Vec<Text<128>>>,
    purchase_probability: Option<Probability>,
    outcome: Option<Text<128>>,
    outcome_prediction: Option<Text<128>>,
    sentiment: Option<Text<128>>,
    partner_id: Option<Id>,
    broker_id: Option<Id>,
    referral_code: Option<Text<128>>,
    session_id: Option<Text<128>>,
    utm_source: Option<Text<128>>,
    utm_medium: Option<Text<128>>,
    utm_campaign: Option<Text<128>>,
    utm_content: Option<Text<128>>,
    utm_term: Option<Text<128>>,
}

/// Set an interaction right; null takes a fact back
pub(crate) async fn correct_interaction(
    State(access): State<Access>,
    caller: Caller<may::InteractionsIngest>,
    Path(id): Path<String>,
    body: Body<Correction>,
) -> Result<Data<InteractionView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let found = access.interaction(tenant, &id).await?;
    let facts = read(body.reader()?, now).map_err(ApiError::Invalid)?;
    let stored = access.table.correct_interaction(tenant, &found.about, facts, now).await?;
    let stored = stored.ok_or_else(|| ApiError::field("ended_at", ends_before_start()))?;
    Ok(Data(Interactions::view(&access, tenant, &stored).await?))
}

fn read(mut body: Reader<'_>, now: Timestamp) -> Result<BTreeMap<Field, Option<Value>>, Vec<Problem>> {
    let mut facts = BTreeMap::new();
    for (name, field, read) in FACTS {
        let told = body.clearable(name, |raw| read(raw, now));
        let needed = matches!(field, Field::Channel | Field::StartedAt);
        if needed && told == Some(None) {
            body.refuse(name, "can be changed but not taken back");
        } else if let Some(value) = told {
            facts.insert(field, value);
        }
    }
    let facts = body.finish(Some(facts))?;
    if facts.is_empty() {
        let problem = format!("must have at least one of {}", FACTS.map(|(name, ..)| name).join(", "));
        return Err(vec![Problem::of("body", problem)]);
    }
    Ok(facts)
}
