//! What a tenant can set.

mod setting;

use serde::{Deserialize, Serialize};

use crate::identifier::{Identifier, IdentifierType, Region};
use crate::identity::Limits;
use crate::model::ModelCode;
use crate::money::Currency;
use crate::signals::IntentFactors;
use crate::time::{DAY_MS, Timestamp, Zone};
pub use setting::Setting;

/// A tenant's settings, with defaults for all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Country whose national phone numbers are read without a country code, ISO 3166.
    pub region: String,
    /// IANA zone of days and hours; fixed once facts exist.
    pub time_zone: String,
    /// ISO 4217 code of reports that do not name one.
    pub currency: String,
    /// A phone (or other identifier) with more neighbours of one other type than this is shared. At most as many as a
    /// customer has members: with more, it is too large to be one person anyway.
    pub shared_limit: usize,
    /// Facts are dropped this long after they occurred or were received, whichever was later.
    pub retention_months: u32,
    /// Over how many index partitions one local hour is spread: one takes about 1,000 new facts per second.
    /// It may grow, never shrink.
    pub hour_shards: u32,
    /// The tenant's own numbers, which identify nobody.
    pub own_numbers: Vec<String>,
    /// The model of reports and of the daily run.
    pub default_model: ModelCode,
    /// Of how many whole days before today the daily run takes the conversions; 0 for no daily run.
    pub daily_run_days: u32,
    /// What the intents of interactions count for in AI_WEIGHTED.
    pub intent_factors: IntentFactors,
    /// How many requests a second this tenant may make, twice as many at once; None for what all tenants may.
    pub requests_per_second: Option<u32>,
    /// What providers and older clients call this tenant.
    pub aliases: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: "US".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            shared_limit: 5,
            retention_months: 24,
            hour_shards: 1,
            own_numbers: Vec::new(),
            default_model: ModelCode::TimeDecay,
            daily_run_days: 30,
            intent_factors: IntentFactors::usual(),
            requests_per_second: None,
            aliases: Vec::new(),
        }
    }
}

impl Settings {
    pub fn region(&self) -> Region {
        Region::parse(&self.region).unwrap_or(Region::US)
    }

    pub fn zone(&self) -> Zone {
        Zone::parse(&self.time_zone).unwrap_or(Zone::UTC)
    }

    pub fn currency(&self) -> Option<Currency> {
        Currency::parse(&self.currency)
    }

    pub fn limits(&self) -> Limits {
        Limits::shared_above(self.shared_limit)
    }

    /// What occurred and was received before this moment has been dropped by now.
    pub fn kept_from(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(-self.kept_ms())
    }

    /// 31 days a month: never dropped early.
    fn kept_ms(&self) -> i64 {
        i64::from(self.retention_months) * 31 * DAY_MS
    }

    /// When a fact may be dropped, in whole seconds since 1970, as the table's time to live wants it.
    pub fn expires_at(&self, occurred: Timestamp, received: Timestamp) -> i64 {
        occurred.max(received).plus_ms(self.kept_ms()).ms() / 1_000
    }

    /// Whether this is one of the tenant's own numbers.
    pub fn is_own(&self, identifier: &Identifier) -> bool {
        identifier.kind() == IdentifierType::Phone
            && self.own_numbers.iter().any(|number| {
                Identifier::parse(IdentifierType::Phone, number, self.region()).as_ref() == Ok(identifier)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_kept_from_the_later_of_occurrence_and_receipt() {
        let settings = Settings::default();
        let old = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(settings.expires_at(old, now), settings.expires_at(now, now));
        assert!(settings.expires_at(old, now) > now.plus_ms(729 * DAY_MS).ms() / 1_000);
    }

    #[test]
    fn the_tenants_own_numbers_are_recognised_in_any_form() {
        let settings = Settings { own_numbers: vec!["(415) 555-0100".to_owned()], ..Settings::default() };
        let own = Identifier::parse(IdentifierType::Phone, "+14155550100", Region::US).unwrap();
        let other = Identifier::parse(IdentifierType::Phone, "+14155550101", Region::US).unwrap();
        assert!(settings.is_own(&own) && !settings.is_own(&other));
    }
}
