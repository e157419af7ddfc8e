//! What a touch was credited, and why.

use domain::ids::vendor_id;
use domain::money::{Currency, Money};
use domain::run::{Milestone, ModelCode};
use domain::time::SECOND_MS;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Credit, CreditedConversion, Run, Tenant};

use super::{Amount, Moment, share};

/// One touch's credit for one conversion.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditView {
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4c")]
    pub conversion_event_id: String,
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    interaction_id: String,
    #[schemars(example = &"cus_45b1c2d3e4f5061728394a5b6c7d8e9f")]
    customer_id: Option<String>,
    #[schemars(example = &"agent-001")]
    agent_id: Option<String>,
    #[schemars(example = &"team-1")]
    team_id: Option<String>,
    #[schemars(example = &"ven_0b9a8c7d6e5f5a4b8c3d2e1f0a9b8c7d")]
    vendor_id: Option<String>,
    #[schemars(example = &"call")]
    channel: String,
    #[schemars(example = &"home-insurance-q4")]
    utm_campaign: Option<String>,
    #[schemars(example = &"partner-abc")]
    partner_id: Option<String>,
    #[schemars(example = &"broker-7")]
    broker_id: Option<String>,
    #[schemars(with = "f64")]
    attribution_weight: Box<RawValue>,
    /// Negative where a refund takes back what the touch was credited.
    attributed_amount: Amount,
    /// Its part of the conversion's commission.
    commission_amount: Amount,
    currency: Currency,
    /// Of a refund: the conversion that it pays back, whose weights it has.
    #[schemars(example = &"cnv_7c6b5a4938275f1e8d0c9b8a7f6e5d4d")]
    refund_of: Option<String>,
    is_primary_touch: bool,
    explanation: ExplanationView,
}

impl CreditView {
    pub fn of(tenant: &Tenant, run: &Run, conversion: &CreditedConversion, credit: &Credit) -> Self {
        let currency = conversion.amount.currency;
        Self {
            conversion_event_id: conversion.id.to_string(),
            interaction_id: credit.interaction.to_string(),
            customer_id: conversion.customer_id.as_ref().map(ToString::to_string),
            agent_id: credit.agent_id.clone(),
            team_id: credit.team_id.clone(),
            vendor_id: credit.vendor_code.as_deref().map(|code| vendor_id(&tenant.id, code)),
            channel: credit.channel.clone(),
            utm_campaign: credit.campaign.clone(),
            partner_id: credit.partner_id.clone(),
            broker_id: credit.broker_id.clone(),
            attribution_weight: share(credit.weight_ppb),
            attributed_amount: Amount(Money { minor: credit.amount_minor, currency }),
            commission_amount: Amount(Money { minor: credit.commission_minor, currency }),
            currency,
            refund_of: conversion.refund_of.as_ref().map(ToString::to_string),
            is_primary_touch: credit.is_primary,
            explanation: ExplanationView {
                model_code: run.config.model.code(),
                touched_at: Moment(credit.touched_at),
                seconds_before_conversion: conversion.occurred_at.since(credit.touched_at) / SECOND_MS,
                fallback: conversion.fallback.map(ModelCode::code),
                signals: SignalsView::of(credit),
                channel_share: run
                    .learned
                    .as_ref()
                    .and_then(|learned| learned.channels.get(credit.step.as_ref().unwrap_or(&credit.channel)))
                    .map(|worth| share(worth.share_ppb)),
                step: credit.step.clone(),
                milestones: credit.milestones.clone(),
            },
        }
    }
}

/// Why a touch got what it got.
#[derive(Debug, Serialize, JsonSchema)]
struct ExplanationView {
    #[schemars(with = "ModelCode")]
    model_code: &'static str,
    touched_at: Moment,
    seconds_before_conversion: i64,
    /// The model that was used instead: too little was heard for AI_WEIGHTED, no touch is of the class that the model asks
    /// for, or DATA_DRIVEN learned nothing of the touches' channels.
    #[schemars(with = "Option<ModelCode>")]
    fallback: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<SignalsView>,
    /// What DATA_DRIVEN learned that the touch's channel, or `step`, is worth: its share of all conversions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", example = 0.25)]
    channel_share: Option<Box<RawValue>>,
    /// What the touch was to DATA_DRIVEN where `path_transform` is `frequency`: its channel, and how often that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"call(2)")]
    step: Option<String>,
    /// What the touch made of the customer, as far as U, W or FULL_PATH has a share for that. Of none of a conversion's
    /// touches where neither lead nor opportunity is known: then the milestones are taken to lie evenly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = [Milestone::First])]
    milestones: Vec<Milestone>,
}

/// What AI_WEIGHTED was told of a touch; the factors multiply its weight.
#[derive(Debug, Serialize, JsonSchema)]
struct SignalsView {
    #[schemars(with = "Option<f64>", example = 0.85)]
    purchase_probability: Option<Box<RawValue>>,
    intent: Option<String>,
    #[schemars(with = "f64")]
    intent_factor: Box<RawValue>,
    #[schemars(with = "f64")]
    sentiment_factor: Box<RawValue>,
    duration_seconds: Option<u64>,
}

impl SignalsView {
    fn of(credit: &Credit) -> Option<Self> {
        let heard = credit.heard?;
        Some(Self {
            purchase_probability: heard.probability_ppb.map(share),
            intent: credit.intent.clone(),
            intent_factor: share(u64::from(heard.intent_permille) * 1_000_000),
            sentiment_factor: share(u64::from(heard.sentiment_permille) * 1_000_000),
            duration_seconds: heard.duration_seconds,
        })
    }
}
