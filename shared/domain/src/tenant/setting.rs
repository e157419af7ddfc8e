//! Settings as texts: how people write and read them.

use std::fmt::Display;
use std::str::FromStr;

use super::Settings;
use crate::identifier::{Identifier, IdentifierType, Region};
use crate::identity::Limits;
use crate::ids::is_printable;
use crate::model::ModelCode;
use crate::money::Currency;
use crate::rate::Rate;
use crate::signals::IntentFactors;
use crate::time::Zone;

/// What can be set, by the name that `GET /v1/tenant` shows it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    Region,
    TimeZone,
    Currency,
    Aliases,
    OwnNumbers,
    SharedLimit,
    RetentionMonths,
    HourShards,
    DefaultModel,
    DailyRunDays,
    IntentFactors,
    RequestsPerSecond,
}

/// A tenant has no more aliases or own numbers than this.
const MOST_ENTRIES: usize = 100;

impl Setting {
    pub const ALL: [Setting; 12] = [
        Setting::Region,
        Setting::TimeZone,
        Setting::Currency,
        Setting::Aliases,
        Setting::OwnNumbers,
        Setting::SharedLimit,
        Setting::RetentionMonths,
        Setting::HourShards,
        Setting::DefaultModel,
        Setting::DailyRunDays,
        Setting::IntentFactors,
        Setting::RequestsPerSecond,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Setting::Region => "region",
            Setting::TimeZone => "time_zone",
            Setting::Currency => "currency",
            Setting::Aliases => "aliases",
            Setting::OwnNumbers => "own_numbers",
            Setting::SharedLimit => "shared_limit",
            Setting::RetentionMonths => "retention_months",
            Setting::HourShards => "hour_shards",
            Setting::DefaultModel => "default_model",
            Setting::DailyRunDays => "daily_run_days",
            Setting::IntentFactors => "intent_factors",
            Setting::RequestsPerSecond => "requests_per_second",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.code() == code)
    }

    /// What is set, as [`Setting::write`] reads it.
    pub fn read(self, settings: &Settings) -> String {
        match self {
            Setting::Region => settings.region.clone(),
            Setting::TimeZone => settings.time_zone.clone(),
            Setting::Currency => settings.currency.clone(),
            Setting::Aliases => settings.aliases.join(","),
            Setting::OwnNumbers => settings.own_numbers.join(","),
            Setting::SharedLimit => settings.shared_limit.to_string(),
            Setting::RetentionMonths => settings.retention_months.to_string(),
            Setting::HourShards => settings.hour_shards.to_string(),
            Setting::DefaultModel => settings.default_model.code().to_owned(),
            Setting::DailyRunDays => settings.daily_run_days.to_string(),
            Setting::IntentFactors => factors_text(&settings.intent_factors),
            Setting::RequestsPerSecond => {
                settings.requests_per_second.map_or_else(|| "default".to_owned(), |rate| rate.to_string())
            }
        }
    }

    /// Sets it to what the text says; else tells what the text must be.
    pub fn write(self, settings: &mut Settings, text: &str) -> Result<(), String> {
        match self {
            Setting::Region => {
                let region = Region::parse(text).ok_or("must be a country of ISO 3166, such as US")?;
                settings.region = region.code();
            }
            Setting::TimeZone => {
                let zone = Zone::parse(text).ok_or("must be a zone of IANA, such as America/New_York")?;
                zone.name().clone_into(&mut settings.time_zone);
            }
            Setting::Currency => {
                let currency = Currency::parse(text).ok_or("must be a currency of ISO 4217, such as USD")?;
                settings.currency = currency.to_string();
            }
            Setting::Aliases => settings.aliases = entries(text, is_alias)?,
            Setting::OwnNumbers => {
                let region = settings.region();
                let is_phone =
                    |text: &str| Identifier::parse(IdentifierType::Phone, text, region).map(|_| ());
                settings.own_numbers = entries(text, is_phone)?;
            }
            Setting::SharedLimit => settings.shared_limit = number(text, 1, Limits::MEMBERS)?,
            Setting::RetentionMonths => settings.retention_months = number(text, 1, 240)?,
            Setting::HourShards => {
                // Facts in shards that are no longer looked at would be lost.
                settings.hour_shards = number(text, settings.hour_shards, 64)?;
            }
            Setting::DefaultModel => {
                let codes = || format!("must be one of {}", ModelCode::ALL.map(ModelCode::code).join(", "));
                settings.default_model = ModelCode::parse(text).ok_or_else(codes)?;
            }
            Setting::DailyRunDays => settings.daily_run_days = number(text, 0, 366)?,
            Setting::IntentFactors => settings.intent_factors = factors(text)?,
            Setting::RequestsPerSecond => {
                let is_default = text == "default";
                let rate = (!is_default).then(|| number(text, 1, Rate::MOST_PER_SECOND)).transpose();
                settings.requests_per_second = rate.map_err(|problem| format!("{problem}, or default"))?;
            }
        }
        Ok(())
    }
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, least: T, most: T) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// Entries between commas; an empty text has none.
fn entries<E: Display>(text: &str, check: impl Fn(&str) -> Result<(), E>) -> Result<Vec<String>, String> {
    let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    if entries.len() > MOST_ENTRIES {
        return Err(format!("must have at most {MOST_ENTRIES} entries"));
    }
    let checked = entries.into_iter().map(|entry| match check(entry) {
        Ok(()) => Ok(entry.to_owned()),
        Err(problem) => Err(format!("has the entry {entry}, which {problem}")),
    });
    checked.collect()
}

fn is_alias(text: &str) -> Result<(), &'static str> {
    let allowed = is_printable(text, 64) && !text.contains('#');
    if allowed { Ok(()) } else { Err("must be 1 to 64 printable characters without #") }
}

const FACTORS: &str = "must be intents and their factors from 0 to 10, such as purchase:1.5,support:0.5";

/// `purchase:1.5,support:0.5`
fn factors(text: &str) -> Result<IntentFactors, String> {
    let factor = |entry: &str| {
        let (intent, factor) = entry.trim().rsplit_once(':')?;
        let (whole, fraction) = factor.split_once('.').unwrap_or((factor, ""));
        let digits = format!("{fraction:0<3}");
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let readable =
            is_number(whole) && digits.len() == 3 && is_number(&digits) && is_printable(intent, 128);
        let permille = whole.parse::<u16>().ok()?.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        (readable && permille <= 10_000).then(|| (intent.to_lowercase(), permille))
    };
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    entries.map(factor).collect::<Option<_>>().map(IntentFactors).ok_or_else(|| FACTORS.to_owned())
}

fn factors_text(IntentFactors(factors): &IntentFactors) -> String {
    let entry = |(intent, permille): (&String, &u16)| {
        let text = format!("{intent}:{}.{:03}", permille / 1_000, permille % 1_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    factors.iter().map(entry).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_setting_sets_it_to_the_same() {
        let mut changed = Settings { requests_per_second: Some(7), ..Settings::default() };
        changed.own_numbers = vec!["+1 415 555 0100".to_owned()];
        changed.aliases = vec!["3".to_owned(), "acme gmbh".to_owned()];
        for settings in [Settings::default(), changed] {
            for setting in Setting::ALL {
                let mut again = settings.clone();
                setting.write(&mut again, &setting.read(&settings)).unwrap();
                assert_eq!(again, settings, "{}", setting.code());
                assert_eq!(Setting::parse(setting.code()), Some(setting));
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let mut settings = Settings { hour_shards: 4, ..Settings::default() };
        for (setting, text, problem) in [
            (Setting::Region, "Mars", "ISO 3166"),
            (Setting::TimeZone, "Mars/Olympus", "America/New_York"),
            (Setting::Currency, "shells", "ISO 4217"),
            (Setting::Aliases, "a#b", "without #"),
            (Setting::OwnNumbers, "+14155550100,call me", "call me"),
            (Setting::SharedLimit, "0", "from 1 to 200"),
            (Setting::RetentionMonths, "forever", "from 1 to 240"),
            (Setting::HourShards, "3", "from 4 to 64"),
            (Setting::DefaultModel, "GUESS", "TIME_DECAY"),
            (Setting::DailyRunDays, "-1", "from 0 to 366"),
            (Setting::IntentFactors, "purchase=2", "purchase:1.5"),
            (Setting::IntentFactors, "purchase:11", "purchase:1.5"),
            (Setting::RequestsPerSecond, "0", "or default"),
        ] {
            let before = settings.clone();
            let refused = setting.write(&mut settings, text).unwrap_err();
            assert!(refused.contains(problem), "{text}: {refused}");
            assert_eq!(settings, before);
        }
    }
}
