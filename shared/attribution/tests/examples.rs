//! Amounts worked out by hand, edges of the models, and the limits of the types.

use attribution::{Ends, JourneysBuf, Model, ParameterError, split};

const HOUR_MS: u64 = 3_600_000;

fn models() -> [Model; 7] {
    [
        Model::FirstTouch,
        Model::LastTouch,
        Model::Linear,
        Model::time_decay(24 * HOUR_MS).expect("not 0"),
        Model::POSITION_40_20_40,
        Model::position_based(u32::MAX, u32::MAX, u32::MAX).expect("not 0"),
        Model::Custom { first: ends(&[u32::MAX; 4]), middle: u32::MAX, last: ends(&[u32::MAX; 4]) },
    ]
}

fn ends(shares: &[u32]) -> Ends {
    Ends::new(shares).expect("no more than four")
}

fn credits(model: Model, amount_minor: i64, ages_ms: &[u64]) -> Vec<i64> {
    let mut journeys = JourneysBuf::new();
    journeys.push(amount_minor, ages_ms).expect("oldest first");
    let mut out = vec![0; ages_ms.len()];
    model.credit_into(journeys.as_journeys(), &mut out);
    out
}

fn weights(model: Model, ages_ms: &[u64]) -> Vec<u64> {
    let mut out = Vec::new();
    model.weights_into(ages_ms, &mut out);
    out
}

#[test]
fn three_equal_parts_of_a_hundred_lose_no_cent() {
    assert_eq!(credits(Model::Linear, 10_000, &[2, 1, 0]), [3_334, 3_333, 3_333]);
    assert_eq!(credits(Model::Linear, -10_000, &[2, 1, 0]), [-3_334, -3_333, -3_333]);
}

#[test]
fn own_shares_stand_at_both_ends_and_those_in_the_middle_give_way() {
    let model = Model::Custom { first: ends(&[30, 10]), middle: 20, last: ends(&[15, 25]) };
    let of = |touches: usize| weights(model, &vec![0; touches]);
    assert_eq!(of(7), [90, 30, 20, 20, 20, 45, 75]);
    assert_eq!(of(4), [30, 10, 15, 25]);
    assert_eq!(of(3), [30, 10, 25]);
    assert_eq!(of(2), [30, 25]);
    assert_eq!(of(1), [30]);
    assert_eq!(of(0), [0; 0]);
    assert_eq!(credits(model, 1_000, &[0; 5]), [300, 100, 200, 150, 250]);
    let of_first = Model::Custom { first: ends(&[1, 1, 1]), middle: 0, last: ends(&[]) };
    assert_eq!(weights(of_first, &[0; 5]), [2, 2, 2, 0, 0]);
    let nothing = Model::Custom { first: ends(&[0]), middle: 1, last: ends(&[0]) };
    assert_eq!(weights(nothing, &[0; 2]), [1, 1]);
    assert_eq!(Ends::new(&[1; 5]), None);
}

#[test]
fn first_and_last_touch_take_all() {
    assert_eq!(credits(Model::FirstTouch, 500, &[2, 1, 0]), [500, 0, 0]);
    assert_eq!(credits(Model::LastTouch, 500, &[2, 1, 0]), [0, 0, 500]);
}

#[test]
fn a_half_life_of_a_day_weighs_three_days_one_day_and_now_as_one_to_four_to_eight() {
    let model = Model::time_decay(24 * HOUR_MS).unwrap();
    let ages_ms = [72 * HOUR_MS, 24 * HOUR_MS, 0];
    assert_eq!(weights(model, &ages_ms), [1 << 37, 1 << 39, 1 << 40]);
    assert_eq!(credits(model, 150_000, &ages_ms), [11_538, 46_154, 92_308]);
    assert_eq!(credits(model, 13, &ages_ms), [1, 4, 8]);
}

#[test]
fn a_touch_too_old_to_weigh_anything_gets_nothing() {
    let model = Model::time_decay(HOUR_MS).unwrap();
    assert_eq!(weights(model, &[42 * HOUR_MS, 0]), [0, 1 << 40]);
    assert_eq!(credits(model, i64::MAX, &[42 * HOUR_MS, 0]), [0, i64::MAX]);
}

#[test]
fn forty_twenty_forty_shares_by_position() {
    let model = Model::POSITION_40_20_40;
    assert_eq!(credits(model, 150_000, &[2, 1, 0]), [60_000, 30_000, 60_000]);
    assert_eq!(credits(model, 150_000, &[1, 0]), [75_000, 75_000]);
    assert_eq!(credits(model, 150_000, &[0]), [150_000]);
    assert_eq!(credits(model, 101, &[4, 3, 2, 1, 0]), [40, 7, 7, 7, 40]);
}

#[test]
fn two_touches_share_as_first_to_last() {
    let j_shaped = Model::position_based(20, 20, 60).unwrap();
    assert_eq!(credits(j_shaped, 1000, &[1, 0]), [250, 750]);
    let middle_only = Model::position_based(0, 1, 0).unwrap();
    assert_eq!(credits(middle_only, 1001, &[1, 0]), [501, 500]);
    assert_eq!(credits(middle_only, 1001, &[3, 2, 1, 0]), [0, 501, 500, 0]);
    assert_eq!(credits(middle_only, 1001, &[0]), [1001]);
}

#[test]
fn positions_without_any_weight_are_linear() {
    let nothing = Model::PositionBased { first: 0, middle: 0, last: 0 };
    for ages_ms in [&[0][..], &[1, 0], &[2, 1, 0], &[4, 3, 2, 1, 0]] {
        assert_eq!(credits(nothing, 1001, ages_ms), credits(Model::Linear, 1001, ages_ms));
        assert_eq!(weights(nothing, ages_ms), weights(Model::Linear, ages_ms));
    }
}

#[test]
fn a_journey_without_touches_is_skipped_wherever_it_stands() {
    let mut journeys = JourneysBuf::new();
    for (amount_minor, ages_ms) in [(7, &[][..]), (10, &[1, 0]), (8, &[]), (5, &[0]), (9, &[])] {
        journeys.push(amount_minor, ages_ms).unwrap();
    }
    for model in models() {
        let mut out = [i64::MIN; 3];
        model.credit_into(journeys.as_journeys(), &mut out);
        assert_eq!(out[0] + out[1], 10, "{model:?}");
        assert_eq!(out[2], 5, "{model:?}");
    }
}

#[test]
fn ten_thousand_touches_share_any_amount_without_overflow() {
    let ages_ms: Vec<u64> = (0..10_000).rev().map(|hours| hours * HOUR_MS).collect();
    let unit = 1_000_000_000_000_000;
    for model in models() {
        for amount_minor in [0, 1, -1, 9_999, unit, -unit, i64::MAX, i64::MIN] {
            let credits = credits(model, amount_minor, &ages_ms);
            assert_eq!(credits.iter().sum::<i64>(), amount_minor, "{model:?}");
        }
        assert_eq!(credits(model, unit, &ages_ms), split(unit, &weights(model, &ages_ms)));
    }
}

#[test]
fn amounts_at_the_limits_are_split_by_the_same_rule() {
    let ages_ms = [9 * HOUR_MS, 7 * HOUR_MS, 7 * HOUR_MS, 0];
    for model in models() {
        for touches in 1..=ages_ms.len() {
            let ages_ms = &ages_ms[..touches];
            for amount_minor in [i64::MAX, i64::MIN, i64::MAX / 2, i64::MAX / 2 + 1] {
                let expected = split(amount_minor, &weights(model, ages_ms));
                assert_eq!(credits(model, amount_minor, ages_ms), expected, "{model:?}");
            }
        }
    }
}

#[test]
fn weights_of_nothing_but_zeros_split_equally() {
    assert_eq!(split(8, &[0, 0, 0]), [3, 3, 2]);
    assert_eq!(split(8, &[]), [0; 0]);
}

#[test]
fn impossible_parameters_are_refused_with_a_sentence() {
    assert_eq!(Model::time_decay(0), Err(ParameterError::NoHalfLife));
    assert_eq!(Model::position_based(0, 0, 0), Err(ParameterError::NoPosition));
    assert_eq!(ParameterError::NoHalfLife.to_string(), "the half-life must be longer than 0 milliseconds");
    assert_eq!(
        ParameterError::NoPosition.to_string(),
        "at least one of the position weights must be above 0"
    );
}
