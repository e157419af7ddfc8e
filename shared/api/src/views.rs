//! Facts as they leave: wire types apart from what is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::conversion::Conversion;
use domain::ids::vendor_id;
use domain::interaction::{Direction, Field, Interaction, Section, SectionState, Status};
use domain::money::{Currency, Money};
use domain::source::Source;
use domain::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use store::{StoredConversion, StoredInteraction, Tenant};

mod credit;

pub use self::credit::CreditView;

/// An amount as a JSON number with exactly its currency's places.
#[derive(Clone, Copy, Debug)]
pub struct Amount(pub Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(&self.0.to_string()).serialize(serializer)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "examples": [333.34]})
    }
}

/// A moment as RFC 3339.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00Z"]})
    }
}

/// JSON text that we stored, put in as it is; null if it should not be JSON after all.
pub fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What one section told last.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SectionView {
    pub event_time: Moment,
    /// The delivery that told it first; null where our API was told.
    #[schemars(example = &"dlv_018d0e0a7b7c7d008000000000000001")]
    pub delivery_id: Option<String>,
}

/// An interaction, merged from everything told about it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InteractionView {
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    pub interaction_id: String,
    #[schemars(with = "Source")]
    pub source: &'static str,
    #[schemars(example = &"call-123")]
    pub external_interaction_id: String,
    #[schemars(example = &"call")]
    pub channel: String,
    /// Null if nothing that it was told names a customer, or only the tenant's own numbers or what too many share: then
    /// it is credited for nothing. A report to `POST /v1/interactions` with its `source` can add who it was.
    #[schemars(example = &"cus_45b1c2d3e4f5061728394a5b6c7d8e9f")]
    pub customer_id: Option<String>,
    #[schemars(with = "Status")]
    pub status: String,
    #[schemars(with = "Option<Direction>")]
    pub direction: Option<String>,
    #[schemars(example = &"en-US")]
    pub language: Option<String>,
    pub started_at: Option<Moment>,
    #[schemars(example = &"2024-01-15T10:33:00Z")]
    pub ended_at: Option<Moment>,
    #[schemars(example = 180)]
    pub duration_seconds: Option<i64>,
    #[schemars(example = &"agent-001")]
    pub agent_id: Option<String>,
    #[schemars(example = &"team-1")]
    pub team_id: Option<String>,
    #[schemars(example = &"ven_0b9a8c7d6e5f5a4b8c3d2e1f0a9b8c7d")]
    pub vendor_id: Option<String>,
    #[schemars(example = &"vendor-a")]
    pub vendor_code: Option<String>,
    #[schemars(example = &"purchase_inquiry")]
    pub primary_intent: Option<String>,
    #[schemars(example = ["pricing"])]
    pub secondary_intents: Vec<String>,
    #[schemars(with = "Option<f64>", example = 0.85)]
    pub purchase_probability: Option<Box<RawValue>>,
    #[schemars(example = &"appointment_set")]
    pub outcome: Option<String>,
    #[schemars(example = &"likely_purchase")]
    pub outcome_prediction: Option<String>,
    #[schemars(example = &"https://example.com/transcripts/call-123")]
    pub transcript_url: Option<String>,
    #[schemars(example = &"positive")]
    pub sentiment: Option<String>,
    #[schemars(with = "Option<Vec<BTreeMap<String, Option<String>>>>")]
    pub participants: Option<Box<RawValue>>,
    /// Who sent the customer, and is paid for it.
    #[schemars(example = &"partner-abc")]
    pub partner_id: Option<String>,
    #[schemars(example = &"broker-7")]
    pub broker_id: Option<String>,
    #[schemars(example = &"PARTNER001")]
    pub referral_code: Option<String>,
    #[schemars(example = &"sess-456")]
    pub session_id: Option<String>,
    #[schemars(example = &"google")]
    pub utm_source: Option<String>,
    #[schemars(example = &"cpc")]
    pub utm_medium: Option<String>,
    #[schemars(example = &"home-insurance-q4")]
    pub utm_campaign: Option<String>,
    #[schemars(example = &"headline-b")]
    pub utm_content: Option<String>,
    #[schemars(example = &"home insurance quotes")]
    pub utm_term: Option<String>,
    #[schemars(with = "Option<BTreeMap<String, Json>>")]
    pub raw_metadata: Option<Box<RawValue>>,
    pub received_at: Moment,
    pub updated_at: Moment,
    pub sections: BTreeMap<&'static str, SectionView>,
}

impl InteractionView {
    pub fn of(tenant: &Tenant, stored: &StoredInteraction, customer_id: Option<String>) -> Self {
        let interaction: &Interaction = &stored.interaction;
        let text = |field| interaction.text(field).map(str::to_owned);
        let json = |field| interaction.text(field).map(raw);
        let vendor_code = text(Field::VendorCode);
        let sections = interaction.sections.iter();
        let section = |(section, state): (&Section, &SectionState)| {
            let delivery_id = stored.told_by.get(section).cloned();
            (section.name(), SectionView { event_time: Moment(state.version.time()), delivery_id })
        };
        Self {
            interaction_id: stored.id.to_string(),
            source: stored.about.source.code(),
            external_interaction_id: stored.about.external_id.as_str().to_owned(),
            channel: interaction.channel().to_owned(),
            customer_id,
            status: interaction.status().to_string(),
            direction: text(Field::Direction),
            language: text(Field::Language),
            started_at: interaction.started_at().map(Moment),
            ended_at: interaction.ended_at().map(Moment),
            duration_seconds: interaction.duration_seconds(),
            agent_id: text(Field::AgentId),
            team_id: text(Field::TeamId),
            vendor_id: vendor_code.as_deref().map(|code| vendor_id(&tenant.id, code)),
            vendor_code,
            primary_intent: text(Field::PrimaryIntent),
            secondary_intents: interaction.list(Field::SecondaryIntents).to_vec(),
            purchase_probability: json(Field::PurchaseProbability),
            outcome: text(Field::Outcome),
            outcome_prediction: text(Field::OutcomePrediction),
            transcript_url: text(Field::TranscriptUrl),
            sentiment: text(Field::Sentiment),
            participants: json(Field::Participants),
            partner_id: text(Field::PartnerId),
            broker_id: text(Field::BrokerId),
            referral_code: text(Field::ReferralCode),
            session_id: text(Field::SessionId),
            utm_source: text(Field::UtmSource),
            utm_medium: text(Field::UtmMedium),
            utm_campaign: text(Field::UtmCampaign),
            utm_content: text(Field::UtmContent),
            utm_term: text(Field::UtmTerm),
            raw_metadata: json(Field::RawMetadata),
            received_at: Moment(stored.received_at),
            updated_at: Moment(stored.updated_at),
            sections: sections.map(section).collect(),
        }
    }
}

/// A conversion as it was reported.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConversionView {
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4c")]
    pub conversion_event_id: String,
    #[schemars(example = &"order-789")]
    pub external_event_id: String,
    #[schemars(example = &"purchase")]
    pub event_type: String,
    #[schemars(example = &"cus_45b1c2d3e4f5061728394a5b6c7d8e9f")]
    pub customer_id: Option<String>,
    pub amount_decimal: Amount,
    pub currency: Currency,
    pub occurred_at: Moment,
    #[schemars(example = &"billing")]
    pub event_source: String,
    #[schemars(with = "Option<BTreeMap<String, Json>>")]
    pub metadata: Option<Box<RawValue>>,
    /// Of a refund: the `external_event_id` of what it pays back.
    #[schemars(example = &"order-788")]
    pub refund_of: Option<String>,
    /// What is paid for it to who brought it about.
    pub commission_amount: Option<Amount>,
    #[schemars(example = &"policy-789")]
    pub policy_id: Option<String>,
    #[schemars(example = &"POL-2024-001")]
    pub policy_number: Option<String>,
    pub received_at: Moment,
}

impl ConversionView {
    pub fn of(stored: &StoredConversion, customer_id: Option<String>) -> Self {
        let conversion: &Conversion = &stored.conversion;
        Self {
            conversion_event_id: stored.id.to_string(),
            external_event_id: conversion.external_id.as_str().to_owned(),
            event_type: conversion.event_type.clone(),
            customer_id,
            amount_decimal: Amount(conversion.amount),
            currency: conversion.amount.currency,
            occurred_at: Moment(conversion.occurred_at),
            event_source: conversion.event_source.clone(),
            metadata: conversion.metadata.as_deref().map(raw),
            refund_of: conversion.refund_of.as_ref().map(|original| original.as_str().to_owned()),
            commission_amount: conversion
                .commission_minor
                .map(|minor| Amount(Money { minor, currency: conversion.amount.currency })),
            policy_id: conversion.policy_id.clone(),
            policy_number: conversion.policy_number.clone(),
            received_at: Moment(stored.received_at),
        }
    }
}

/// Billionths as a decimal without trailing zeros: `1`, `0.3`, `0.571428571`.
pub fn share(ppb: u64) -> Box<RawValue> {
    let text = format!("{}.{:09}", ppb / 1_000_000_000, ppb % 1_000_000_000);
    raw(text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_without_trailing_zeros() {
        let shares = [(1_000_000_000, "1"), (300_000_000, "0.3"), (571_428_571, "0.571428571"), (0, "0")];
        for (ppb, text) in shares {
            assert_eq!(share(ppb).get(), text);
        }
    }
}
