//! Binary logarithms in integers, so that every CPU gives the same bits.

/// Fraction bits of a logarithm.
const FRACTION_BITS: u32 = 40;

/// The logarithm of `number` to the base 2, times 2^40, rounded down; 0 for 0.
///
/// Squaring a number in [1, 2) doubles its logarithm: whenever the square leaves
/// the range, the next bit of the fraction is 1.
pub(crate) fn log2(number: u64) -> u64 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    let mut mantissa = number << (63 - whole);
    let mut fraction = 0_u64;
    for _ in 0..FRACTION_BITS {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let reached = u32::from(square >> 127 == 1);
        fraction = fraction << 1 | u64::from(reached);
        mantissa = u64::try_from(square >> (63 + reached)).unwrap_or(u64::MAX);
    }
    u64::from(whole) << FRACTION_BITS | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_have_whole_logarithms() {
        for power in 0..64_u32 {
            assert_eq!(log2(1 << power), u64::from(power) << FRACTION_BITS);
        }
        assert_eq!(log2(0), 0);
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "2^53 is far finer than what is compared")]
    fn logarithms_are_right_to_their_last_bits() {
        for number in (1..60_000_u64).chain((1..60_000).map(|n| n * 0x1234_5678_9abc)) {
            let exact = (number as f64).log2() * (1_u64 << FRACTION_BITS) as f64;
            let off = log2(number) as f64 - exact;
            assert!(off.abs() < 1.1, "{number}: off by {off}");
        }
    }
}
