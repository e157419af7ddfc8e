//! Numbers as tables hold them.

/// Values are kept in millionths of the unit they are given in.
pub(crate) const MILLIONTHS: i64 = 1_000_000;

/// Amounts of journeys are given in cents.
pub(crate) const HUNDREDTHS: i64 = 100;

/// A whole number, which may be written `12.0`.
#[inline]
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    match digits(text) {
        Some((whole, [])) if !text.is_empty() => Some(whole),
        _ => any_whole(text.trim_ascii()),
    }
}

#[cold]
fn any_whole(text: &[u8]) -> Option<u64> {
    let (whole, rest) = digits(text)?;
    let zeros = rest.strip_prefix(b".").unwrap_or(rest);
    (rest.len() < text.len() && zeros.iter().all(|byte| *byte == b'0')).then_some(whole)
}

/// A decimal number in millionths; what is finer is rounded to the nearest.
#[inline]
pub(crate) fn decimal(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (sign, unsigned) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    let (whole, rest) = digits(unsigned)?;
    let (mut millionths, mut place) = (i64::try_from(whole).ok()?.checked_mul(MILLIONTHS)?, MILLIONTHS);
    let fraction = rest.strip_prefix(b".").unwrap_or(rest);
    for digit in fraction {
        if !digit.is_ascii_digit() {
            return exponential(text);
        }
        // The seventh digit decides which way is nearer.
        millionths = match place {
            0 => millionths,
            1 => millionths.checked_add(i64::from(*digit >= b'5'))?,
            _ => millionths.checked_add(i64::from(digit - b'0') * (place / 10))?,
        };
        place /= 10;
    }
    let has_digits = rest.len() < unsigned.len() || !fraction.is_empty();
    has_digits.then_some(sign * millionths)
}

/// Such as `1.5e3`.
fn exponential(text: &[u8]) -> Option<i64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let millionths = (number * MILLIONTHS as f64).round();
    #[expect(clippy::cast_possible_truncation, reason = "it is known to fit")]
    let fits = (millionths.abs() < 9e18).then_some(millionths as i64);
    fits
}

/// The digits that a text begins with, as a number, and what follows them.
#[inline]
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut rest) = (0_u64, text);
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        rest = behind;
    }
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_spreadsheets_write_them() {
        for (text, expected) in [
            ("12", Some(12_000_000)),
            (" 12.5 ", Some(12_500_000)),
            ("-0.000001", Some(-1)),
            ("0.0000015", Some(2)),
            (".5", Some(500_000)),
            ("7.", Some(7_000_000)),
            ("1.5e3", Some(1_500_000_000)),
            ("", None),
            (".", None),
            ("-", None),
            ("1,5", None),
            ("NaN", None),
            ("inf", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), expected, "{text:?}");
        }
        for (text, expected) in
            [("12", Some(12)), ("12.0", Some(12)), ("12.5", None), ("-1", None), ("", None), (".0", None)]
        {
            assert_eq!(whole(text.as_bytes()), expected, "{text:?}");
        }
    }
}
