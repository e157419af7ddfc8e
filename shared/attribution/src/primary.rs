//! Which touch stands for a conversion where a report has room for one.

/// Index of the largest credit, ties to the later touch; `None` without touches.
///
/// Credits of a refund are negative: the largest by absolute value counts, so
/// that a refund has the primary touch of what it takes back.
pub fn primary_touch(credits: &[i64]) -> Option<usize> {
    let by_size = |(_, credit): &(usize, &i64)| credit.unsigned_abs();
    let largest = credits.iter().enumerate().max_by_key(by_size);
    largest.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_credit_is_primary_and_a_tie_goes_to_the_later_touch() {
        assert_eq!(primary_touch(&[]), None);
        assert_eq!(primary_touch(&[0, 0]), Some(1));
        assert_eq!(primary_touch(&[4, 2, 4]), Some(2));
        assert_eq!(primary_touch(&[5, 2, 4]), Some(0));
    }

    #[test]
    fn a_refund_has_the_primary_touch_of_what_it_takes_back() {
        assert_eq!(primary_touch(&[-5, -2, -4]), Some(0));
        assert_eq!(primary_touch(&[-1, i64::MIN]), Some(1));
    }
}
