//! `2^(−age / half-life)` in integers, so that every CPU gives the same bits.
//!
//! The exponent is a fixed-point number with 57 bits of fraction. Its whole part
//! is a shift. The upper 16 bits of the fraction choose from two tables, whose
//! entries are products of square roots of one half; the rest, below 2^-16, goes
//! through the exponential series up to the square. All errors together are
//! below 2^-10 of a weight's unit.

use std::num::NonZeroU64;

use crate::reciprocal::{Reciprocal, high_product};

/// Fraction bits of a weight; the youngest touch weighs 2^40.
const WEIGHT_BITS: u32 = 40;
/// Fraction bits of the exponent, which leaves room for 64 half-lives.
const FRACTION_BITS: u32 = 57;
/// Fraction bits of the tables and of what is computed from them.
const TABLE_BITS: u32 = 63;
/// Natural logarithm of 2, times 2^64 (OEIS A002162).
const LN_2: u64 = 0xB172_17F7_D1CF_79AB;

/// 1 in the tables' fixed point.
const UNIT: u64 = 1 << TABLE_BITS;
/// `2^(−i / 2^8)` at index i.
static COARSE: [u64; 256] = powers(0);
/// `2^(−i / 2^16)` at index i.
static FINE: [u64; 256] = powers(8);

/// A half-life made ready for many ages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decay {
    inverse: u64,
    oldest: u64,
    left: u32,
    right: u32,
}

impl Decay {
    pub(crate) fn new(half_life: NonZeroU64) -> Self {
        let reciprocal = Reciprocal::new(half_life);
        // Six bits stay free above the half-life, for up to 64 of them; a
        // half-life that leaves none has so many bits that six do not matter.
        Self {
            inverse: reciprocal.inverse(),
            oldest: half_life.get().saturating_mul(64) - 1,
            left: reciprocal.shift().saturating_sub(6),
            right: 6_u32.saturating_sub(reciprocal.shift()),
        }
    }

    /// `2^40 · 2^(−age / half-life)`, rounded to the nearest whole number.
    #[inline]
    pub(crate) fn weight(&self, age: u64) -> u64 {
        let age = (age.min(self.oldest) << self.left) >> self.right;
        let exponent = high_product(age, self.inverse);
        let unrounded = power(exponent) >> (exponent >> FRACTION_BITS);
        let half = 1 << (TABLE_BITS - WEIGHT_BITS - 1);
        (unrounded + half) >> (TABLE_BITS - WEIGHT_BITS)
    }
}

/// `2^(−fraction of the exponent)` in the tables' fixed point.
#[inline]
fn power(exponent: u64) -> u64 {
    let coarse = COARSE[byte(exponent, FRACTION_BITS - 8)];
    let fine = FINE[byte(exponent, FRACTION_BITS - 16)];
    // Only the bits below the tables' 16, as a fraction of 64 bits.
    let rest = (exponent << (64 - FRACTION_BITS + 16)) >> 16;
    let linear = high_product(rest, LN_2);
    let square = high_product(linear, linear) >> 1;
    let tabled = product(coarse, fine);
    tabled - high_product(tabled, linear - square)
}

#[inline]
fn byte(word: u64, position: u32) -> usize {
    usize::from((word >> position).to_le_bytes()[0])
}

/// Product of two numbers of at most 1 in the tables' fixed point.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the product of two numbers of at most 2^63, shifted by 63, is at most 2^63"
)]
const fn product(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> TABLE_BITS) as u64
}

/// `2^(−i / 2^(8 + skipped))` for each byte i, built from roots of one half.
const fn powers(skipped: usize) -> [u64; 256] {
    let mut table = [UNIT; 256];
    let mut root = UNIT / 2;
    let mut depth = 0;
    while depth < skipped + 8 {
        root = square_root(root);
        if depth >= skipped {
            let bit = 1 << (7 + skipped - depth);
            let mut index = 0;
            while index < 256 {
                if index & bit != 0 {
                    table[index] = product(table[index], root);
                }
                index += 1;
            }
        }
        depth += 1;
    }
    table
}

#[expect(clippy::cast_possible_truncation, reason = "the root of a number of at most 1 is at most 1")]
const fn square_root(number: u64) -> u64 {
    ((number as u128) << TABLE_BITS).isqrt() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const ONE: u64 = 1 << WEIGHT_BITS;

    fn decay(half_life: u64) -> Decay {
        Decay::new(NonZeroU64::new(half_life).unwrap())
    }

    #[test]
    fn whole_half_lives_give_powers_of_two() {
        for half_life in [1, 2, 3, 1000, DAY_MS, 7 * DAY_MS, 1 << 57, (1 << 58) + 1] {
            for halvings in 0..=40_u32 {
                let Some(age) = half_life.checked_mul(halvings.into()) else {
                    continue;
                };
                assert_eq!(decay(half_life).weight(age), ONE >> halvings);
            }
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "2^53 is far finer than a weight's unit")]
    fn weights_are_the_nearest_to_the_exponential() {
        for half_life in [1, 3, 1000, DAY_MS, 7 * DAY_MS, u64::MAX >> 5, u64::MAX >> 2, u64::MAX] {
            let decay = decay(half_life);
            let step = (half_life / 5_003).max(1);
            for age in (0..60_000).map_while(|i| step.checked_mul(i)) {
                let exact = ONE as f64 * (-(age as f64) / half_life as f64).exp2();
                let off = (decay.weight(age) as f64 - exact).abs();
                assert!(off < 0.502, "{age} of {half_life}: off by {off}");
            }
        }
    }

    #[test]
    fn an_older_touch_never_weighs_more() {
        let decay = decay(7 * DAY_MS);
        let ages = (0..300 * DAY_MS).step_by(777_777);
        let weights: Vec<u64> = ages.map(|age| decay.weight(age)).collect();
        assert!(weights.is_sorted_by(|older, newer| older >= newer));
    }

    #[test]
    fn a_touch_so_old_that_its_weight_rounds_to_nothing_weighs_nothing() {
        for age in [42 * DAY_MS, 63 * DAY_MS, 64 * DAY_MS, 1 << 50, u64::MAX] {
            assert_eq!(decay(DAY_MS).weight(age), 0);
        }
    }

    #[test]
    fn weights_have_the_same_bits_on_every_machine() {
        let decay = decay(7 * DAY_MS);
        let digest = (0..1_000_000_u64).fold(0xCBF2_9CE4_8422_2325_u64, |digest, i| {
            (digest ^ decay.weight(i * 20_011)).wrapping_mul(0x0100_0000_01B3)
        });
        assert_eq!(digest, 2_143_165_525_142_615_743);
    }
}
