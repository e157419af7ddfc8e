//! Where senders differ, and what is then made of it.

use domain::interaction::{Field, Section, Value};
use domain::tenant::Settings;
use providers::Normalised;

use crate::{event, facts, list, normalised, normalised_for, started_with, text};

#[test]
fn any_known_fact_is_taken_whatever_the_event() {
    let data = r#""lead_id":77,"customer_id":" C-9 ","outcome_prediction":"likely_purchase","sentiment":"positive",
        "outcome":"purchase","duration_seconds":"180","primary_intent":"pricing","secondary_intents":[]"#;
    assert_eq!(
        facts(data),
        [
            (Field::DurationSeconds, Some(Value::Integer(180))),
            (Field::CustomerIds, list(&["C-9"])),
            (Field::LeadIds, list(&["77"])),
            (Field::PrimaryIntent, text("pricing")),
            (Field::SecondaryIntents, list(&[])),
            (Field::Outcome, text("purchase")),
            (Field::OutcomePrediction, text("likely_purchase")),
            (Field::Sentiment, text("positive")),
        ]
    );
}

#[test]
fn an_explicit_null_takes_a_fact_back_and_an_absent_field_says_nothing() {
    assert_eq!(
        facts(r#""phone_number":null,"agent_id":null,"secondary_intents":null,"started_at":null"#),
        [
            (Field::StartedAt, None),
            (Field::AgentId, None),
            (Field::Phones, None),
            (Field::SecondaryIntents, None)
        ]
    );
    assert_eq!(facts(""), []);
}

#[test]
fn numbers_and_texts_are_read_alike_and_ids_are_kept_as_they_were_sent() {
    assert_eq!(
        facts(r#""agent_id":7,"team_id":12345678901234567890123,"vendor_code":" BPO 1 ""#),
        [
            (Field::VendorCode, text(" BPO 1 ")),
            (Field::AgentId, text("7")),
            (Field::TeamId, text("12345678901234567890123")),
        ]
    );
    for duration in ["180", "\"180\"", "180.0"] {
        let told = facts(&format!(r#""duration_seconds":{duration}"#));
        assert_eq!(told, [(Field::DurationSeconds, Some(Value::Integer(180)))], "{duration}");
    }
    for probability in ["0.75", "\"0.75\"", "0.750", "7.5e-1"] {
        let told = facts(&format!(r#""purchase_probability":{probability}"#));
        assert_eq!(told, [(Field::PurchaseProbability, text("0.75"))], "{probability}");
    }
    let told = event(br#"{"event_type":"call.ended","call_id":12345,"timestamp":"2024-01-15T10:30:00Z"}"#);
    assert_eq!(told.external_id.as_str(), "12345");
}

#[test]
fn event_types_are_read_in_any_case() {
    for (name, section) in [
        ("Call.Started", Section::Started),
        ("CALL.ENDED", Section::Ended),
        ("call.Transcript.updated", Section::Transcript),
        ("call.intent.DETECTED", Section::Intent),
    ] {
        let body = format!(r#"{{"event_type":"{name}","call_id":"c","timestamp":"2024-01-15T10:30:00Z"}}"#);
        assert_eq!(event(body.as_bytes()).section, section);
    }
}

#[test]
fn an_unknown_event_type_is_told_and_nothing_else_of_it_is_asked() {
    let unhandled = |body: &str| match normalised(body.as_bytes()).unwrap() {
        Normalised::Unhandled { event_type } => event_type,
        Normalised::Events(events) => panic!("{events:?}"),
    };
    assert_eq!(unhandled(r#"{"event_type":"call.transferred"}"#), "call.transferred");
    assert_eq!(unhandled(r#"{"event_type":"a\u0000\n\u001b[31mb","data":7,"timestamp":"?"}"#), "a[31mb");
    let long = format!(r#"{{"event_type":"{}"}}"#, "é".repeat(1_000));
    assert_eq!(unhandled(&long), "é".repeat(64));
}

#[test]
fn numbers_that_identify_nobody_are_left_out_and_the_call_is_kept() {
    for phone in ["\"anonymous\"", "\"Restricted\"", "\"call me\"", "\"\"", "12", "\"+\""] {
        let told = facts(&format!(r#""phone_number":{phone},"direction":"outbound""#));
        assert_eq!(told, [(Field::Direction, text("outbound"))], "{phone}");
    }
    for other in [r#""email":"nobody""#, r#""email":"""#, r#""lead_id":" ""#, r#""customer_id":"a\u0000b""#] {
        assert_eq!(facts(other), [], "{other}");
    }
}

#[test]
fn the_tenants_own_numbers_and_region_are_respected() {
    let settings = Settings {
        region: "IN".to_owned(),
        own_numbers: vec!["+91 22 6600 1234".to_owned()],
        ..Settings::default()
    };
    let phones = |phone: &str| {
        let body = started_with(&format!(r#""phone_number":{phone}"#));
        match normalised_for(&settings, body.as_bytes()).unwrap() {
            Normalised::Events(events) => events[0].facts.get(&Field::Phones).cloned(),
            Normalised::Unhandled { .. } => panic!("a call started"),
        }
    };
    assert_eq!(phones("\"022 6600 1235\""), Some(list(&["+912266001235"])));
    assert_eq!(phones("9820012345"), Some(list(&["+919820012345"])));
    assert_eq!(phones("\"022 6600 1234\""), None);
}

#[test]
fn a_direction_of_another_word_says_nothing() {
    assert_eq!(facts(r#""direction":"INBOUND""#), [(Field::Direction, text("inbound"))]);
    assert_eq!(facts(r#""direction":"click_to_call""#), []);
}

#[test]
fn an_empty_text_says_nothing() {
    assert_eq!(facts(r#""agent_id":"","language":" ","transcript_url":"","outcome":"""#), []);
}

#[test]
fn unknown_fields_are_tolerated_even_twice() {
    let body = started_with(r#""recording":{"url":"x"},"tag":1,"tag":2,"agent_id":"a""#).replacen(
        '{',
        r#"{"version":2,"x":[],"x":{},"tenant_id":3,"#,
        1,
    );
    assert_eq!(event(body.as_bytes()).facts, [(Field::AgentId, text("a"))].into());
}
