//! The facts in an envelope's `data`. Every one is taken whatever the event: senders tell them when they know them.

use std::collections::BTreeMap;

use domain::identifier::{Identifier, IdentifierType};
use domain::interaction::{Direction, Field, MOST_SECONDS, Value};
use domain::json::{self, Reader};
use domain::rule::Refusal;
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::envelope::Context;

/// Reads a value that is there and not null; None where it says nothing, such as a withheld number.
type Read = fn(&RawValue, &Context<'_>) -> Result<Option<Value>, Refusal>;

const FACTS: [(&str, Field, Read); 28] = [
    ("phone_number", Field::Phones, |raw, context| identifier(IdentifierType::Phone, raw, context)),
    ("email", Field::Emails, |raw, context| identifier(IdentifierType::Email, raw, context)),
    ("lead_id", Field::LeadIds, |raw, context| identifier(IdentifierType::LeadId, raw, context)),
    ("customer_id", Field::CustomerIds, |raw, context| identifier(IdentifierType::CustomerId, raw, context)),
    ("direction", Field::Direction, direction),
    ("language", Field::Language, |raw, _| text(raw, 128)),
    ("vendor_code", Field::VendorCode, as_sent),
    ("agent_id", Field::AgentId, as_sent),
    ("team_id", Field::TeamId, as_sent),
    ("started_at", Field::StartedAt, moment),
    ("ended_at", Field::EndedAt, moment),
    ("duration_seconds", Field::DurationSeconds, duration),
    ("transcript_url", Field::TranscriptUrl, |raw, _| text(raw, 2048)),
    ("outcome", Field::Outcome, |raw, _| text(raw, 128)),
    ("outcome_prediction", Field::OutcomePrediction, |raw, _| text(raw, 128)),
    ("primary_intent", Field::PrimaryIntent, |raw, _| text(raw, 128)),
    ("secondary_intents", Field::SecondaryIntents, |raw, _| {
        Ok(json::texts(20)(raw).map(Value::List).map(Some)?)
    }),
    ("purchase_probability", Field::PurchaseProbability, |raw, _| {
        json::probability(raw).map(Value::Text).map(Some)
    }),
    ("sentiment", Field::Sentiment, |raw, _| text(raw, 128)),
    ("partner_id", Field::PartnerId, as_sent),
    ("broker_id", Field::BrokerId, as_sent),
    ("referral_code", Field::ReferralCode, start),
    ("session_id", Field::SessionId, start),
    ("utm_source", Field::UtmSource, start),
    ("utm_medium", Field::UtmMedium, start),
    ("utm_campaign", Field::UtmCampaign, start),
    ("utm_content", Field::UtmContent, start),
    ("utm_term", Field::UtmTerm, start),
];

/// Takes every fact that is told; an explicit null takes one back, what is absent says nothing.
pub(crate) fn take(data: &mut Reader<'_>, context: &Context<'_>) -> BTreeMap<Field, Option<Value>> {
    let mut facts = BTreeMap::new();
    for (name, field, read) in FACTS {
        match data.clearable(name, |raw| read(raw, context)) {
            Some(None) => facts.insert(field, None),
            Some(Some(Some(value))) => facts.insert(field, Some(value)),
            Some(Some(None)) | None => None,
        };
    }
    facts
}

/// Whether a field of `data` is one of those taken.
pub(crate) fn is_read(name: &str) -> bool {
    FACTS.iter().any(|(known, ..)| *known == name)
}

/// Withheld, unreadable and the tenant's own numbers identify nobody; the call is still a call.
fn identifier(kind: IdentifierType, raw: &RawValue, context: &Context<'_>) -> Result<Option<Value>, Refusal> {
    let text = json::text_or_number(raw)?;
    let identifier = Identifier::parse(kind, &text, context.settings.region()).ok();
    let identifier = identifier.filter(|identifier| !context.settings.is_own(identifier));
    Ok(identifier.map(|identifier| Value::List(vec![identifier.value().to_owned()])))
}

/// Senders have more words for this than we; one we do not know says nothing.
fn direction(raw: &RawValue, _: &Context<'_>) -> Result<Option<Value>, Refusal> {
    Ok(Direction::parse(json::text(raw)?.trim()).map(|direction| direction.code().into()))
}

/// Ids and codes of the tenant's are kept as they were sent, spaces included; a number as its digits.
fn as_sent(raw: &RawValue, _: &Context<'_>) -> Result<Option<Value>, Refusal> {
    let text = json::text_or_number(raw)?;
    said(&text, 128)?;
    Ok((!text.trim().is_empty()).then_some(Value::Text(text)))
}

/// A text without the spaces around it. Some senders write an empty one where they know nothing.
fn text(raw: &RawValue, most: usize) -> Result<Option<Value>, Refusal> {
    let text = json::text_or_number(raw)?;
    let text = said(&text, most)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

/// A text as far as it is kept: what somebody typed into a search must not keep a call out.
fn start(raw: &RawValue, _: &Context<'_>) -> Result<Option<Value>, Refusal> {
    let text: String =
        json::text_or_number(raw)?.trim().chars().filter(|c| !c.is_control()).take(128).collect();
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.into()))
}

/// What a text says: what stands between the spaces around it.
fn said(text: &str, most: usize) -> Result<&str, String> {
    if text.chars().count() > most || text.chars().any(char::is_control) {
        Err(format!("must be 1 to {most} printable characters"))
    } else {
        Ok(text.trim())
    }
}

fn moment(raw: &RawValue, context: &Context<'_>) -> Result<Option<Value>, Refusal> {
    json::moment(context.received_at)(raw).map(|time: Timestamp| Some(time.into()))
}

fn duration(raw: &RawValue, _: &Context<'_>) -> Result<Option<Value>, Refusal> {
    json::integer(0..=MOST_SECONDS)(raw).map(|seconds| Some(Value::Integer(seconds)))
}
