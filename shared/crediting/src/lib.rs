//! From a customer's conversions and touches to credits: picks each conversion's touches and asks the engine.
//!
//! A run credits many conversions so, a calculation one: there is no other way from facts to credits.

mod counted;
mod learning;
mod story;
mod touch;

pub use learning::{Lessons, learned};
pub use story::{Reached, Story};
pub use touch::Touch;

use std::borrow::Cow;

use attribution::{
    AiWeighted, Class, Ends, MarkedModel, Marks, Milestones, Model, ParameterError, Signals, primary_touch,
    reduce, split,
};
use domain::conversion::Conversion;
use domain::identity::NodeId;
use domain::ids::FactId;
use domain::learned::Learned;
use domain::run::{CustomWeights, Milestone, ModelCode, RunConfig};
use domain::time::Timestamp;
use store::{Credit, CreditedConversion, Heard, PaidBack, StoredConversion};

use counted::counted;
use learning::Taught;
use story::{held, milestones};

/// By what a run weighs the touches of a conversion.
enum Weighing {
    Age(Model),
    /// Where too little was heard, by age after all.
    Signals(AiWeighted, Model),
    /// What it comes to where no touch is of the class.
    Class(MarkedModel, ModelCode),
    /// Evenly from the first touch to the last where none is known but those.
    Milestones(Milestones),
    /// The same for every touch, where nothing was learned of any channel.
    Channels(Taught),
}

/// What each touch has of a conversion's amount, and of its commission.
#[derive(Clone)]
struct Shared {
    left_minor: i64,
    amounts: Vec<i64>,
    commissions: Vec<i64>,
}

impl Shared {
    fn out(conversion: &Conversion, weights: &[u64]) -> Self {
        let left_minor = conversion.amount.minor;
        let commissions = split(conversion.commission_of(left_minor), weights);
        Self { left_minor, amounts: split(left_minor, weights), commissions }
    }

    /// Takes back what a refund of this amount, which is negative, leaves nobody.
    fn pay_back(&mut self, conversion: &Conversion, weights: &[u64], minor: i64) {
        self.left_minor = self.left_minor.saturating_add(minor).max(0);
        reduce(&mut self.amounts, weights, self.left_minor);
        reduce(&mut self.commissions, weights, conversion.commission_of(self.left_minor));
    }

    /// What has changed.
    fn since(&self, before: &Self) -> Self {
        let change = |after: &[i64], before: &[i64]| {
            after.iter().zip(before).map(|(after, before)| after - before).collect()
        };
        Self {
            left_minor: self.left_minor - before.left_minor,
            amounts: change(&self.amounts, &before.amounts),
            commissions: change(&self.commissions, &before.commissions),
        }
    }
}

/// What touches weigh, and why.
#[derive(Default)]
struct Weighed {
    weights: Vec<u64>,
    /// The model that gave them if it is not the one asked for.
    fallback: Option<ModelCode>,
    /// What each touch made of the customer, if that decided.
    milestones: Vec<Vec<Milestone>>,
}

impl Weighed {
    fn by(weights: Vec<u64>) -> Self {
        Self { weights, ..Self::default() }
    }

    fn instead(weights: Vec<u64>, fallback: ModelCode) -> Self {
        // Where there is nothing to weigh, nothing was used.
        let fallback = Some(fallback).filter(|_| !weights.is_empty());
        Self { weights, fallback, ..Self::default() }
    }
}

/// How a run credits.
pub struct Crediting<'a> {
    weighing: Weighing,
    config: &'a RunConfig,
}

impl<'a> Crediting<'a> {
    /// What was learned is asked of DATA_DRIVEN alone; without it, every touch weighs the same.
    pub fn of(config: &'a RunConfig, learned: Option<&Learned>) -> Result<Self, ParameterError> {
        let decay = || Model::time_decay(config.half_life_ms());
        let weighing = match config.model {
            ModelCode::FirstTouch => Weighing::Age(Model::FirstTouch),
            ModelCode::LastTouch => Weighing::Age(Model::LastTouch),
            ModelCode::Linear => Weighing::Age(Model::Linear),
            ModelCode::TimeDecay => Weighing::Age(decay()?),
            ModelCode::PositionBased => {
                let [first, middle, last] = config.position_weights;
                Weighing::Age(Model::position_based(first, middle, last)?)
            }
            ModelCode::J => Weighing::Age(Model::J),
            ModelCode::InverseJ => Weighing::Age(Model::INVERSE_J),
            ModelCode::AiWeighted => Weighing::Signals(AiWeighted::new(config.half_life_ms())?, decay()?),
            ModelCode::LastNonDirect => {
                Weighing::Class(MarkedModel::Last(Class::NotDirect), ModelCode::LastTouch)
            }
            ModelCode::FirstPaid => Weighing::Class(MarkedModel::First(Class::Paid), ModelCode::FirstTouch),
            ModelCode::LastPaid => Weighing::Class(MarkedModel::Last(Class::Paid), ModelCode::LastTouch),
            ModelCode::U => Weighing::Milestones(Milestones::U),
            ModelCode::W => Weighing::Milestones(Milestones::W),
            ModelCode::FullPath => Weighing::Milestones(Milestones::FULL_PATH),
            ModelCode::Custom => Weighing::Age(custom(&config.custom_weights)?),
            ModelCode::DataDriven => Weighing::Channels(Taught::of(learned)),
        };
        Ok(Self { weighing, config })
    }

    /// Those of a customer's touches that count for what happened at this moment, whatever they weigh.
    pub fn touches<'t>(&self, at: Timestamp, story: &'t Story) -> Cow<'t, [Touch]> {
        counted(self.config, at, story)
    }

    /// The credits of a conversion over those touches that began in its window, both ends included.
    pub fn credit(
        &self,
        customer_id: Option<&NodeId>,
        (id, conversion): (&FactId, &Conversion),
        story: &Story,
    ) -> CreditedConversion {
        let at = conversion.occurred_at;
        let touches = &*counted(self.config, at, story);
        let weighed = self.weighed(at, (story, touches));
        let shared = Shared::out(conversion, &weighed.weights);
        CreditedConversion {
            id: id.clone(),
            customer_id: customer_id.cloned(),
            occurred_at: at,
            amount: conversion.amount,
            refund_of: None,
            fallback: weighed.fallback,
            credits: self.credits(touches, &weighed, &shared),
        }
    }

    /// What a refund takes back of what the conversion that it pays back is credited with, by the same weights; the story
    /// is that of that conversion's customer. What is paid back beyond its amount is nobody's.
    pub fn take_back(
        &self,
        customer_id: Option<&NodeId>,
        refund: &StoredConversion,
        (paid, story): (&PaidBack, &Story),
    ) -> CreditedConversion {
        let original = &paid.original.conversion;
        let touches = &*counted(self.config, original.occurred_at, story);
        let weighed = self.weighed(original.occurred_at, (story, touches));
        let weights = &weighed.weights;
        let mut shared = Shared::out(original, weights);
        paid.earlier_minor.iter().for_each(|earlier| shared.pay_back(original, weights, *earlier));
        let before = shared.clone();
        shared.pay_back(original, weights, refund.conversion.amount.minor);
        let mut credits = self.credits(touches, &weighed, &shared.since(&before));
        credits.retain(|credit| credit.amount_minor != 0 || credit.commission_minor != 0);
        CreditedConversion {
            id: refund.id.clone(),
            customer_id: customer_id.cloned(),
            occurred_at: refund.conversion.occurred_at,
            amount: refund.conversion.amount,
            refund_of: Some(paid.original.id.clone()),
            fallback: weighed.fallback,
            credits,
        }
    }

    /// What the touches of a story that count weigh.
    fn weighed(&self, at: Timestamp, (story, touches): (&Story, &[Touch])) -> Weighed {
        let by_age = |model: &Model| {
            let ages: Vec<u64> = touches.iter().map(|touch| age_ms(at, touch)).collect();
            let mut weights = Vec::new();
            model.weights_into(&ages, &mut weights);
            weights
        };
        match &self.weighing {
            Weighing::Age(model) => Weighed::by(by_age(model)),
            Weighing::Signals(model, fallback) => {
                let signals: Vec<_> = touches.iter().map(|touch| self.signals(at, touch)).collect();
                match model.weights(&signals) {
                    Some(weights) => Weighed::by(weights),
                    None => Weighed::instead(by_age(fallback), ModelCode::TimeDecay),
                }
            }
            Weighing::Class(model, fallback) => {
                let marks: Vec<_> = touches.iter().map(|touch| self.marks(touch)).collect();
                let mut weights = Vec::new();
                let is_followed = model.weights_into(&marks, &mut weights);
                if is_followed { Weighed::by(weights) } else { Weighed::instead(weights, *fallback) }
            }
            Weighing::Milestones(shares) => {
                let marks = milestones(self.config, at, (story, touches));
                let mut weights = Vec::new();
                let is_followed = MarkedModel::Milestones(*shares).weights_into(&marks, &mut weights);
                let held =
                    marks.iter().enumerate().map(|(at, marks)| held(shares, *marks, (at, touches.len())));
                let milestones = if is_followed { held.collect() } else { Vec::new() };
                Weighed { weights, milestones, ..Weighed::default() }
            }
            Weighing::Channels(taught) => match taught.weights(touches) {
                Some(weights) => Weighed::by(weights),
                None => Weighed::instead(by_age(&Model::Linear), ModelCode::Linear),
            },
        }
    }

    fn marks(&self, touch: &Touch) -> Marks {
        let mark = |channels: &[String], mark| {
            if channels.contains(&touch.channel) { mark } else { Marks::NONE }
        };
        mark(&self.config.direct_channels, Marks::DIRECT).and(mark(&self.config.paid_channels, Marks::PAID))
    }

    fn signals(&self, at: Timestamp, touch: &Touch) -> Signals {
        let heard = self.heard(touch);
        Signals {
            age_ms: age_ms(at, touch),
            probability_ppb: heard.probability_ppb,
            intent_permille: heard.intent_permille,
            sentiment_permille: heard.sentiment_permille,
            duration_seconds: heard.duration_seconds,
        }
    }

    fn heard(&self, touch: &Touch) -> Heard {
        Heard {
            probability_ppb: touch.probability_ppb,
            intent_permille: self.config.intent_factors.permille(touch.intent.as_deref()),
            sentiment_permille: touch.sentiment_permille,
            duration_seconds: touch.duration_seconds,
        }
    }

    /// Touches that the model gives nothing are left out.
    fn credits(&self, touches: &[Touch], weighed: &Weighed, shared: &Shared) -> Vec<Credit> {
        let weights = &weighed.weights;
        let primary = primary_touch(&shared.amounts);
        let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let share = |weight: u64| {
            let ppb = (u128::from(weight) * 1_000_000_000 + whole / 2) / whole.max(1);
            u64::try_from(ppb).unwrap_or(1_000_000_000)
        };
        let minor = shared.amounts.iter().zip(&shared.commissions);
        let all = touches.iter().zip(weights).zip(minor).enumerate();
        all.filter(|(_, ((_, weight), _))| **weight > 0)
            .map(|(index, ((touch, weight), (amount, commission)))| Credit {
                interaction: touch.id.clone(),
                touched_at: touch.time,
                weight_ppb: share(*weight),
                amount_minor: *amount,
                commission_minor: *commission,
                is_primary: primary == Some(index),
                agent_id: touch.agent_id.clone(),
                team_id: touch.team_id.clone(),
                vendor_code: touch.vendor_code.clone(),
                intent: touch.intent.clone(),
                channel: touch.channel.clone(),
                campaign: touch.campaign.clone(),
                partner_id: touch.partner_id.clone(),
                broker_id: touch.broker_id.clone(),
                heard: matches!(self.weighing, Weighing::Signals(..)).then(|| self.heard(touch)),
                step: touch.step.clone().filter(|_| matches!(self.weighing, Weighing::Channels(_))),
                milestones: weighed.milestones.get(index).cloned().unwrap_or_default(),
            })
            .collect()
    }
}

fn age_ms(at: Timestamp, touch: &Touch) -> u64 {
    u64::try_from(at.since(touch.time)).unwrap_or(0)
}

fn custom(weights: &CustomWeights) -> Result<Model, ParameterError> {
    let ends = |shares: &[u32]| Ends::new(shares).ok_or(ParameterError::TooManyPositions);
    Ok(Model::Custom { first: ends(&weights.first)?, middle: weights.middle, last: ends(&weights.last)? })
}
