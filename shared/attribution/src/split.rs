//! Largest-remainder apportionment of whole units (Hamilton's method).

use std::num::NonZeroU64;

use crate::reciprocal::Reciprocal;

/// Up to this many parts, comparing all pairs of remainders is cheaper than a search.
const FEW: usize = 32;

/// Splits `total` in proportion to `weights`; the parts add up to `total` exactly.
///
/// Each part is its exact share `total · weight / sum of weights` rounded
/// towards zero; the units lost to rounding go to the largest remainders, ties
/// to the earlier part. A part with weight 0 gets 0, unless all weights are 0:
/// then the split is equal, since the total must go somewhere. A negative total
/// mirrors the positive one. Without weights there are no parts.
///
/// ```
/// assert_eq!(attribution::split(10_000, &[1, 1, 1]), [3334, 3333, 3333]);
/// assert_eq!(attribution::split(-5, &[1, 0, 2]), [-2, 0, -3]);
/// ```
pub fn split(total: i64, weights: &[u64]) -> Vec<i64> {
    let mut parts = vec![0; weights.len()];
    split_into(total, weights, &mut parts);
    parts
}

/// [`split`] into a slice of the caller, without allocating.
///
/// # Panics
///
/// If `out` has another length than `weights`.
pub fn split_into(total: i64, weights: &[u64], out: &mut [i64]) {
    assert_eq!(weights.len(), out.len(), "one part per weight");
    let sum = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return split_equally(total, out);
    }
    match u64::try_from(sum).map(NonZeroU64::new) {
        Ok(Some(narrow)) if fits(total) && narrow.get() <= Reciprocal::MAX_DIVISOR => {
            let divisor = Reciprocal::new(narrow);
            if weights.len() <= FEW {
                let (mut quotas, mut remainders) = ([0; FEW], [0; FEW]);
                let scratch = (&mut quotas[..], &mut remainders[..]);
                split_few(total, weights, &divisor, scratch, out);
            } else {
                split_many(total, weights, &divisor, out);
            }
        }
        _ => split_wide(total, weights, sum, out),
    }
}

/// Equal parts in closed form: all remainders tie, so the first parts get the leftover units.
#[inline]
pub(crate) fn split_equally(total: i64, out: &mut [i64]) {
    if out.is_empty() {
        return;
    }
    let parts = out.len() as u64;
    let (part, leftover) = (total.unsigned_abs() / parts, total.unsigned_abs() % parts);
    for (index, credit) in (0..).zip(out) {
        *credit = signed(part + u64::from(index < leftover), total);
    }
}

/// Whether [`Reciprocal::quota`] is exact for a total.
#[inline]
pub(crate) fn fits(total: i64) -> bool {
    total.unsigned_abs() <= Reciprocal::MAX_AMOUNT
}

/// A part with the sign of the total. Parts never exceed the total, so `i64::MIN` works too.
#[inline]
pub(crate) fn signed(part: u64, total: i64) -> i64 {
    if total < 0 { part.cast_signed().wrapping_neg() } else { part.cast_signed() }
}

/// Compares all pairs of remainders, without a branch that depends on them.
///
/// The scratch takes the quotas and the remainders. Inlined always: where the
/// compiler knows the number of parts, it unrolls everything, which makes time
/// decay a sixth faster.
#[inline(always)]
pub(crate) fn split_few(
    total: i64,
    weights: &[u64],
    divisor: &Reciprocal,
    scratch: (&mut [u64], &mut [u64]),
    out: &mut [i64],
) {
    let amount = total.unsigned_abs();
    let quotas = &mut scratch.0[..weights.len()];
    let remainders = &mut scratch.1[..weights.len()];
    let mut leftover = amount;
    for ((weight, quota), remainder) in weights.iter().zip(&mut *quotas).zip(&mut *remainders) {
        (*quota, *remainder) = divisor.quota(amount, *weight);
        leftover -= *quota;
    }
    for (index, (quota, part)) in quotas.iter().zip(out).enumerate() {
        let own = remainders[index];
        let earlier = remainders[..index].iter().filter(|other| **other >= own);
        let later = remainders[index + 1..].iter().filter(|other| **other > own);
        let ahead = (earlier.count() + later.count()) as u64;
        *part = signed(quota + u64::from(ahead < leftover), total);
    }
}

/// Remainders fit `i64`, so they wait in `out` until it is known who gets a unit.
fn split_many(total: i64, weights: &[u64], divisor: &Reciprocal, out: &mut [i64]) {
    let amount = total.unsigned_abs();
    let mut leftover = amount;
    for (weight, remainder) in weights.iter().zip(&mut *out) {
        let (quota, rest) = divisor.quota(amount, *weight);
        leftover -= quota;
        *remainder = rest.cast_signed();
    }
    let mut cut = Cut::search(leftover, divisor.divisor().into(), |bound| {
        let above = |remainder: &&i64| u128::from(remainder.cast_unsigned()) > bound;
        out.iter().filter(above).count() as u64
    });
    for (weight, part) in weights.iter().zip(out) {
        let (quota, rest) = divisor.quota(amount, *weight);
        *part = signed(quota + u64::from(cut.takes(rest.into())), total);
    }
}

/// Weights or totals near the limits of their types: two words everywhere, remainders recomputed.
fn split_wide(total: i64, weights: &[u64], sum: u128, out: &mut [i64]) {
    let amount = total.unsigned_abs();
    let product = |weight: &u64| u128::from(amount) * u128::from(*weight);
    let mut leftover = amount;
    for weight in weights {
        leftover -= narrowed(product(weight) / sum);
    }
    let mut cut = Cut::search(leftover, sum, |bound| {
        let above = |weight: &&u64| product(weight) % sum > bound;
        weights.iter().filter(above).count() as u64
    });
    for (weight, part) in weights.iter().zip(out) {
        let extra = u64::from(cut.takes(product(weight) % sum));
        *part = signed(narrowed(product(weight) / sum) + extra, total);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a quota is at most the amount, which is one word")]
fn narrowed(quota: u128) -> u64 {
    quota as u64
}

/// Who gets a leftover unit: every remainder above the bound, and the first `ties` equal to it.
///
/// The remainders add up to `leftover` divisors and each is below one, so that
/// more than `leftover` of them are above 0 if any unit is left: a remainder of
/// 0, and with it a weight of 0, never gets a unit.
struct Cut {
    bound: u128,
    ties: u64,
}

impl Cut {
    /// Looks for the smallest bound that no more than `leftover` remainders are above.
    fn search(leftover: u64, divisor: u128, count_above: impl Fn(u128) -> u64) -> Self {
        let (mut low, mut high) = (0, divisor);
        while low < high {
            let middle = low + (high - low) / 2;
            if count_above(middle) <= leftover {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let ties = leftover - count_above(low);
        Self { bound: low, ties }
    }

    #[inline]
    fn takes(&mut self, remainder: u128) -> bool {
        if remainder == self.bound && self.ties > 0 {
            self.ties -= 1;
            return true;
        }
        remainder > self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_smallest_total_keeps_its_sign() {
        assert_eq!(split(i64::MIN, &[5]), [i64::MIN]);
        assert_eq!(split(i64::MIN, &[1, 1]), [i64::MIN / 2, i64::MIN / 2]);
    }
}
