//! What models make of touches by their marks.

use attribution::{Class, MarkedModel, Marks, Milestones, split};
use proptest::collection::vec;
use proptest::prelude::*;

const NONE: Marks = Marks::NONE;
const DIRECT: Marks = Marks::DIRECT;
const PAID: Marks = Marks::PAID;
const LEAD: Marks = Marks::LEAD;
const OPPORTUNITY: Marks = Marks::OPPORTUNITY;

/// The shares of 1,000, and whether the model was followed.
fn shares(model: MarkedModel, marks: &[Marks]) -> (Vec<i64>, bool) {
    let mut weights = Vec::new();
    let is_followed = model.weights_into(marks, &mut weights);
    (split(1_000, &weights), is_followed)
}

#[test]
fn the_last_touch_that_is_not_direct_takes_all_or_the_last_if_all_are() {
    let model = MarkedModel::Last(Class::NotDirect);
    assert_eq!(shares(model, &[NONE, PAID, DIRECT]), (vec![0, 1_000, 0], true));
    assert_eq!(shares(model, &[DIRECT, DIRECT]), (vec![0, 1_000], false));
    assert_eq!(shares(model, &[]).0, []);
    assert_eq!(
        shares(MarkedModel::First(Class::NotDirect), &[DIRECT, NONE, PAID]),
        (vec![0, 1_000, 0], true)
    );
}

#[test]
fn the_first_and_the_last_paid_touch_take_all() {
    let marks = [NONE, PAID, DIRECT, PAID.and(LEAD), NONE];
    assert_eq!(shares(MarkedModel::First(Class::Paid), &marks), (vec![0, 1_000, 0, 0, 0], true));
    assert_eq!(shares(MarkedModel::Last(Class::Paid), &marks), (vec![0, 0, 0, 1_000, 0], true));
    assert_eq!(shares(MarkedModel::First(Class::Paid), &[NONE, DIRECT]), (vec![1_000, 0], false));
}

#[test]
fn milestones_have_their_shares_and_the_others_what_remains() {
    let marks = [NONE, LEAD, NONE, OPPORTUNITY, NONE, NONE];
    let of = |milestones, marks: &[Marks]| shares(MarkedModel::Milestones(milestones), marks);
    assert_eq!(of(Milestones::U, &marks), (vec![400, 400, 50, 50, 50, 50], true));
    assert_eq!(of(Milestones::W, &marks), (vec![300, 300, 34, 300, 33, 33], true));
    assert_eq!(of(Milestones::FULL_PATH, &marks), (vec![225, 225, 50, 225, 50, 225], true));
    // The last touch before the lead is the one that counts.
    assert_eq!(of(Milestones::U, &[LEAD, NONE, LEAD]), (vec![400, 200, 400], true));
}

#[test]
fn shares_are_of_what_there_is() {
    let of = |milestones, marks: &[Marks]| shares(MarkedModel::Milestones(milestones), marks);
    // One touch that is all.
    assert_eq!(of(Milestones::FULL_PATH, &[LEAD.and(OPPORTUNITY)]), (vec![1_000], true));
    // The first touch made the lead too.
    assert_eq!(of(Milestones::W, &[LEAD, NONE, OPPORTUNITY]), (vec![600, 100, 300], true));
    // No opportunity: 30, 30 and 10 of 70.
    assert_eq!(of(Milestones::W, &[NONE, LEAD, NONE]), (vec![429, 428, 143], true));
    // No others: 30 and 60 of 90.
    assert_eq!(of(Milestones::W, &[NONE, LEAD.and(OPPORTUNITY)]), (vec![333, 667], true));
}

#[test]
fn milestones_that_nobody_marked_lie_evenly() {
    let of = |milestones, touches: usize| shares(MarkedModel::Milestones(milestones), &vec![NONE; touches]);
    assert_eq!(of(Milestones::U, 4), (vec![400, 100, 100, 400], false));
    assert_eq!(of(Milestones::W, 4), (vec![300, 300, 100, 300], false));
    assert_eq!(of(Milestones::W, 5), (vec![300, 50, 300, 50, 300], false));
    assert_eq!(of(Milestones::FULL_PATH, 7), (vec![225, 34, 225, 33, 225, 33, 225], false));
    assert_eq!(of(Milestones::W, 1), (vec![1_000], false));
    assert_eq!(of(Milestones::W, 2), (vec![667, 333], false));
}

fn marks() -> impl Strategy<Value = Vec<Marks>> {
    let marks = [DIRECT, PAID, LEAD, OPPORTUNITY];
    let any = (0..16_usize).prop_map(move |bits| {
        let there = (0..4).filter(|bit| bits >> bit & 1 == 1).map(|bit| marks[bit]);
        there.fold(NONE, Marks::and)
    });
    vec(any, 1..30)
}

fn model() -> impl Strategy<Value = MarkedModel> {
    let share = || prop_oneof![0..4_u32, any::<u32>()];
    let milestones = (share(), share(), share(), share(), share()).prop_map(
        |(first, lead, opportunity, customer, others)| {
            MarkedModel::Milestones(Milestones { first, lead, opportunity, customer, others })
        },
    );
    let class = || prop_oneof![Just(Class::NotDirect), Just(Class::Paid)];
    prop_oneof![class().prop_map(MarkedModel::First), class().prop_map(MarkedModel::Last), milestones]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_unit_goes_to_a_touch_by_any_model(marks in marks(), model in model(), amount in any::<i64>()) {
        let mut weights = Vec::new();
        model.weights_into(&marks, &mut weights);
        prop_assert_eq!(weights.len(), marks.len());
        prop_assert!(weights.iter().any(|weight| *weight > 0));
        let sum: i128 = split(amount, &weights).into_iter().map(i128::from).sum();
        prop_assert_eq!(sum, i128::from(amount));
    }
}
