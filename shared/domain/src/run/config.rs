//! What a run was asked to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::journey::{AfterConversion, DirectTouches, PathTransform};
use super::weights::{CustomWeights, MilestoneEvents};
use crate::learned::Learning;
use crate::model::ModelCode;
use crate::money::Money;
use crate::signals::IntentFactors;
use crate::tenant::Settings;
use crate::time::{Day, HOUR_MS, Timestamp, Zone};

/// What a run was asked to do; nothing in it changes once the run exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunConfig {
    pub model: ModelCode,
    /// A touch counts if it began at most this long before the conversion, and not after it.
    pub window_hours: u32,
    /// Only touches on these channels; None for all.
    pub include_channels: Option<Vec<String>>,
    /// Only conversions of these types, compared without case; None for all.
    pub event_types: Option<Vec<String>>,
    /// Only conversions of at least this amount, and so only in its currency.
    pub minimum: Option<Money>,
    /// Whole days of the tenant's zone, both included; None for open ends. As `yyyy-mm-dd`.
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    /// After this long a touch weighs half; for TIME_DECAY and AI_WEIGHTED.
    pub half_life_hours: u32,
    /// Shares of the first, the middle and the last touches; for POSITION_BASED.
    pub position_weights: [u32; 3],
    /// What intents count for; for AI_WEIGHTED.
    #[serde(default, skip_serializing_if = "IntentFactors::is_empty")]
    pub intent_factors: IntentFactors,
    /// The channels by which customers come on their own; for LAST_NON_DIRECT.
    #[serde(default = "direct_channels")]
    pub direct_channels: Vec<String>,
    /// The channels that are paid for; for FIRST_PAID and LAST_PAID.
    #[serde(default = "paid_channels")]
    pub paid_channels: Vec<String>,
    /// Never touches on these channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_channels: Vec<String>,
    /// How long before a conversion touches on a channel count, where it is not `window_hours`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channel_window_hours: BTreeMap<String, u32>,
    #[serde(default)]
    pub direct_touches: DirectTouches,
    /// Only touches by these campaigns, and of these vendors.
    #[serde(default, skip_serializing_if = "Filter::is_open")]
    pub campaigns: Filter,
    #[serde(default, skip_serializing_if = "Filter::is_open")]
    pub vendors: Filter,
    /// Only so many touches, the last before the conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_touches: Option<u32>,
    /// For DATA_DRIVEN.
    #[serde(default)]
    pub learning: Learning,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub after_conversion: AfterConversion,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub path_transform: PathTransform,
    /// For CUSTOM.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub custom_weights: CustomWeights,
    /// For U, W and FULL_PATH.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub milestones: MilestoneEvents,
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Which values are let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only these; None for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<String>>,
    /// Never these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

impl Filter {
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a touch that has this value, or none, counts.
    pub fn admits(&self, value: Option<&str>) -> bool {
        let is_named = |named: &[String]| named.iter().any(|named| Some(named.as_str()) == value);
        self.include.as_deref().is_none_or(is_named) && !is_named(&self.exclude)
    }
}

/// What is asked of a touch before it counts.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub channel: &'a str,
    pub campaign: Option<&'a str>,
    pub vendor_code: Option<&'a str>,
}

/// By which customers come on their own, unless a run says otherwise.
pub fn direct_channels() -> Vec<String> {
    vec!["direct".to_owned()]
}

/// What is paid for, unless a run says otherwise.
pub fn paid_channels() -> Vec<String> {
    ["affiliate", "broker_referral", "display_ad", "paid_search", "paid_social", "partner_referral"]
        .map(str::to_owned)
        .to_vec()
}

/// The default window, which the documents give.
pub const DEFAULT_WINDOW_HOURS: u32 = 72;

/// The default half-life: a week, as other tools have it, but never so long that a short window knows no decay.
pub fn default_half_life_hours(window_hours: u32) -> u32 {
    (window_hours / 3).clamp(1, 7 * 24)
}

impl RunConfig {
    /// All conversions by this model, with what is usual for everything else.
    pub fn usual(model: ModelCode) -> Self {
        Self {
            model,
            window_hours: DEFAULT_WINDOW_HOURS,
            include_channels: None,
            event_types: None,
            minimum: None,
            start_date: None,
            end_date: None,
            half_life_hours: default_half_life_hours(DEFAULT_WINDOW_HOURS),
            position_weights: [40, 20, 40],
            intent_factors: IntentFactors::default(),
            direct_channels: direct_channels(),
            paid_channels: paid_channels(),
            exclude_channels: Vec::new(),
            channel_window_hours: BTreeMap::new(),
            direct_touches: DirectTouches::Count,
            campaigns: Filter::default(),
            vendors: Filter::default(),
            most_touches: None,
            learning: Learning::default(),
            after_conversion: AfterConversion::default(),
            path_transform: PathTransform::default(),
            custom_weights: CustomWeights::default(),
            milestones: MilestoneEvents::default(),
        }
    }

    /// As usual, with what the tenant's settings say of this model frozen in it.
    pub fn of(model: ModelCode, settings: &Settings) -> Self {
        let intent_factors = match model {
            ModelCode::AiWeighted => settings.intent_factors.clone(),
            ModelCode::FirstTouch
            | ModelCode::LastTouch
            | ModelCode::Linear
            | ModelCode::TimeDecay
            | ModelCode::PositionBased
            | ModelCode::LastNonDirect
            | ModelCode::FirstPaid
            | ModelCode::LastPaid
            | ModelCode::J
            | ModelCode::InverseJ
            | ModelCode::U
            | ModelCode::W
            | ModelCode::FullPath
            | ModelCode::Custom
            | ModelCode::DataDriven => IntentFactors::default(),
        };
        Self { intent_factors, ..Self::usual(model) }
    }

    /// From when on touches may be credited for a conversion of this moment, on whatever channel.
    pub fn window_start(&self, conversion: Timestamp) -> Timestamp {
        let longest = self.channel_window_hours.values().copied().max().unwrap_or_default();
        before(conversion, longest.max(self.window_hours))
    }

    /// The same of a channel.
    pub fn window_start_of(&self, channel: &str, conversion: Timestamp) -> Timestamp {
        let own = self.channel_window_hours.get(channel);
        before(conversion, own.copied().unwrap_or(self.window_hours))
    }

    /// Whether every touch within [`RunConfig::window_start`] that counts is credited.
    pub fn is_one_window(&self) -> bool {
        self.channel_window_hours.is_empty()
            && self.direct_touches == DirectTouches::Count
            && self.most_touches.is_none()
            && self.path_transform == PathTransform::Unique
    }

    /// Whether what else a customer had done decides which touches are credited with what.
    pub fn asks_for_conversions(&self) -> bool {
        self.after_conversion == AfterConversion::Reset || self.has_milestones()
    }

    pub fn has_milestones(&self) -> bool {
        matches!(self.model, ModelCode::U | ModelCode::W | ModelCode::FullPath)
    }

    pub fn half_life_ms(&self) -> u64 {
        u64::from(self.half_life_hours) * HOUR_MS.unsigned_abs()
    }

    /// From when to when conversions are taken, both ends included.
    pub fn span(&self, zone: Zone) -> (Timestamp, Timestamp) {
        let day = |date: &Option<String>| date.as_deref().and_then(Day::parse);
        let from = day(&self.start_date).map_or(Timestamp::from_ms(0), |day| zone.start_of(day));
        let to = day(&self.end_date).map(|day| zone.end_of(day).plus_ms(-1));
        (from, to.unwrap_or(Timestamp::from_ms(9_999_999_999_999)))
    }

    /// Whether what touches weigh is learned from what all journeys came to.
    pub fn learns(&self) -> bool {
        self.model == ModelCode::DataDriven
    }

    /// A digest of all that it says: runs with the same one attribute alike, facts apart.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }

    /// Whether it says what is usual for its model in everything but days: such runs answer questions that name none.
    pub fn is_usual(&self) -> bool {
        let usual = Self {
            start_date: self.start_date.clone(),
            end_date: self.end_date.clone(),
            intent_factors: self.intent_factors.clone(),
            ..Self::usual(self.model)
        };
        *self == usual
    }

    /// Whether a conversion is one of those asked for, its time apart.
    pub fn wants(&self, event_type: &str, amount: Money) -> bool {
        let of_type =
            |types: &Vec<String>| types.iter().any(|wanted| wanted.eq_ignore_ascii_case(event_type));
        let enough = |least: Money| amount.currency == least.currency && amount.minor >= least.minor;
        self.event_types.as_ref().is_none_or(of_type) && self.minimum.is_none_or(enough)
    }

    /// Whether a touch on this channel counts, as far as that decides.
    pub fn counts_channel(&self, channel: &str) -> bool {
        let is_named = |channels: &[String]| channels.iter().any(|named| named == channel);
        self.include_channels.as_deref().is_none_or(is_named) && !is_named(&self.exclude_channels)
    }

    /// Whether a touch counts, its time apart.
    pub fn counts(&self, touch: Seen<'_>) -> bool {
        self.counts_channel(touch.channel)
            && self.campaigns.admits(touch.campaign)
            && self.vendors.admits(touch.vendor_code)
    }
}

fn before(conversion: Timestamp, hours: u32) -> Timestamp {
    Timestamp::from_ms((conversion.ms() - i64::from(hours) * HOUR_MS).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn config() -> RunConfig {
        RunConfig {
            include_channels: Some(vec!["call".to_owned()]),
            event_types: Some(vec!["purchase".to_owned()]),
            minimum: Some(Money { minor: 10_000, currency: Currency::parse("USD").unwrap() }),
            start_date: Some("2024-01-01".to_owned()),
            end_date: Some("2024-01-31".to_owned()),
            ..RunConfig::usual(ModelCode::TimeDecay)
        }
    }

    #[test]
    fn the_default_half_life_is_a_third_of_the_window_and_at_most_a_week() {
        assert_eq!(default_half_life_hours(72), 24);
        assert_eq!(default_half_life_hours(24 * 90), 168);
        assert_eq!(default_half_life_hours(1), 1);
    }

    #[test]
    fn a_minimum_asks_for_its_own_currency() {
        let money = |minor, code| Money { minor, currency: Currency::parse(code).unwrap() };
        assert!(config().wants("Purchase", money(10_000, "USD")));
        assert!(!config().wants("purchase", money(9_999, "USD")));
        assert!(!config().wants("purchase", money(1_000_000, "EUR")));
        assert!(!config().wants("signup", money(10_000, "USD")));
    }

    #[test]
    fn a_range_of_days_is_whole_days_of_the_tenants_zone() {
        let (from, to) = config().span(Zone::parse("Asia/Kolkata").unwrap());
        assert_eq!(from.to_string(), "2023-12-31T18:30:00Z");
        assert_eq!(to.to_string(), "2024-01-31T18:29:59.999Z");
    }
}
