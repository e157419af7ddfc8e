//! Moments, local hours and local days. Nothing here reads a clock.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, SecondsFormat, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::rule::{Refusal, Rule};

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How far a sender's clock may run ahead of ours.
pub const CLOCK_SKEW_MS: i64 = 5 * MINUTE_MS;

/// Facts older than this are typing errors, not history.
const EARLIEST: Timestamp = Timestamp(946_684_800_000); // 2000-01-01T00:00:00Z

const LATEST: Timestamp = Timestamp(253_402_300_799_999); // 9999-12-31T23:59:59.999Z

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Why a text is not a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("is not an RFC 3339 time with an offset, such as 2024-01-15T10:30:00Z")]
    Malformed,
    #[error("has no offset; add Z or one such as +05:30")]
    Naive,
    #[error("lies before the year 2000")]
    TooEarly,
    #[error("lies in the future")]
    Future,
}

impl From<TimeError> for Refusal {
    fn from(error: TimeError) -> Self {
        let rule = match error {
            TimeError::Future => Some(Rule::NotInFuture),
            TimeError::TooEarly => Some(Rule::NotBefore2000),
            TimeError::Malformed | TimeError::Naive => None,
        };
        Self { problem: error.to_string(), rule }
    }
}

impl Timestamp {
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339. A time without an offset is refused, since guessing its zone moves money between days.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => {
                let time = Self(time.timestamp_millis());
                if time < EARLIEST { Err(TimeError::TooEarly) } else { Ok(time) }
            }
            Err(_) if is_naive(text) => Err(TimeError::Naive),
            Err(_) => Err(TimeError::Malformed),
        }
    }

    /// When an id was minted: `<prefix>_` and the 32 hex digits of a UUIDv7, which begins with its time.
    pub fn of_minted(prefix: &str, id: &str) -> Option<Self> {
        let digits = id.strip_prefix(prefix)?.strip_prefix('_')?;
        let is_hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let ms = i64::from_str_radix(digits.get(..12)?, 16).ok()?;
        (digits.len() == 32 && is_hex).then_some(Self(ms))
    }

    /// Refuses what lies after `now`, allowing for a sender's clock running ahead.
    pub fn not_after(self, now: Timestamp) -> Result<Self, TimeError> {
        if self.0 > now.0.saturating_add(CLOCK_SKEW_MS) { Err(TimeError::Future) } else { Ok(self) }
    }

    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Fixed-width decimal, so that keys sort by time; later moments than have that width (in 2286) stand for the
    /// last one.
    pub fn sortable(self) -> String {
        format!("{:013}", self.0.clamp(0, 9_999_999_999_999))
    }

    /// Later moments than the year 9999 has, of which names would not sort as text, stand for its last one.
    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.min(LATEST.0)).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

fn is_naive(text: &str) -> bool {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .any(|format| NaiveDateTime::parse_from_str(text, format).is_ok())
}

/// RFC 3339 in UTC, with fractions only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A calendar day in some tenant's zone, from 1970 to 9999. Where a day would lie outside, which only moments do that stand
/// for no bound, it is the first or the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(NaiveDate);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a day such as 2024-01-31")]
pub struct NotADay;

impl TryFrom<String> for Day {
    type Error = NotADay;
    fn try_from(text: String) -> Result<Self, NotADay> {
        Self::parse(&text).ok_or(NotADay)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "format": "date", "pattern": "^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}$",
            "examples": ["2024-01-31"],
        })
    }
}

impl Day {
    const YEARS: RangeInclusive<i32> = 1970..=9999;

    fn of(date: NaiveDate) -> Self {
        let year = date.year();
        Self(match Self::YEARS.contains(&year) {
            true => date,
            false if year < *Self::YEARS.start() => NaiveDate::from_yo_opt(1970, 1).unwrap_or_default(),
            false => NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default(),
        })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?);
        // `%Y` would also read signs and years of other lengths, which do not sort as text.
        (Self::YEARS.contains(&day.0.year()) && day.to_string() == text).then_some(day)
    }

    #[must_use]
    pub fn minus(self, days: u64) -> Self {
        Self::of(self.0.checked_sub_days(chrono::Days::new(days)).unwrap_or(NaiveDate::MIN))
    }

    /// From 0, a Monday, to 6.
    pub fn weekday(self) -> u32 {
        self.0.weekday().num_days_from_monday()
    }

    /// From 1.
    pub fn of_month(self) -> u32 {
        self.0.day()
    }

    #[must_use]
    pub fn next(self) -> Self {
        Self::of(self.0.succ_opt().unwrap_or(self.0))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// The start of a tenant-local hour, named by its UTC time: zones such as +05:30 begin their hours at half past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour(Timestamp);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an hour: yyyymmddhhmm")]
pub struct NotAnHour;

impl TryFrom<String> for Hour {
    type Error = NotAnHour;
    fn try_from(name: String) -> Result<Self, NotAnHour> {
        Self::parse(&name).ok_or(NotAnHour)
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> String {
        hour.name()
    }
}

impl Hour {
    /// `yyyymmddhhmm` in UTC.
    pub fn name(self) -> String {
        self.0.utc().format("%Y%m%d%H%M").to_string()
    }

    /// `yyyymm` in UTC: the month under which this hour is listed.
    pub fn month(self) -> String {
        self.0.utc().format("%Y%m").to_string()
    }

    pub fn parse(name: &str) -> Option<Self> {
        let time = NaiveDateTime::parse_from_str(name, "%Y%m%d%H%M").ok()?;
        Some(Self(Timestamp(time.and_utc().timestamp_millis())))
    }

    pub fn start(self) -> Timestamp {
        self.0
    }

    /// No fact of this hour occurred at or after this moment.
    ///
    /// Two hours, not one: where a zone shifts by half an hour, a local hour can be longer than sixty minutes.
    pub fn end_bound(self) -> Timestamp {
        self.0.plus_ms(2 * HOUR_MS)
    }
}

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    pub const UTC: Zone = Zone(Tz::UTC);

    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The local hour that `time` falls into.
    pub fn hour_of(self, time: Timestamp) -> Hour {
        let local = self.0.from_utc_datetime(&time.utc().naive_utc());
        let into_hour = i64::from(local.minute()) * MINUTE_MS
            + i64::from(local.second()) * SECOND_MS
            + i64::from(local.timestamp_subsec_millis());
        Hour(time.plus_ms(-into_hour))
    }

    /// The local day that `time` falls into.
    pub fn day_of(self, time: Timestamp) -> Day {
        Day::of(self.0.from_utc_datetime(&time.utc().naive_utc()).date_naive())
    }

    /// The first moment of a local day, also where midnight is skipped or happens twice.
    pub fn start_of(self, day: Day) -> Timestamp {
        self.clock_of(day, 0)
    }

    /// The first moment after a local day.
    pub fn end_of(self, day: Day) -> Timestamp {
        self.first_clock(day.0.succ_opt().unwrap_or(day.0), 0)
    }

    /// When local clocks first show so many minutes after midnight; where they skip that, when they go on.
    pub fn clock_of(self, day: Day, minutes: u16) -> Timestamp {
        self.first_clock(day.0, minutes)
    }

    fn first_clock(self, date: NaiveDate, minutes: u16) -> Timestamp {
        let midnight = date.and_hms_opt(0, 0, 0).unwrap_or_default();
        let wanted = midnight + chrono::TimeDelta::minutes(i64::from(minutes));
        for skipped in (0..=180).step_by(15) {
            let local = wanted + chrono::TimeDelta::minutes(skipped);
            if let Some(first) = self.0.from_local_datetime(&local).earliest() {
                return Timestamp(first.timestamp_millis());
            }
        }
        let offset = self.0.offset_from_utc_datetime(&wanted).fix();
        Timestamp((wanted - offset).and_utc().timestamp_millis())
    }
}

#[cfg(test)]
mod tests;
