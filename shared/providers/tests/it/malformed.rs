//! What is put aside, and the reason that is kept with it.

use crate::{normalised, started_with};

#[track_caller]
fn reason(body: impl AsRef<[u8]>) -> String {
    normalised(body.as_ref()).unwrap_err().to_string()
}

#[test]
fn what_is_not_a_json_object_is_malformed_as_a_whole() {
    assert_eq!(reason([0xff, 0xfe]), "the body is not UTF-8");
    assert_eq!(reason(""), "the body is not valid JSON at line 1, column 0");
    assert_eq!(reason("event_type=call.started"), "the body is not valid JSON at line 1, column 1");
    assert_eq!(reason("[]"), "the body must be a JSON object");
    assert_eq!(reason("[".repeat(200_000)), "the body nests more than 32 levels deep");
    assert_eq!(reason(r#"{"event_type":NaN}"#), "the body is not valid JSON at line 1, column 15");
}

#[test]
fn every_missing_field_of_the_envelope_is_named() {
    assert_eq!(reason("{}"), "event_type is required");
    assert_eq!(reason(r#"{"event_type":7}"#), "event_type must be a string");
    assert_eq!(reason(r#"{"event_type":" "}"#), "event_type is empty");
    assert_eq!(reason(r#"{"event_type":"call.ended"}"#), "call_id is required; timestamp is required");
    assert_eq!(
        reason(r#"{"event_type":"call.ended","call_id":"","timestamp":"2024-01-15T10:30:00Z","data":[]}"#),
        "call_id must be 1 to 128 printable characters; data must be an object"
    );
    assert_eq!(
        reason(
            r#"{"event_type":"call.ended","call_id":"a","call_id":"b","timestamp":"2024-01-15T10:30:00Z"}"#
        ),
        "call_id stands more than once"
    );
    assert_eq!(
        reason(r#"{"event_type":"x","event_type":"call.ended","call_id":"b"}"#),
        "event_type stands more than once; timestamp is required"
    );
}

#[test]
fn a_time_needs_an_offset_and_must_have_come() {
    let at = |time: &str| format!(r#"{{"event_type":"call.ended","call_id":"c","timestamp":{time}}}"#);
    for (time, problem) in [
        (r#""2024-01-15T10:30:00""#, "has no offset; add Z or one such as +05:30"),
        (r#""2024-01-15 10:30:00""#, "has no offset; add Z or one such as +05:30"),
        (r#""yesterday""#, "is not an RFC 3339 time with an offset, such as 2024-01-15T10:30:00Z"),
        (r#""1999-12-31T23:59:59Z""#, "lies before the year 2000"),
        (r#""2024-01-15T10:55:00.001Z""#, "lies in the future"),
        ("1705314600", "must be a string"),
        ("null", "is required"),
    ] {
        assert_eq!(reason(at(time)), format!("timestamp {problem}"), "{time}");
    }
    assert!(normalised(at(r#""2024-01-15T10:55:00Z""#).as_bytes()).is_ok(), "five minutes ahead");
}

#[test]
fn an_impossible_value_names_its_field() {
    let long = format!("\"{}\"", "x".repeat(2_049));
    for (field, value) in [
        ("started_at", "\"soon\""),
        ("started_at", "\"2024-01-15T10:30:00\""),
        ("ended_at", "\"2024-01-15T11:00:00Z\""),
        ("ended_at", "1705314600"),
        ("duration_seconds", "-1"),
        ("duration_seconds", "1.5"),
        ("duration_seconds", "\"long\""),
        ("duration_seconds", "604801"),
        ("purchase_probability", "7"),
        ("purchase_probability", "-0.1"),
        ("purchase_probability", "\"NaN\""),
        ("purchase_probability", "\"likely\""),
        ("purchase_probability", "[]"),
        ("secondary_intents", "\"pricing\""),
        ("secondary_intents", "[1]"),
        ("transcript_url", &long),
        ("phone_number", "{}"),
        ("email", "true"),
        ("lead_id", "[]"),
        ("agent_id", "{}"),
        ("agent_id", "\"a\\n\""),
        ("team_id", &long),
        ("language", "\"e\\u0000n\""),
        ("direction", "1"),
        ("outcome", "\"\\ud800\""),
    ] {
        let told = reason(started_with(&format!(r#""{field}":{value}"#)));
        assert!(told.starts_with(&format!("data.{field} ")), "{field}: {value}: {told}");
    }
}

#[test]
fn a_reason_never_repeats_what_was_in_the_body() {
    let told = reason(started_with(
        r#""phone_number":["+14155550123"],"email":{"x@example.com":1},"agent_id":true,"+14155550123":1,"+14155550123":2,
        "started_at":"x@example.com""#,
    ));
    assert!(!told.contains("415") && !told.contains('@'), "{told}");
    assert_eq!(told.matches("data.").count(), 4, "{told}");
}
