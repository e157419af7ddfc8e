//! Exact division by the same number many times, without a division instruction each time
//! (after Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).

use std::num::NonZeroU64;

/// A divisor with its reciprocal in fixed point.
///
/// `inverse` is `floor((2^127 − 1) / (divisor · 2^shift))`, where the shift
/// brings the divisor's highest bit to the top of the word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reciprocal {
    divisor: u64,
    shift: u32,
    inverse: u64,
}

impl Reciprocal {
    /// Greatest divisor that [`Self::quota`] is exact for.
    pub(crate) const MAX_DIVISOR: u64 = u64::MAX >> 1;
    /// Greatest amount that [`Self::quota`] is exact for.
    pub(crate) const MAX_AMOUNT: u64 = u64::MAX >> 2;

    #[inline]
    pub(crate) fn new(divisor: NonZeroU64) -> Self {
        let divisor = divisor.get();
        let shift = divisor.leading_zeros();
        Self { divisor, shift, inverse: inverse(divisor << shift) }
    }

    #[inline]
    pub(crate) fn divisor(&self) -> u64 {
        self.divisor
    }

    #[inline]
    pub(crate) fn shift(&self) -> u32 {
        self.shift
    }

    #[inline]
    pub(crate) fn inverse(&self) -> u64 {
        self.inverse
    }

    /// Quotient and remainder of `amount · part / divisor`, for a part of at most the divisor.
    ///
    /// The share `part / divisor` is known to 63 bits and never rounded up, so
    /// that within the limits above the first estimate is the quotient or one
    /// below it; the remainder tells which. It is less than two divisors, so
    /// that its low word says it all even where the product needs two words.
    #[inline]
    pub(crate) fn quota(&self, amount: u64, part: u64) -> (u64, u64) {
        debug_assert!(part <= self.divisor && self.divisor <= Self::MAX_DIVISOR);
        debug_assert!(amount <= Self::MAX_AMOUNT);
        let share = high_product(part << self.shift, self.inverse);
        let estimate = high_product(amount << 1, share);
        let remainder = amount.wrapping_mul(part).wrapping_sub(estimate.wrapping_mul(self.divisor));
        if remainder < self.divisor {
            (estimate, remainder)
        } else {
            (estimate + 1, remainder - self.divisor)
        }
    }
}

/// Upper word of the product of two words.
#[inline]
pub(crate) fn high_product(a: u64, b: u64) -> u64 {
    a.carrying_mul(b, 0).1
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "less than 2^127 divided by at least 2^63 is less than 2^64"
)]
fn inverse(normalised: u64) -> u64 {
    ((u128::MAX >> 1) / u128::from(normalised)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_equal_wide_division_at_the_edges_of_every_limit() {
        let divisors = [1, 2, 3, 7, 1 << 40, (1 << 40) + 1, Reciprocal::MAX_DIVISOR];
        let amounts = [0, 1, 99, 150_000, 1 << 53, Reciprocal::MAX_AMOUNT];
        for divisor in divisors {
            let reciprocal = Reciprocal::new(NonZeroU64::new(divisor).unwrap());
            for part in [0, 1, divisor / 3, divisor / 2, divisor - 1, divisor] {
                for amount in amounts {
                    let product = u128::from(amount) * u128::from(part);
                    let (quotient, remainder) = reciprocal.quota(amount, part);
                    assert_eq!(u128::from(quotient), product / u128::from(divisor));
                    assert_eq!(u128::from(remainder), product % u128::from(divisor));
                }
            }
        }
    }
}
