//! What holds for all amounts, weights and journeys.

use std::cmp::Reverse;

use attribution::{Ends, JourneysBuf, Model, primary_touch, reduce, split};
use proptest::collection::vec;
use proptest::prelude::*;

const DAY_MS: u64 = 86_400_000;

fn amount() -> impl Strategy<Value = i64> {
    let large = 1_000_000_000_000_000_i64;
    prop_oneof![-100_i64..100, -1_000_000_i64..1_000_000, -large..large, any::<i64>(),]
}

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..4_u64, 3 => 0..=1_u64 << 40, 1 => any::<u64>()]
}

/// Small weights alone or all kinds mixed, few parts or many.
fn weights() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![vec(0..4_u64, 1..12), vec(0..=1_u64 << 40, 1..60), vec(weight(), 1..12), vec(weight(), 1..60),]
}

/// Ages in canonical order, often with equal ones.
fn ages() -> impl Strategy<Value = Vec<u64>> {
    let ages = prop_oneof![
        vec(0..4_u64, 0..14),
        vec(0..90 * DAY_MS, 0..14),
        vec(0..90 * DAY_MS, 0..60),
        vec(any::<u64>(), 0..14),
    ];
    ages.prop_map(|mut ages| {
        ages.sort_by_key(|age| Reverse(*age));
        ages
    })
}

fn ends() -> impl Strategy<Value = Ends> {
    vec(prop_oneof![0..4_u32, any::<u32>()], 0..=Ends::MOST)
        .prop_map(|shares| Ends::new(&shares).expect("few"))
}

fn model() -> impl Strategy<Value = Model> {
    let half_life = prop_oneof![1..4_u64, 1..30 * DAY_MS, 1..u64::MAX];
    let position = || prop_oneof![0..4_u32, any::<u32>()];
    let positions = (position(), position(), position());
    prop_oneof![
        Just(Model::FirstTouch),
        Just(Model::LastTouch),
        Just(Model::Linear),
        half_life.prop_map(|half_life_ms| Model::time_decay(half_life_ms).expect("not 0")),
        Just(Model::POSITION_40_20_40),
        positions.prop_map(|(first, middle, last)| Model::PositionBased { first, middle, last }),
        (ends(), position(), ends()).prop_map(|(first, middle, last)| Model::Custom { first, middle, last }),
    ]
}

fn credits(model: Model, amount_minor: i64, ages_ms: &[u64]) -> Vec<i64> {
    let mut journeys = JourneysBuf::new();
    journeys.push(amount_minor, ages_ms).expect("oldest first");
    let mut out = vec![0; ages_ms.len()];
    model.credit_into(journeys.as_journeys(), &mut out);
    out
}

fn exact_sum(parts: &[i64]) -> i128 {
    parts.iter().map(|part| i128::from(*part)).sum()
}

/// Hamilton's method as the textbook has it: sort by remainder, hand out from the top.
fn by_the_book(total: i64, weights: &[u64]) -> Vec<i128> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let product = |weight: u64| u128::from(total.unsigned_abs()) * u128::from(weight);
    let mut parts: Vec<u128> = weights.iter().map(|weight| product(*weight) / sum).collect();
    let leftover = u128::from(total.unsigned_abs()) - parts.iter().sum::<u128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| Reverse(product(weights[*index]) % sum));
    for index in order.into_iter().take(usize::try_from(leftover).expect("fewer than parts")) {
        parts[index] += 1;
    }
    let sign = i128::from(total.signum());
    parts.into_iter().map(|part| sign * part.cast_signed()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn own_shares_of_one_touch_at_each_end_are_those_by_position(
        amount in amount(), ages in ages(), positions in (0..9_u32, 0..9_u32, 0..9_u32)
    ) {
        let (first, middle, last) = positions;
        let end = |share| Ends::new(&[share]).expect("one");
        let custom = Model::Custom { first: end(first), middle, last: end(last) };
        prop_assert_eq!(
            credits(custom, amount, &ages),
            credits(Model::PositionBased { first, middle, last }, amount, &ages)
        );
    }

    #[test]
    fn refunds_leave_what_is_left_and_no_touch_earns_by_one_or_changes_sign(
        total in amount(), weights in weights(), refunds in vec(any::<u64>(), 0..6)
    ) {
        let mut credits = split(total, &weights);
        let mut left = total;
        for refund in refunds {
            // Small and large ones, and now and then all there is.
            let refund = if refund % 7 == 0 { u64::MAX } else { refund >> (refund % 64) };
            let rest = left.unsigned_abs().saturating_sub(refund);
            left = i64::try_from(rest).unwrap_or(i64::MAX) * total.signum();
            let before = credits.clone();
            reduce(&mut credits, &weights, left);
            prop_assert_eq!(exact_sum(&credits), i128::from(left));
            for (before, after) in before.iter().zip(&credits) {
                prop_assert!(after.unsigned_abs() <= before.unsigned_abs());
                prop_assert!(*after == 0 || after.signum() == before.signum());
            }
        }
        reduce(&mut credits, &weights, 0);
        prop_assert!(credits.iter().all(|credit| *credit == 0));
    }

    #[test]
    fn parts_add_up_exactly(total in amount(), weights in weights()) {
        prop_assert_eq!(exact_sum(&split(total, &weights)), i128::from(total));
    }

    #[test]
    fn a_part_is_less_than_one_unit_from_its_exact_share(total in amount(), weights in weights()) {
        let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        prop_assume!(sum > 0);
        for (part, weight) in split(total, &weights).into_iter().zip(weights) {
            let product = u128::from(total.unsigned_abs()) * u128::from(weight);
            let part = u128::from(part.unsigned_abs());
            prop_assert!(part == product / sum || part == product.div_ceil(sum));
        }
    }

    #[test]
    fn parts_are_those_of_hamiltons_method_by_the_book(total in amount(), weights in weights()) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let parts: Vec<i128> = split(total, &weights).into_iter().map(i128::from).collect();
        prop_assert_eq!(parts, by_the_book(total, &weights));
    }

    #[test]
    fn a_negative_total_mirrors_the_positive_one(total in 0..=i64::MAX, weights in weights()) {
        let mirrored: Vec<i64> = split(-total, &weights).into_iter().map(|part| -part).collect();
        prop_assert_eq!(split(total, &weights), mirrored);
    }

    #[test]
    fn a_part_without_weight_gets_nothing(total in amount(), weights in weights()) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        for (part, weight) in split(total, &weights).into_iter().zip(weights) {
            prop_assert!(weight > 0 || part == 0);
        }
    }

    #[test]
    fn a_greater_weight_never_gets_a_smaller_part(total in 0..=i64::MAX, weights in weights()) {
        let parts = split(total, &weights);
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|index| Reverse(weights[*index]));
        prop_assert!(order.is_sorted_by_key(|index| Reverse(parts[*index])));
    }

    #[test]
    fn the_credits_of_a_journey_are_its_amount_split_by_its_weights(
        model in model(), amount_minor in amount(), ages in ages(),
    ) {
        let mut weights = vec![99];
        model.weights_into(&ages, &mut weights);
        prop_assert_eq!(credits(model, amount_minor, &ages), split(amount_minor, &weights));
    }

    #[test]
    fn a_journey_has_the_same_credits_alone_and_among_others(
        model in model(), journeys in vec((amount(), ages()), 0..12),
    ) {
        let mut together = JourneysBuf::new();
        let mut alone = Vec::new();
        for (amount_minor, ages_ms) in &journeys {
            together.push(*amount_minor, ages_ms).unwrap();
            alone.extend(credits(model, *amount_minor, ages_ms));
        }
        let mut out = vec![i64::MIN; alone.len()];
        model.credit_into(together.as_journeys(), &mut out);
        prop_assert_eq!(out, alone);
    }

    #[test]
    fn credits_do_not_depend_on_the_order_in_which_touches_arrived(
        model in model(), amount_minor in amount(), ages in ages(), seed in any::<u64>(),
    ) {
        let canonical = |mut touches: Vec<(u64, usize)>| {
            touches.sort_by_key(|(age, id)| (Reverse(*age), *id));
            let ages: Vec<u64> = touches.iter().map(|(age, _)| *age).collect();
            let mut credited: Vec<(usize, i64)> = touches
                .iter()
                .map(|(_, id)| *id)
                .zip(credits(model, amount_minor, &ages))
                .collect();
            credited.sort_unstable();
            credited
        };
        let arrived: Vec<(u64, usize)> = ages.into_iter().zip(0..).collect();
        let mut shuffled = arrived.clone();
        shuffled.sort_by_key(|(_, id)| (*id as u64).wrapping_add(seed).wrapping_mul(seed | 1));
        prop_assert_eq!(canonical(arrived), canonical(shuffled));
    }

    #[test]
    fn time_decay_knows_only_how_much_older_touches_are_than_the_youngest(
        half_life_ms in 1..30 * DAY_MS, amount_minor in amount(), ages in ages(), later in any::<u64>(),
    ) {
        let model = Model::time_decay(half_life_ms).unwrap();
        let shift = later % (u64::MAX - ages.first().copied().unwrap_or_default()).max(1);
        let shifted: Vec<u64> = ages.iter().map(|age| age + shift).collect();
        prop_assert_eq!(credits(model, amount_minor, &ages), credits(model, amount_minor, &shifted));
    }

    #[test]
    fn time_decay_never_credits_an_older_touch_more_than_a_unit_above_a_younger_one(
        half_life_ms in 1..400 * DAY_MS, amount_minor in 0..=i64::MAX, ages in ages(),
    ) {
        let credits = credits(Model::time_decay(half_life_ms).unwrap(), amount_minor, &ages);
        // Touches of the same age tie, and a tie gives the leftover unit to the earlier one.
        for pair in credits.windows(2) {
            prop_assert!(pair[0] <= pair[1].saturating_add(1));
        }
    }

    #[test]
    fn the_primary_touch_is_the_last_of_the_largest_credits(
        model in model(), amount_minor in amount(), ages in ages(),
    ) {
        let credits = credits(model, amount_minor, &ages);
        let Some(primary) = primary_touch(&credits) else {
            prop_assert!(credits.is_empty());
            return Ok(());
        };
        let size = |index: usize| credits[index].unsigned_abs();
        prop_assert!((0..primary).all(|earlier| size(earlier) <= size(primary)));
        prop_assert!((primary + 1..credits.len()).all(|later| size(later) < size(primary)));
    }
}
