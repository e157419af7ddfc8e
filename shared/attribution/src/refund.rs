//! Taking back: what is left of a conversion's credits when its amount becomes less.

use crate::split::split;

/// Reduces `credits` to what is left of them when `left` of their sum is.
///
/// The new credits are those of [`split`] of `left` by the weights of the
/// conversion, but none grows and none changes its sign: Hamilton's method
/// alone would now and then give a touch one unit more of the smaller amount
/// (the Alabama paradox). Such units go to the others, in proportion to what
/// they gave up. So the new credits add up to `left` exactly, and nothing is
/// left of any of them when nothing is left of the sum, however many parts were
/// taken back before.
///
/// All credits have the sign of their sum, or are 0. A `left` that is not
/// between 0 and their sum counts as the nearer of the two.
///
/// ```
/// let weights = [1, 1, 1];
/// let mut credits = attribution::split(1_000, &weights);
/// attribution::reduce(&mut credits, &weights, 500);
/// assert_eq!(credits, [167, 167, 166]);
/// attribution::reduce(&mut credits, &weights, 0);
/// assert_eq!(credits, [0, 0, 0]);
/// ```
///
/// # Panics
///
/// If there are not as many credits as weights.
pub fn reduce(credits: &mut [i64], weights: &[u64], left: i64) {
    assert_eq!(weights.len(), credits.len(), "one credit per weight");
    let sum: i128 = credits.iter().map(|credit| i128::from(*credit)).sum();
    let left = i128::from(left).clamp(sum.min(0), sum.max(0));
    let (negative, left) = (sum < 0, i64::try_from(left).unwrap_or_default());
    let mut reduced = split(left, weights);
    let (mut surplus, mut room) = (0, Vec::with_capacity(credits.len()));
    for (new, old) in reduced.iter_mut().zip(credits.iter()) {
        let over = new.unsigned_abs().saturating_sub(old.unsigned_abs());
        surplus += over;
        if over > 0 {
            *new = *old;
        }
        room.push(old.unsigned_abs() - new.unsigned_abs());
    }
    // No part of this is more than its room: the surplus is no more than all room together.
    let surplus = i64::try_from(surplus).unwrap_or_default();
    let added = split(if negative { -surplus } else { surplus }, &room);
    for ((credit, new), added) in credits.iter_mut().zip(reduced).zip(added) {
        *credit = new + added;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_gets_no_unit_more_of_a_smaller_amount() {
        // The third touch would have 1 of 11 units and 2 of 10.
        let weights = [6, 6, 2];
        assert_eq!(split(10, &weights), [4, 4, 2]);
        assert_eq!(split(11, &weights), [5, 5, 1]);
        let mut credits = split(11, &weights);
        reduce(&mut credits, &weights, 10);
        assert_eq!(credits, [5, 4, 1]);
        reduce(&mut credits, &weights, 0);
        assert_eq!(credits, [0, 0, 0]);
    }

    #[test]
    fn what_is_out_of_range_counts_as_the_nearest() {
        let mut credits = split(-100, &[1, 3]);
        reduce(&mut credits, &[1, 3], -500);
        assert_eq!(credits, [-25, -75]);
        reduce(&mut credits, &[1, 3], 500);
        assert_eq!(credits, [0, 0]);
        reduce(&mut [], &[], 5);
    }
}
