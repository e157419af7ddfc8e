//! What exact linear algebra says of the synthetic journeys, and what the definitions say of made-up ones.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;

use attribution::markov::{Effects, Order, Place, Step, Transitions, best, fits};
use attribution::shapley::{Coalitions, Rates};
use attribution::{ChannelWeights, Outcome, PathsBuf, split};
use proptest::prelude::*;

#[expect(dead_code, reason = "the models that weigh by age are tested elsewhere")]
#[path = "../benches/synthetic/mod.rs"]
mod synthetic;

const MARKOV_1: &str = include_str!("fixtures/expected_markov1.csv");
const MARKOV_2: &str = include_str!("fixtures/expected_markov2.csv");
const SHAPLEY: &str = include_str!("fixtures/expected_shapley_simplified.csv");
const SHAPLEY_BY_PLACE: &str = include_str!("fixtures/expected_shapley_ordered.csv");

type Journey = (Vec<u16>, Outcome);

/// The synthetic journeys, and the names of their channels in the order of their numbers, as the expected values are.
fn journeys() -> (Vec<Journey>, Vec<&'static str>) {
    let mut names = synthetic::CHANNELS.to_vec();
    names.sort_unstable();
    let sorted = |channel: &u16| {
        let name = synthetic::CHANNELS[usize::from(*channel)];
        u16::try_from(names.binary_search(&name).unwrap()).unwrap()
    };
    let journey = |number| {
        let journey = synthetic::journey(number);
        let outcome = if journey.converted { Outcome::converted(journey.value_cents) } else { Outcome::NULL };
        (journey.channels.iter().map(sorted).collect(), outcome)
    };
    ((0..10_000).map(journey).collect(), names)
}

fn paths(journeys: &[Journey]) -> PathsBuf {
    let mut paths = PathsBuf::new();
    journeys.iter().for_each(|(passed, outcome)| paths.push(passed, *outcome).unwrap());
    paths
}

fn order(order: u8) -> Order {
    Order::new(order).unwrap()
}

fn effects(of: u8) -> (Effects, Vec<&'static str>) {
    let (journeys, names) = journeys();
    let transitions = Transitions::count(order(of), paths(&journeys).as_paths());
    (transitions.effects().unwrap(), names)
}

fn near(found: f64, expected: &str) -> bool {
    let expected: f64 = expected.parse().unwrap();
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

#[test]
fn removal_effects_and_totals_are_those_of_exact_linear_algebra() {
    for (order, expected) in [(1, MARKOV_1), (2, MARKOV_2)] {
        let (effects, names) = effects(order);
        let (conversions, values) = (effects.conversions(), effects.values());
        assert_eq!(expected.lines().count(), names.len() + 1);
        for (channel, line) in expected.lines().skip(1).enumerate() {
            let cells: Vec<_> = line.split(',').collect();
            assert_eq!(cells[0], names[channel]);
            let effect = effects.of[channel];
            let found = [effect.conversions, effect.value, conversions[channel], values[channel] / 100.0];
            for (found, expected) in found.into_iter().zip(&cells[1..]) {
                assert!(near(found, expected), "order {order}, {}: {found} is not {expected}", cells[0]);
            }
        }
    }
}

#[test]
fn the_chain_of_every_order_converts_as_often_as_the_journeys_did() {
    for order in 1..=4 {
        let (effects, _) = effects(order);
        assert!(effects.residual() < 1e-12, "order {order}: {}", effects.residual());
        assert!(effects.of.iter().all(|effect| (0.0..=1.0).contains(&effect.conversions)));
    }
}

#[test]
fn shapley_values_are_those_computed_outside() {
    let (journeys, names) = journeys();
    let counted = Coalitions::count(paths(&journeys).as_paths());
    let parts = counted.parts();
    assert_eq!(SHAPLEY.lines().count(), names.len() + 1);
    for (channel, line) in SHAPLEY.lines().skip(1).enumerate() {
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells[0], names[channel]);
        assert!(near(parts[channel].conversions, cells[1]) && near(parts[channel].value / 100.0, cells[2]));
    }
    let by_place = counted.parts_by_place();
    assert_eq!(SHAPLEY_BY_PLACE.lines().count(), by_place.len() + 1);
    for line in SHAPLEY_BY_PLACE.lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        let channel = u16::try_from(names.iter().position(|name| *name == cells[0]).unwrap()).unwrap();
        let part = by_place[&(channel, cells[1].parse::<usize>().unwrap() - 1)];
        assert!(near(part.conversions, cells[2]) && near(part.value / 100.0, cells[3]), "{line}");
    }
}

#[test]
fn the_order_is_chosen_that_foretells_best() {
    let (journeys, _) = journeys();
    let memoryless = fits(paths(&journeys).as_paths(), order(4));
    // What these journeys do next depends on their last channel alone: a quarter of them repeat it.
    assert_eq!(best(&memoryless), Some(Order::FIRST));
    // Whoever came from 1 to 0 converts, whoever came from 2 does not.
    let outcome = |from: u16| if from == 1 { Outcome::converted(100) } else { Outcome::NULL };
    let remembered: Vec<Journey> = (0..400).map(|n| (vec![1 + n % 2, 0], outcome(1 + n % 2))).collect();
    assert_eq!(best(&fits(paths(&remembered).as_paths(), order(4))), Some(order(2)));
    assert_eq!(best(&fits(PathsBuf::new().as_paths(), order(3))), Some(Order::FIRST));
}

#[test]
fn however_journeys_are_cut_and_ordered_the_bits_are_the_same() {
    let (journeys, _) = journeys();
    let whole = paths(&journeys);
    let whole = whole.as_paths();
    let mut backwards = journeys.clone();
    backwards.reverse();
    for pieces in [1, 7, 64] {
        let parts = || backwards.chunks(backwards.len().div_ceil(pieces));
        for of in 1..=4 {
            let expected = Transitions::count(order(of), whole);
            let mut merged = Transitions::count(order(of), PathsBuf::new().as_paths());
            parts().for_each(|part| merged.merge(&Transitions::count(order(of), paths(part).as_paths())));
            assert_eq!(merged, expected);
            assert_eq!(merged.effects(), expected.effects());
        }
        let mut coalitions = Coalitions::default();
        let mut rates = Rates::default();
        for part in parts() {
            coalitions.merge(&Coalitions::count(paths(part).as_paths()));
            rates.merge(&Rates::count(paths(part).as_paths()));
        }
        assert_eq!(coalitions.parts(), Coalitions::count(whole).parts());
        assert_eq!(rates.shares(), Rates::count(whole).shares());
    }
}

#[test]
fn counts_that_were_told_and_taken_in_again_are_the_same() {
    let (journeys, _) = journeys();
    let all = paths(&journeys);
    for of in 1..=4 {
        let counted = Transitions::count(order(of), all.as_paths());
        let mut again = Transitions::new(order(of));
        counted.steps().into_iter().rev().for_each(|step| again.add_step(step));
        assert_eq!(again.steps(), counted.steps());
        assert_eq!(again.effects(), counted.effects());
    }
    let counted = Coalitions::count(all.as_paths());
    let mut again = Coalitions::default();
    counted.sharings().into_iter().rev().for_each(|sharing| again.add_sharing(sharing));
    assert_eq!(again, counted);
    let mut steps = Transitions::new(order(2));
    let nowhere = Step { from: Place::Conversion, to: Place::Start, times: 3, value_minor: 1 };
    steps.add_step(nowhere);
    assert!(steps.steps().is_empty());
    let weights = ChannelWeights::of(&[0.5, 0.25]);
    assert_eq!(ChannelWeights::from(weights.whole().to_vec()), weights);
}

#[test]
fn whatever_numbers_channels_were_counted_by_the_bits_are_the_same() {
    let (journeys, names) = journeys();
    let whole = paths(&journeys);
    let whole = whole.as_paths();
    // As they were met by whoever reads from the end.
    let mut met: Vec<u16> = Vec::new();
    for channel in journeys.iter().rev().flat_map(|(passed, _)| passed) {
        if !met.contains(channel) {
            met.push(*channel);
        }
    }
    assert_eq!(met.len(), names.len());
    let met_number =
        |channel: &u16| u16::try_from(met.iter().position(|other| other == channel).unwrap()).unwrap();
    let mut counted = PathsBuf::new();
    for (passed, outcome) in &journeys {
        let passed: Vec<u16> = passed.iter().map(met_number).collect();
        counted.push(&passed, *outcome).unwrap();
    }
    for of in 1..=4 {
        let transitions = Transitions::count(order(of), counted.as_paths());
        assert_eq!(transitions.renumbered(&met), Transitions::count(order(of), whole));
    }
    assert_eq!(Coalitions::count(counted.as_paths()).renumbered(&met), Coalitions::count(whole));
    assert_eq!(Rates::count(counted.as_paths()).renumbered(&met), Rates::count(whole));
    counted.renumber(&met);
    assert!(counted.as_paths().iter().eq(whole.iter()));
    assert_eq!(counted.as_paths().channels(), names.len());
}

/// Few channels, so that journeys go in circles and channels meet.
fn few_journeys() -> impl Strategy<Value = Vec<Journey>> {
    let outcome = (0..4_u64, 0..4_u64, 1..10_000_i64).prop_map(|(conversions, nulls, value)| Outcome {
        conversions,
        nulls,
        value_minor: if conversions == 0 { 0 } else { value },
    });
    proptest::collection::vec((proptest::collection::vec(0..5_u16, 0..9), outcome), 1..30)
}

/// How likely a walk converts that ends wherever it would pass a channel: by following walks for very long.
fn converting_without(journeys: &[Journey], of: u8, without: Option<u16>) -> (f64, f64) {
    let transitions = Transitions::count(order(of), paths(journeys).as_paths());
    let mut likely: BTreeMap<Place, Vec<_>> = BTreeMap::new();
    transitions
        .probabilities()
        .into_iter()
        .for_each(|(from, to, p)| likely.entry(from).or_default().push((to, p)));
    let mut at = BTreeMap::from([(Place::Start, 1.0)]);
    let (mut converted, mut under_way) = (0.0, 1.0);
    while under_way > 1e-13 {
        let mut next: BTreeMap<_, f64> = BTreeMap::new();
        for (place, here) in at {
            for (to, p) in likely.get(&place).into_iter().flatten() {
                if let Place::State(state) = to
                    && !state.channels().any(|channel| Some(channel) == without)
                {
                    *next.entry(*to).or_default() += here * p;
                } else if *to == Place::Conversion {
                    converted += here * p;
                }
            }
        }
        at = next;
        under_way = at.values().sum();
    }
    (converted, under_way)
}

/// Shapley's definition: the mean of what a channel adds, over all orders in which channels can be added.
fn by_definition(channels: usize, worth: impl Fn(usize) -> f64) -> Vec<f64> {
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    let part = |channel: usize| -> f64 {
        let without = (0..1_usize << channels).filter(|set| set & 1 << channel == 0);
        let added = |set: usize| {
            let size = set.count_ones() as usize;
            let weight = factorial(size) * factorial(channels - size - 1) / factorial(channels);
            weight * (worth(set | 1 << channel) - worth(set))
        };
        without.map(added).sum()
    };
    (0..channels).map(part).collect()
}

fn bits(passed: &[u16]) -> usize {
    passed.iter().fold(0, |bits, channel| bits | 1 << channel)
}

proptest! {
    #[test]
    fn a_removal_effect_is_what_walks_lose_that_are_followed_step_by_step(
        journeys in few_journeys(), of in 1..=4_u8
    ) {
        let effects = Transitions::count(order(of), paths(&journeys).as_paths()).effects().unwrap();
        let (all, _) = converting_without(&journeys, of, None);
        prop_assert!((effects.conversion_probability - all).abs() < 1e-9);
        prop_assert!(effects.residual() < 1e-9);
        for (channel, effect) in (0..).zip(&effects.of) {
            let (left, _) = converting_without(&journeys, of, Some(channel));
            let expected = if all > 0.0 { 1.0 - left / all } else { 0.0 };
            prop_assert!((effect.conversions - expected).abs() < 1e-9, "{channel}: {effect:?}, {expected}");
        }
    }

    #[test]
    fn shapley_values_are_shapleys(journeys in few_journeys()) {
        let parts = Coalitions::count(paths(&journeys).as_paths()).parts();
        let within = |set: usize| -> f64 {
            let converted = journeys.iter().filter(|(passed, _)| !passed.is_empty() && bits(passed) & !set == 0);
            converted.map(|(_, outcome)| outcome.conversions as f64).sum()
        };
        for (found, expected) in parts.iter().zip(by_definition(parts.len(), within)) {
            prop_assert!((found.conversions - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn shares_by_rate_are_shapleys_where_none_is_negative(journeys in few_journeys()) {
        let found = Rates::count(paths(&journeys).as_paths()).shares();
        let rate = |set: usize| -> f64 {
            let within = || journeys.iter().filter(|(passed, _)| !passed.is_empty() && bits(passed) & !set == 0);
            let conversions: u64 = within().map(|(_, outcome)| outcome.conversions).sum();
            let all: u64 = within().map(|(_, outcome)| outcome.conversions + outcome.nulls).sum();
            if all == 0 { 0.0 } else { conversions as f64 / all as f64 }
        };
        let expected = by_definition(found.shares.len(), rate);
        let kept: f64 = expected.iter().filter(|value| **value > 0.0).sum();
        for (channel, (share, expected)) in (0..).zip(found.shares.iter().zip(expected)) {
            let of_kept = if kept > 0.0 { expected.max(0.0) / kept } else { 0.0 };
            prop_assert!((share - of_kept).abs() < 1e-9);
            prop_assert!(expected.abs() < 1e-12 || found.negative.contains(&channel) == (expected < 0.0));
        }
    }

    #[test]
    fn a_channel_weighs_the_same_however_often_it_was_passed(
        passed in proptest::collection::vec(0..4_u16, 1..12),
        worth in proptest::collection::vec(0.0..1.0_f64, 4),
        amount in -1_000_000..1_000_000_i64,
    ) {
        let mut weights = Vec::new();
        ChannelWeights::of(&worth).weights_into(&passed, &mut weights);
        let credits = split(amount, &weights);
        prop_assert_eq!(credits.iter().sum::<i64>(), amount);
        let most = worth.iter().copied().fold(0.0, f64::max);
        for channel in &passed {
            let of_channel = passed.iter().zip(&weights).filter(|(other, _)| *other == channel);
            let together: u64 = of_channel.map(|(_, weight)| weight).sum();
            let expected = worth[usize::from(*channel)] / most * f64::powi(2.0, 40);
            prop_assert!((together as f64 - expected).abs() <= passed.len() as f64);
        }
    }
}
