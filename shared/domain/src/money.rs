//! Amounts: integer minor units and an ISO 4217 code. No floating point comes near them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::rule::{Refusal, Rule};

/// A currency of ISO 4217 that has minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency {
    currency: iso_currency::Currency,
    digits: u32,
}

impl Currency {
    /// Reads a code in any case; precious metals and test codes are refused, since they have no minor unit.
    pub fn parse(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(&code.to_ascii_uppercase())?;
        let digits = u32::from(currency.exponent()?);
        Some(Self { currency, digits })
    }

    pub fn code(self) -> &'static str {
        self.currency.code()
    }

    /// How many decimal places an amount has: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn digits(self) -> u32 {
        self.digits
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).ok_or_else(|| serde::de::Error::custom("is not a currency"))
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let letters = || b'A'..=b'Z';
        let pairs = letters().flat_map(|first| letters().map(move |second| [first, second]));
        let words = pairs.flat_map(|[first, second]| letters().map(move |third| [first, second, third]));
        let known = words.filter_map(|word| Currency::parse(&String::from_utf8_lossy(&word)));
        let codes: Vec<_> = known.map(Currency::code).collect();
        json_schema!({
            "description": "A code of ISO 4217", "type": "string", "enum": codes, "examples": ["USD"],
        })
    }
}

/// No single amount is larger than this many minor units: ten trillion dollars.
pub const MOST_MINOR: i64 = 1_000_000_000_000_000;

/// An amount of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("is not a decimal number")]
    Malformed,
    #[error("has more decimal places than {code} has ({digits})")]
    TooFine { code: &'static str, digits: u32 },
    #[error("must not be negative")]
    Negative,
    #[error("is larger than 10^15 minor units")]
    TooLarge,
}

impl From<MoneyError> for Refusal {
    fn from(error: MoneyError) -> Self {
        let rule = match error {
            MoneyError::TooFine { .. } => Some(Rule::PlacesOfCurrency),
            MoneyError::TooLarge => Some(Rule::AmountLimit),
            MoneyError::Malformed | MoneyError::Negative => None,
        };
        Self { problem: error.to_string(), rule }
    }
}

impl Money {
    /// Reads a decimal exactly from its text, as it stands in JSON, exponent included.
    ///
    /// Zeros beyond the currency's places are allowed: many senders write `5000.0` for whole yen.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let read = Self::parse_signed(text, currency)?;
        if read.minor < 0 { Err(MoneyError::Negative) } else { Ok(read) }
    }

    /// As [`Money::parse`], for what may be paid back.
    pub fn parse_signed(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, scale) = decimal(text)?;
        let digits = digits.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Ok(Self { minor: 0, currency });
        }
        // value = kept × 10^(dropped − scale); in minor units another 10^digits.
        let dropped = i64::try_from(digits.len() - kept.len()).map_err(|_| MoneyError::TooLarge)?;
        let power = dropped - scale + i64::from(currency.digits);
        let power = match u32::try_from(power) {
            Ok(power) if power <= 18 => power,
            Ok(_) => return Err(MoneyError::TooLarge),
            Err(_) => {
                return Err(MoneyError::TooFine { code: currency.code(), digits: currency.digits });
            }
        };
        let minor = kept
            .parse::<i64>()
            .ok()
            .and_then(|units| units.checked_mul(10_i64.checked_pow(power)?))
            .filter(|minor| *minor <= MOST_MINOR)
            .ok_or(MoneyError::TooLarge)?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

/// As much of an amount as `part` is of `whole`, to the nearest minor unit, a half to the even one; 0 of nothing.
pub fn portion(minor: i64, part: u64, whole: u64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let (whole, product) = (u128::from(whole), u128::from(minor.unsigned_abs()) * u128::from(part));
    let (quotient, rest) = (product / whole, product % whole);
    let up = rest * 2 > whole || (rest * 2 == whole && quotient % 2 == 1);
    let nearest = i64::try_from(quotient + u128::from(up)).unwrap_or(i64::MAX);
    if minor < 0 { -nearest } else { nearest }
}

/// Splits `12.5e3` into its digits `125` and how many of them stand after the point: here 1 − 3.
fn decimal(text: &str) -> Result<(String, i64), MoneyError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().map_err(|_| MoneyError::Malformed)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(MoneyError::Malformed),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(MoneyError::Malformed);
    }
    let places = i64::try_from(fraction.len()).map_err(|_| MoneyError::Malformed)?;
    Ok((format!("{whole}{fraction}"), places - i64::from(exponent)))
}

/// With exactly the currency's places: `333.34`, `5000` for yen.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10_u64.pow(self.currency.digits);
        let minor = self.minor.unsigned_abs();
        let places = self.currency.digits as usize;
        if places == 0 {
            write!(f, "{sign}{minor}")
        } else {
            write!(f, "{sign}{}.{:0places$}", minor / unit, minor % unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, code: &str) -> Result<i64, MoneyError> {
        Money::parse(text, Currency::parse(code).unwrap()).map(|money| money.minor)
    }

    #[test]
    fn an_amount_is_read_exactly_from_its_text() {
        assert_eq!(read("5000.00", "USD"), Ok(500_000));
        assert_eq!(read("0.1", "USD"), Ok(10));
        assert_eq!(read("2.5e3", "USD"), Ok(250_000));
        assert_eq!(read("123e-2", "USD"), Ok(123));
        assert_eq!(read("5000.0", "JPY"), Ok(5000));
        assert_eq!(read("1.234", "KWD"), Ok(1234));
        assert_eq!(read("0", "USD"), Ok(0));
        assert_eq!(read("-0.00", "USD"), Ok(0));
        assert_eq!(read("10000000000000.00", "USD"), Ok(MOST_MINOR));
    }

    #[test]
    fn only_what_may_be_paid_back_is_read_with_a_sign() {
        let usd = Currency::parse("USD").unwrap();
        assert_eq!(Money::parse_signed("-12.50", usd).map(|money| money.minor), Ok(-1_250));
        assert_eq!(Money::parse_signed("12.50", usd).map(|money| money.minor), Ok(1_250));
        assert_eq!(Money::parse_signed("-10000000000000.01", usd), Err(MoneyError::TooLarge));
        assert_eq!(Money::parse("-12.50", usd), Err(MoneyError::Negative));
    }

    #[test]
    fn an_amount_that_cannot_be_held_exactly_is_refused() {
        assert!(matches!(read("10.001", "USD"), Err(MoneyError::TooFine { digits: 2, .. })));
        assert!(matches!(read("1.5", "JPY"), Err(MoneyError::TooFine { digits: 0, .. })));
        assert!(matches!(read("1e-5", "USD"), Err(MoneyError::TooFine { .. })));
        assert_eq!(read("-1", "USD"), Err(MoneyError::Negative));
        assert_eq!(read("10000000000000.01", "USD"), Err(MoneyError::TooLarge));
        assert_eq!(read("1e400", "USD"), Err(MoneyError::TooLarge));
        assert_eq!(read(&"9".repeat(400), "USD"), Err(MoneyError::TooLarge));
        for text in ["", "NaN", "1,5", "+1", " 1", "1.", ".5", "0x10", "1e", "1e99999"] {
            assert_eq!(read(text, "USD"), Err(MoneyError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_portion_is_rounded_to_the_nearest_and_a_half_to_the_even_one() {
        assert_eq!(portion(150_000, 100_000_000, 1_000_000_000), 15_000);
        assert_eq!([5, 15, 25, -5, -15].map(|minor| portion(minor, 1, 10)), [0, 2, 2, 0, -2]);
        assert_eq!([4, 6, -6].map(|minor| portion(minor, 1, 10)), [0, 1, -1]);
        assert_eq!(portion(MOST_MINOR, 7, 7), MOST_MINOR);
        assert_eq!(portion(5, 1, 0), 0);
    }

    #[test]
    fn currencies_without_minor_units_are_unknown() {
        assert_eq!(Currency::parse("usd").map(Currency::code), Some("USD"));
        for code in ["XAU", "XXX", "ABC", "US", ""] {
            assert!(Currency::parse(code).is_none(), "{code}");
        }
        // The places that libraries most often get wrong.
        for (code, digits) in [("JPY", 0), ("ISK", 0), ("BHD", 3), ("IQD", 3), ("CLF", 4), ("HUF", 2)] {
            assert_eq!(Currency::parse(code).unwrap().digits(), digits, "{code}");
        }
    }

    #[test]
    fn an_amount_leaves_with_exactly_its_currencys_places() {
        let show = |minor, code| Money { minor, currency: Currency::parse(code).unwrap() }.to_string();
        assert_eq!(show(33_334, "USD"), "333.34");
        assert_eq!(show(5, "USD"), "0.05");
        assert_eq!(show(5000, "JPY"), "5000");
        assert_eq!(show(-150, "USD"), "-1.50");
        assert_eq!(show(1, "KWD"), "0.001");
    }
}
