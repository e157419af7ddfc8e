//! How single values are read: each reader refuses with a sentence, and where the form is right with the rule.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::value::RawValue;

use crate::ids::ExternalId;
use crate::money::Currency;
use crate::rule::{Refusal, Rule};
use crate::time::Timestamp;

/// No free object is larger than this, as compact JSON.
pub const MOST_METADATA: usize = 8192;

/// A string; of a number, its digits, since senders write ids either way.
pub fn text_or_number(raw: &RawValue) -> Result<String, String> {
    match raw.get().as_bytes().first() {
        Some(b'"') => text(raw),
        Some(b'-' | b'0'..=b'9') => Ok(raw.get().to_owned()),
        _ => Err("must be a string or a number".to_owned()),
    }
}

pub fn currency(raw: &RawValue) -> Result<Currency, String> {
    Currency::parse(&text(raw)?).ok_or_else(|| NO_CURRENCY.to_owned())
}

/// What is said of a text that should be a currency.
pub const NO_CURRENCY: &str = "is not a currency of ISO 4217";

/// An id of the sender's: 1 to 128 printable characters, kept exactly as they came; of a number, its digits.
pub fn id(raw: &RawValue) -> Result<String, Refusal> {
    let text = text_or_number(raw)?;
    if crate::ids::is_printable(&text, 128) {
        return Ok(text);
    }
    let rule = (!raw.get().starts_with('"')).then_some(Rule::IdLength);
    Err(Refusal { problem: "must be 1 to 128 printable characters".to_owned(), rule })
}

pub fn external_id(raw: &RawValue) -> Result<ExternalId, Refusal> {
    Ok(ExternalId::parse(&id(raw)?)?)
}

pub fn text(raw: &RawValue) -> Result<String, String> {
    serde_json::from_str(raw.get()).map_err(|_| "must be a string".to_owned())
}

/// A string of 1 to `most` printable characters.
pub fn printable(most: usize) -> impl Fn(&RawValue) -> Result<String, String> {
    move |raw| {
        let text = text(raw)?;
        if crate::ids::is_printable(&text, most) {
            Ok(text)
        } else {
            Err(format!("must be 1 to {most} printable characters"))
        }
    }
}

/// A string that `parse` reads.
pub fn parsed<T, E: fmt::Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&RawValue) -> Result<T, String> {
    move |raw| parse(&text(raw)?).map_err(|error| error.to_string())
}

/// A string that is one of a closed set.
pub fn one_of<T>(
    parse: impl Fn(&str) -> Option<T>,
    codes: &'static [&'static str],
) -> impl Fn(&RawValue) -> Result<T, String> {
    move |raw| parse(&text(raw)?).ok_or_else(|| format!("must be one of {}", codes.join(", ")))
}

/// A moment that does not lie after `now`.
pub fn moment(now: Timestamp) -> impl Fn(&RawValue) -> Result<Timestamp, Refusal> {
    move |raw| Ok(Timestamp::parse(&text(raw)?).and_then(|time| time.not_after(now))?)
}

/// A number as its text; also a string of digits, with a sign or a fraction.
fn number(raw: &RawValue) -> Option<String> {
    let text = text_or_number(raw).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let digits = [whole.strip_prefix('-').unwrap_or(whole), fraction];
    let is_plain = digits.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    (is_plain || !raw.get().starts_with('"')).then_some(text)
}

/// A whole number in a range, also as a string or with a fraction of zeros.
pub fn integer(range: RangeInclusive<i64>) -> impl Fn(&RawValue) -> Result<i64, Refusal> {
    move |raw| {
        let problem = || format!("must be a whole number from {} to {}", range.start(), range.end());
        let text = number(raw).ok_or_else(problem)?;
        let exact = text.trim_end_matches('0').strip_suffix('.').unwrap_or(&text).parse::<i64>().ok();
        // With an exponent, or too large: what a binary fraction holds of it is near enough to see the range.
        let nearest = || text.parse::<f64>().ok().filter(|number| number.fract() == 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a cast takes the nearest number there is")]
        let number = exact.or_else(|| nearest().map(|number| number as i64)).ok_or_else(problem)?;
        let in_range = Some(number).filter(|number| range.contains(number));
        in_range.ok_or_else(|| Refusal::of(Rule::WithinRange, problem()))
    }
}

/// A number from 0 to 1, kept as the shortest text that means it.
pub fn probability(raw: &RawValue) -> Result<String, Refusal> {
    let problem = "must be a number from 0 to 1";
    let number = number(raw).and_then(|text| text.parse::<f64>().ok()).ok_or(problem)?;
    let in_range = Some(number).filter(|number| (0.0..=1.0).contains(number));
    in_range.map(|number| (number + 0.0).to_string()).ok_or_else(|| Refusal::of(Rule::WithinRange, problem))
}

/// A number from 0 to 1 in billionths; what is finer than that is cut off.
pub fn billionths(raw: &RawValue) -> Result<u64, Refusal> {
    Ok(in_billionths(&probability(raw)?).ok_or("must be a number from 0 to 1")?)
}

/// A plain decimal text in billionths.
pub(crate) fn in_billionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let billionths: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    Some(whole.parse::<u64>().ok()? * 1_000_000_000 + billionths.parse::<u64>().ok()?)
}

/// A list of at most `most` strings, each of 1 to 128 printable characters.
pub fn texts(most: usize) -> impl Fn(&RawValue) -> Result<Vec<String>, String> {
    move |raw| {
        let items: Vec<String> =
            serde_json::from_str(raw.get()).map_err(|_| "must be a list of strings".to_owned())?;
        if items.len() > most || !items.iter().all(|item| crate::ids::is_printable(item, 128)) {
            return Err(format!("must have at most {most} entries of 1 to 128 printable characters"));
        }
        Ok(items)
    }
}

/// Any object of at most [`MOST_METADATA`] bytes, kept as compact JSON with sorted keys, so that equal objects are equal texts.
pub fn metadata(raw: &RawValue) -> Result<String, Refusal> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(raw.get()).map_err(|_| "must be an object")?;
    let text = serde_json::Value::Object(object).to_string();
    if text.len() > MOST_METADATA {
        return Err(Refusal::of(Rule::SizeLimit, format!("must not be larger than {MOST_METADATA} bytes")));
    }
    Ok(text)
}
