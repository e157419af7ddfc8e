//! Weights from signals: worked examples, and what holds for all of them.

use attribution::{AiWeighted, Model, Signals, split};
use proptest::collection::vec;
use proptest::prelude::*;

const DAY_MS: u64 = 86_400_000;
const ONE: u64 = 1 << 40;

const PLAIN: Signals = Signals {
    age_ms: 0,
    probability_ppb: None,
    intent_permille: 1000,
    sentiment_permille: 1000,
    duration_seconds: None,
};

fn likely(hundredths: u64) -> Signals {
    Signals { probability_ppb: Some(hundredths * 10_000_000), ..PLAIN }
}

fn weights(touches: &[Signals]) -> Vec<u64> {
    AiWeighted::new(DAY_MS).expect("not 0").weights(touches).expect("enough is known")
}

/// Of 100.00.
fn shares(touches: &[Signals]) -> Vec<i64> {
    split(10_000, &weights(touches))
}

#[test]
fn likelier_touches_share_as_the_guide_shows() {
    // 15, 25 and 60 within a point.
    assert_eq!(shares(&[likely(30), likely(45), likely(76)]), [1498, 2510, 5992]);
}

#[test]
fn hazards_add_up_as_chances_multiply() {
    // 1 − 0.75 = (1 − 0.5)²: one touch at 75 % counts as much as two at 50 %.
    let [three_quarters, half] = weights(&[likely(75), likely(50)])[..] else { panic!() };
    assert_eq!((three_quarters, half), (ONE, ONE / 2));
}

#[test]
fn certain_and_hopeless_touches_are_taken_for_nearly_so() {
    let shares = shares(&[likely(100), likely(0), likely(99)]);
    assert_eq!(shares[0], shares[2]);
    assert!(weights(&[likely(100), likely(0)])[1] > 0);
}

#[test]
fn a_missing_probability_is_the_mean_of_the_others() {
    assert_eq!(weights(&[likely(20), likely(40), PLAIN]), weights(&[likely(20), likely(40), likely(30)]));
}

#[test]
fn with_fewer_than_half_of_the_probabilities_there_are_no_weights() {
    let model = AiWeighted::new(DAY_MS).unwrap();
    assert_eq!(model.weights(&[PLAIN, likely(50), PLAIN]), None);
    assert_eq!(model.weights(&[PLAIN]), None);
    assert!(model.weights(&[PLAIN, likely(50)]).is_some());
    assert_eq!(model.weights(&[]), Some(Vec::new()));
}

#[test]
fn intent_mood_and_age_multiply() {
    let keen = Signals { intent_permille: 1500, sentiment_permille: 1200, ..likely(50) };
    assert_eq!(split(2_800, &weights(&[keen, likely(50)])), [1_800, 1_000]);
    let old = Signals { age_ms: 3 * DAY_MS, ..likely(50) };
    assert_eq!(weights(&[old, likely(50)]), [ONE / 8, ONE]);
}

#[test]
fn a_longer_talk_counts_more_but_at_most_twice() {
    let talk = |seconds| Signals { duration_seconds: Some(seconds), ..likely(50) };
    // ln 4 is twice ln 2; of three talks the second is the usual one.
    assert_eq!(weights(&[talk(60), talk(60), talk(180)]), [ONE / 2, ONE / 2, ONE]);
    assert_eq!(weights(&[talk(60), talk(60), talk(604_800)]), [ONE / 2, ONE / 2, ONE]);
    assert_eq!(weights(&[talk(0), talk(60), talk(60)]), [ONE / 2, ONE, ONE]);
    // Nothing to compare with, and nothing known of one.
    assert_eq!(weights(&[talk(0), talk(0)]), [ONE, ONE]);
    assert_eq!(weights(&[likely(50), talk(60), talk(60)]), [ONE, ONE, ONE]);
}

#[test]
fn touches_that_count_for_nothing_count_the_same() {
    let idle = Signals { intent_permille: 0, ..likely(50) };
    assert_eq!(weights(&[idle, idle]), [1, 1]);
    assert_eq!(weights(&[idle, likely(50)]), [0, ONE]);
}

#[test]
fn a_half_life_of_nothing_is_refused() {
    assert!(AiWeighted::new(0).is_err());
}

fn signals() -> impl Strategy<Value = Signals> {
    let probability = prop_oneof![Just(None), (0..=1_000_000_000_u64).prop_map(Some)];
    let duration = prop_oneof![Just(None), (0..700_000_u64).prop_map(Some), any::<u64>().prop_map(Some)];
    let age = prop_oneof![0..30 * DAY_MS, any::<u64>()];
    (age, probability, any::<u16>(), any::<u16>(), duration).prop_map(
        |(age_ms, probability_ppb, intent_permille, sentiment_permille, duration_seconds)| Signals {
            age_ms,
            probability_ppb,
            intent_permille,
            sentiment_permille,
            duration_seconds,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if option_env!("CRAE_FULL").is_some() { 100_000 } else { 5_000 },
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_121),
        ..ProptestConfig::default()
    })]

    #[test]
    fn weights_depend_on_no_order_and_their_parts_add_up(
        touches in vec(signals(), 1..20), half_life in 1..u64::MAX, amount in any::<i64>(), turn in 0..20_usize,
    ) {
        let model = AiWeighted::new(half_life).unwrap();
        let Some(weights) = model.weights(&touches) else {
            prop_assert!(touches.iter().filter(|touch| touch.probability_ppb.is_some()).count() * 2 < touches.len());
            return Ok(());
        };
        prop_assert_eq!(weights.len(), touches.len());
        let heaviest = weights.iter().copied().max().unwrap();
        prop_assert!(heaviest == ONE || weights.iter().all(|weight| *weight == 1));
        prop_assert_eq!(split(amount, &weights).iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(amount));
        let (turn, mut turned) = (turn % touches.len(), touches.clone());
        turned.rotate_left(turn);
        let mut expected = weights;
        expected.rotate_left(turn);
        prop_assert_eq!(model.weights(&turned).unwrap(), expected);
    }

    #[test]
    fn a_likelier_touch_never_weighs_less(touches in vec(signals(), 2..8), more in 0..=1_000_000_000_u64) {
        let model = AiWeighted::new(7 * DAY_MS).unwrap();
        // All known, so that the mean of the others stays out of it.
        let mut touches: Vec<_> = touches
            .into_iter()
            .map(|touch| Signals { probability_ppb: touch.probability_ppb.or(Some(500_000_000)), ..touch })
            .collect();
        let before = split(1_000_000, &model.weights(&touches).unwrap())[0];
        let raised = touches[0].probability_ppb.unwrap().max(more);
        touches[0].probability_ppb = Some(raised);
        prop_assert!(split(1_000_000, &model.weights(&touches).unwrap())[0] >= before - 1);
    }

    #[test]
    fn equal_signals_weigh_as_time_decay_does(ages in vec(0..30 * DAY_MS, 1..12)) {
        let mut ages = ages;
        ages.sort_unstable_by(|a, b| b.cmp(a));
        let touches: Vec<_> = ages.iter().map(|age_ms| Signals { age_ms: *age_ms, ..likely(50) }).collect();
        let mut decayed = Vec::new();
        Model::time_decay(DAY_MS).unwrap().weights_into(&ages, &mut decayed);
        prop_assert_eq!(weights(&touches), decayed);
    }
}
