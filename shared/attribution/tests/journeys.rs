//! Columns that are not journeys are refused; what was pushed comes out again.

use attribution::{Journey, Journeys, JourneysBuf, JourneysError, MAX_TOUCHES};

#[test]
fn journeys_come_out_as_they_were_pushed() {
    let mut journeys = JourneysBuf::default();
    journeys.push(100, &[5, 5, 0]).unwrap();
    journeys.push(-7, &[]).unwrap();
    journeys.push(3, &[9]).unwrap();
    let view = journeys.as_journeys();
    assert_eq!((view.len(), view.touches(), view.is_empty()), (3, 4, false));
    let journey = |amount_minor, ages_ms, span| Journey { amount_minor, ages_ms, span };
    let expected = [journey(100, &[5, 5, 0][..], 0..3), journey(-7, &[], 3..3), journey(3, &[9], 3..4)];
    assert!(view.iter().eq(expected));

    journeys.clear();
    assert!(journeys.as_journeys().is_empty());
}

#[test]
fn offsets_that_do_not_fit_the_other_columns_are_refused() {
    let refusal = |offsets: &[u32]| Journeys::new(offsets, &[3, 2, 1], &[10, 20]).err();
    assert_eq!(refusal(&[0, 1, 3]), None);
    for offsets in [&[][..], &[0], &[0, 3], &[1, 2, 3], &[0, 2, 2], &[0, 4, 3], &[0, 1, 4]] {
        assert_eq!(refusal(offsets), Some(JourneysError::Offsets), "{offsets:?}");
    }
    assert!(Journeys::new(&[0], &[], &[]).is_ok());
}

#[test]
fn touches_that_are_not_oldest_first_are_refused_and_leave_no_trace() {
    let out_of_order = JourneysError::NotOldestFirst { journey: 1 };
    assert_eq!(Journeys::new(&[0, 1, 3], &[3, 1, 2], &[10, 20]).err(), Some(out_of_order));
    let mut journeys = JourneysBuf::new();
    journeys.push(10, &[3]).unwrap();
    assert_eq!(journeys.push(20, &[1, 2]), Err(out_of_order));
    assert_eq!(journeys.as_journeys().len(), 1);
    assert_eq!(journeys.as_journeys().touches(), 1);
    assert_eq!(out_of_order.to_string(), "the touches of journey 1 must be oldest first");
}

#[test]
fn a_journey_longer_than_the_limit_is_refused() {
    let ages_ms = vec![0; MAX_TOUCHES + 1];
    let mut journeys = JourneysBuf::new();
    assert_eq!(journeys.push(1, &ages_ms), Err(JourneysError::TooLong { journey: 0 }));
    assert_eq!(journeys.push(1, &ages_ms[1..]), Ok(()));
}
