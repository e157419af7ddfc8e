use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ids::ExternalId;
use crate::time::Timestamp;

fn event(section: Section, time: i64, facts: &[(Field, Option<Value>)]) -> CallEvent {
    CallEvent {
        external_id: ExternalId::parse("call-1").unwrap(),
        section,
        time: Timestamp::from_ms(time),
        facts: facts.iter().cloned().collect(),
    }
}

fn folded<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Interaction {
    let mut interaction = Interaction::default();
    events.into_iter().for_each(|event| interaction.fold(event));
    interaction
}

fn list(values: &[&str]) -> Option<Value> {
    Some(Value::List(values.iter().map(|&v| v.to_owned()).collect()))
}

#[test]
fn an_absent_field_never_erases_one_and_an_explicit_null_clears() {
    let intent = event(
        Section::Intent,
        1,
        &[(Field::PrimaryIntent, Some("purchase".into())), (Field::PurchaseProbability, Some("0.75".into()))],
    );
    let partial = event(Section::Intent, 2, &[(Field::PrimaryIntent, Some("complaint".into()))]);
    let clearing = event(Section::Intent, 3, &[(Field::PurchaseProbability, None)]);
    let call = folded([&intent, &partial]);
    assert_eq!(call.text(Field::PrimaryIntent), Some("complaint"));
    assert_eq!(call.text(Field::PurchaseProbability), Some("0.75"));
    let call = folded([&clearing, &intent, &partial]);
    assert_eq!(call.text(Field::PurchaseProbability), None);
    assert_eq!(call.text(Field::PrimaryIntent), Some("complaint"));
}

#[test]
fn a_fact_told_by_several_events_is_the_latest_told() {
    let ended = event(Section::Ended, 10, &[(Field::TranscriptUrl, Some("https://a".into()))]);
    let transcript = event(Section::Transcript, 20, &[(Field::TranscriptUrl, Some("https://b".into()))]);
    assert_eq!(folded([&transcript, &ended]).text(Field::TranscriptUrl), Some("https://b"));
    let same_moment = event(Section::Transcript, 10, &[(Field::TranscriptUrl, Some("https://c".into()))]);
    assert_eq!(folded([&same_moment, &ended]).text(Field::TranscriptUrl), Some("https://c"));
}

#[test]
fn a_call_that_only_ended_has_no_start_yet() {
    let ended = event(Section::Ended, 2_000_000_000_000, &[(Field::StartedAt, Some(Value::Integer(5)))]);
    let call = folded([&ended]);
    assert_eq!((call.started_at(), call.status()), (None, Status::Incomplete));
    let started = event(Section::Started, 1_999_999_100_000, &[]);
    let call = folded([&ended, &started]);
    assert_eq!(call.started_at(), Some(Timestamp::from_ms(5)));
    assert_eq!(call.status(), Status::Completed);
}

#[test]
fn a_reported_duration_wins_over_the_difference_of_times() {
    let started = event(Section::Started, 1_000_000, &[]);
    let ended = event(Section::Ended, 1_900_000, &[]);
    assert_eq!(folded([&started, &ended]).duration_seconds(), Some(900));
    let reported = event(Section::Ended, 1_900_000, &[(Field::DurationSeconds, Some(Value::Integer(870)))]);
    assert_eq!(folded([&started, &reported]).duration_seconds(), Some(870));
}

#[test]
fn a_corrected_phone_stays_observed_whatever_came_first() {
    let wrong = event(Section::Started, 1, &[(Field::Phones, list(&["+1"]))]);
    let email = event(Section::Started, 2, &[(Field::Emails, list(&["a@example.com"]))]);
    let right = event(Section::Started, 3, &[(Field::Phones, list(&["+2"]))]);
    let call = folded([&right, &wrong, &email]);
    assert_eq!(call, folded([&wrong, &email, &right]));
    let kinds: Vec<_> = call.identifiers().iter().map(|id| id.value().to_owned()).collect();
    assert_eq!(kinds, ["a@example.com", "+2"]);
    assert_eq!(call.observed().len(), 3);
    assert_eq!(call.anchor().unwrap().value(), "a@example.com");
}

#[test]
fn a_report_to_our_api_adds_or_is_refused() {
    let first = event(Section::Api, 5, &[(Field::AgentId, Some("a".into())), (Field::Phones, list(&["+1"]))]);
    let Merged::Added(call) = Interaction::default().posted(&first) else { panic!("it is the first") };
    assert_eq!(call.posted(&first), Merged::Same);
    let more = event(Section::Api, 5, &[(Field::TeamId, Some("t".into())), (Field::Phones, list(&["+2"]))]);
    let Merged::Added(call) = call.posted(&more) else { panic!("it only adds") };
    assert_eq!((call.text(Field::TeamId), call.list(Field::Phones).len()), (Some("t"), 2));
    assert_eq!(call.posted(&more), Merged::Same);
    let other = event(Section::Api, 5, &[(Field::AgentId, Some("b".into()))]);
    assert_eq!(call.posted(&other), Merged::Contradicts(vec!["agent_id"]));
}

#[test]
fn what_is_observed_about_one_interaction_stays_bounded_and_the_same_in_any_order() {
    let corrections: Vec<_> = (0..60)
        .map(|n| event(Section::Started, n, &[(Field::Phones, list(&[&format!("+{}", (n * 37) % 60)]))]))
        .collect();
    let call = folded(&corrections);
    assert!(call.observed().len() <= MOST_OBSERVED + 1);
    assert_eq!(call, folded(corrections.iter().rev()));
    let (first, rest) = corrections.split_at(25);
    let mut joined = folded(rest);
    joined.join(folded(first));
    assert_eq!(call, joined);
}

#[test]
fn reports_to_our_api_may_name_ten_identifiers_in_all() {
    let report = |n: usize| event(Section::Api, 5, &[(Field::Phones, list(&[&format!("+{n}")]))]);
    let mut call = Interaction::default();
    for n in 0..MOST_IDENTIFIERS {
        let Merged::Added(more) = call.posted(&report(n)) else { panic!("{n} more fit") };
        assert_eq!(more.posted(&report(n)), Merged::Same);
        call = more;
    }
    assert_eq!(call.list(Field::Phones).len(), MOST_IDENTIFIERS);
    assert_eq!(call.posted(&report(99)), Merged::Contradicts(vec!["customer_identifiers"]));
}

#[test]
fn codes_and_versions_are_read_as_they_are_written() {
    for field in Field::ALL {
        assert_eq!(Field::of_code(field.code()), Some(field));
    }
    let version = event(Section::Intent, 1_705_314_600_000, &[]).version();
    assert_eq!(Version::parse(&version.to_string()), Some(version));
    assert_eq!(Version::parse("1.2"), None);
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        (0..3_i64).prop_map(|n| Some(Value::Integer(n))),
        select(vec!["a", "b"]).prop_map(|text| Some(text.into())),
        proptest::collection::vec(select(vec!["x".to_owned(), "y".to_owned()]), 0..3)
            .prop_map(|items| Some(Value::List(items))),
    ]
}

/// Few fields, times and values, so that rivals for the same moment are common.
fn any_event() -> impl Strategy<Value = CallEvent> {
    let fields = vec![Field::Phones, Field::Emails, Field::AgentId, Field::Outcome, Field::TranscriptUrl];
    let facts = proptest::collection::btree_map(select(fields), any_value(), 0..4);
    (select(Section::ALL.to_vec()), 0..4_i64, facts).prop_map(|(section, time, facts)| CallEvent {
        external_id: ExternalId::parse("call-1").unwrap(),
        section,
        time: Timestamp::from_ms(time),
        facts: facts.into_iter().map(|(field, value)| (field, as_told(field, value))).collect(),
    })
}

/// Identifiers are told as lists, in order and once each.
fn as_told(field: Field, value: Option<Value>) -> Option<Value> {
    match value {
        Some(Value::List(mut entries)) if facts::identifier_type(field).is_some() => {
            entries.sort();
            entries.dedup();
            Some(Value::List(entries))
        }
        Some(Value::Integer(_) | Value::Text(_)) if facts::identifier_type(field).is_some() => None,
        value => value,
    }
}

/// A stream of deliveries with repetitions, and the same stream in another order cut into batches.
fn stream() -> impl Strategy<Value = (Vec<CallEvent>, Vec<Vec<CallEvent>>)> {
    proptest::collection::vec(any_event(), 1..12)
        .prop_flat_map(|events| {
            let repeated = proptest::collection::vec(0..events.len(), 0..8);
            (Just(events), repeated)
        })
        .prop_flat_map(|(events, repeated)| {
            let mut deliveries = events.clone();
            deliveries.extend(repeated.iter().map(|&i| events[i].clone()));
            let cuts = proptest::collection::vec(1..5_usize, 20);
            (Just(events), Just(deliveries).prop_shuffle(), cuts)
        })
        .prop_map(|(events, deliveries, cuts)| {
            let (mut batches, mut rest) = (Vec::new(), deliveries.as_slice());
            for cut in cuts {
                let (batch, after) = rest.split_at(cut.min(rest.len()));
                batches.push(batch.to_vec());
                rest = after;
            }
            batches.push(rest.to_vec());
            (events, batches)
        })
}

proptest! {
    #![proptest_config(crate::property(20_000))]

    #[test]
    fn any_order_any_repetition_and_any_batching_end_in_one_state((events, batches) in stream()) {
        let expected = folded(&events);
        let mut state = Interaction::default();
        for batch in &batches {
            // A batch is first folded by itself, as a consumer does, and then joined.
            state.join(folded(batch));
        }
        prop_assert_eq!(state, expected);
    }

    #[test]
    fn joining_again_changes_nothing(events in proptest::collection::vec(any_event(), 0..8)) {
        let once = folded(&events);
        let mut twice = once.clone();
        twice.join(once.clone());
        prop_assert_eq!(twice, once);
    }
}

#[test]
fn a_telling_stands_until_all_it_told_is_told_anew() {
    let first = event(
        Section::Intent,
        1,
        &[(Field::PrimaryIntent, Some("purchase".into())), (Field::Sentiment, Some("calm".into()))],
    );
    let second = event(Section::Intent, 2, &[(Field::PrimaryIntent, Some("complaint".into()))]);
    let third = event(Section::Intent, 3, &[(Field::Sentiment, None)]);
    let (one, two) = (first.version(), second.version());
    assert_eq!(folded([]).standing(one), Standing::Unheard);
    assert_eq!(folded([&first]).standing(one), Standing::Last(Section::Intent));
    assert_eq!(folded([&first]).standing(two), Standing::Unheard);
    assert_eq!(folded([&second, &first]).standing(one), Standing::InPart);
    assert_eq!(folded([&third, &first, &second]).standing(one), Standing::Superseded);
    assert_eq!(folded([&third, &first, &second]).standing(two), Standing::InPart);
    assert_eq!(serde_json::from_str::<Version>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
}
