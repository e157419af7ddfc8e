//! `PATCH /v1/interactions/{id}`: what was told wrongly, set right.
//!
//! A correction is a telling like any other, told now: it stands until somebody tells something newer. What was told
//! before stays where it is, so that a provider's late delivery and a repeated report find what they expect.

use std::collections::BTreeMap;

use api::views::InteractionView;
use api::{Access, ApiError, Body, Caller, Data, may};
use axum::extract::{Path, State};
use domain::interaction::{CallEvent, Channel, Direction, Field, Interaction, Section, Value};
use domain::json::{self, Problem, Reader};
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::batch::Resource;
use crate::interactions::{Interactions, printable_or_number};

type Read = fn(&RawValue, Timestamp) -> Result<Value, String>;

/// What can be set right. Identifiers cannot: a wrong link between them is undone by splitting the customer.
const FACTS: [(&str, Field, Read); 16] = [
    ("channel", Field::Channel, |raw, _| text(json::parsed(Channel::parse)(raw)?.as_str())),
    ("started_at", Field::StartedAt, moment),
    ("ended_at", Field::EndedAt, moment),
    ("duration_seconds", Field::DurationSeconds, |raw, _| {
        json::integer(0..=604_800)(raw).map(Value::Integer)
    }),
    ("direction", Field::Direction, |raw, _| {
        text(json::one_of(Direction::parse, &["inbound", "outbound"])(raw)?.code())
    }),
    ("language", Field::Language, |raw, _| json::printable(35)(raw).map(Value::Text)),
    ("vendor_code", Field::VendorCode, |raw, _| printable_or_number(raw).map(Value::Text)),
    ("agent_id", Field::AgentId, |raw, _| printable_or_number(raw).map(Value::Text)),
    ("team_id", Field::TeamId, |raw, _| printable_or_number(raw).map(Value::Text)),
    ("transcript_url", Field::TranscriptUrl, |raw, _| json::printable(2048)(raw).map(Value::Text)),
    ("primary_intent", Field::PrimaryIntent, |raw, _| json::printable(128)(raw).map(Value::Text)),
    ("secondary_intents", Field::SecondaryIntents, |raw, _| json::texts(20)(raw).map(Value::List)),
    ("purchase_probability", Field::PurchaseProbability, |raw, _| json::probability(raw).map(Value::Text)),
    ("outcome", Field::Outcome, |raw, _| json::printable(128)(raw).map(Value::Text)),
    ("outcome_prediction", Field::OutcomePrediction, |raw, _| json::printable(128)(raw).map(Value::Text)),
    ("sentiment", Field::Sentiment, |raw, _| json::printable(128)(raw).map(Value::Text)),
];

fn text(text: &str) -> Result<Value, String> {
    Ok(Value::Text(text.to_owned()))
}

fn moment(raw: &RawValue, now: Timestamp) -> Result<Value, String> {
    json::moment(now)(raw).map(Value::from)
}

/// Set an interaction right; null takes a fact back
pub(crate) async fn correct_interaction(
    State(access): State<Access>,
    caller: Caller<may::InteractionsIngest>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Data<InteractionView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let found = access.interaction(tenant, &id).await?;
    let facts = read(body.reader()?, now).map_err(ApiError::Invalid)?;
    let external_id = found.about.external_id.clone();
    let event = CallEvent { external_id, section: Section::Corrected, time: now, facts };
    let correct = |before: &Interaction| {
        let mut after = before.clone();
        after.fold(&event);
        let times = after.started_at().zip(after.ended_at());
        if times.is_some_and(|(start, end)| end < start) { (before.clone(), false) } else { (after, true) }
    };
    let (stored, is_possible) = access.table.merge_interaction(tenant, &found.about, now, correct).await?;
    if !is_possible {
        return Err(ApiError::field("ended_at", "must not be before started_at"));
    }
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
        return Err(vec![Problem { field: "body".to_owned(), problem }]);
    }
    Ok(facts)
}
