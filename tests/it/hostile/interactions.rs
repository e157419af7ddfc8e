//! `POST /v1/interactions`, field by field.

use domain::time::MINUTE_MS;
use e2e::{new_tenant, now};
use serde_json::{Value, json};

use super::{call, identifiers, refuses_each, with};

const PATH: &str = "/v1/interactions";

#[tokio::test]
async fn an_interaction_without_an_id_or_with_an_impossible_one_is_refused() {
    let cases = [
        ("/external_interaction_id", Value::Null),
        ("/external_interaction_id", json!("")),
        ("/external_interaction_id", json!("x".repeat(129))),
        ("/external_interaction_id", json!("é".repeat(129))),
        ("/external_interaction_id", json!(" call-1")),
        ("/external_interaction_id", json!("call-1 ")),
        ("/external_interaction_id", json!("call\u{0}1")),
        ("/external_interaction_id", json!("call\n1")),
        ("/external_interaction_id", json!("call\u{7f}1")),
        ("/external_interaction_id", json!("call\u{85}1")),
        ("/external_interaction_id", json!({"id": "call-1"})),
        ("/external_interaction_id", json!(["call-1"])),
        ("/external_interaction_id", json!(true)),
    ];
    let cases = cases.map(|(pointer, value)| (pointer, value, "external_interaction_id"));
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn an_interactions_times_have_offsets_and_make_sense() {
    let late = now().await.plus_ms(6 * MINUTE_MS).to_string();
    let cases = [
        ("/started_at", Value::Null, "started_at"),
        ("/started_at", json!("2026-03-02T10:00:00"), "started_at"),
        ("/started_at", json!("2026-03-02 10:00:00"), "started_at"),
        ("/started_at", json!("2026-03-02"), "started_at"),
        ("/started_at", json!("2026-02-30T10:00:00Z"), "started_at"),
        ("/started_at", json!("2026-03-02T25:00:00Z"), "started_at"),
        ("/started_at", json!("yesterday"), "started_at"),
        ("/started_at", json!(""), "started_at"),
        ("/started_at", json!(1_772_445_600), "started_at"),
        ("/started_at", json!("1999-12-31T23:59:59Z"), "started_at"),
        ("/started_at", json!(late), "started_at"),
        ("/started_at", json!("9999-12-31T23:59:59Z"), "started_at"),
        ("/ended_at", json!("2026-03-02T09:59:59.999Z"), "ended_at"),
        ("/ended_at", json!("2026-03-02T11:00:00+02:00"), "ended_at"),
        ("/ended_at", json!("2026-03-02T10:30:00"), "ended_at"),
        ("/ended_at", json!(late), "ended_at"),
    ];
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn a_senders_clock_may_run_four_minutes_ahead() {
    let shop = new_tenant().await;
    let ahead = now().await.plus_ms(4 * MINUTE_MS).to_string();
    let call = with(call("ahead"), "/started_at", json!(ahead));
    let answer = shop.post(PATH, with(call, "/ended_at", json!(ahead))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(shop.list(PATH).await.len(), 1);
}

#[tokio::test]
async fn an_interactions_closed_sets_and_numbers_are_closed() {
    let cases = [
        ("/channel", Value::Null, "channel"),
        ("/channel", json!(""), "channel"),
        ("/channel", json!("e mail"), "channel"),
        ("/channel", json!("e-mail"), "channel"),
        ("/channel", json!("c".repeat(33)), "channel"),
        ("/channel", json!(5), "channel"),
        ("/direction", json!("sideways"), "direction"),
        ("/source", json!("nobody"), "source"),
        ("/source", json!(1), "source"),
        ("/purchase_probability", json!(1.01), "purchase_probability"),
        ("/purchase_probability", json!(-0.01), "purchase_probability"),
        ("/purchase_probability", json!("NaN"), "purchase_probability"),
        ("/purchase_probability", json!("inf"), "purchase_probability"),
        ("/purchase_probability", json!("1e400"), "purchase_probability"),
        ("/purchase_probability", json!("75%"), "purchase_probability"),
        ("/purchase_probability", json!(true), "purchase_probability"),
        ("/duration_seconds", json!(-1), "duration_seconds"),
        ("/duration_seconds", json!(604_801), "duration_seconds"),
        ("/duration_seconds", json!(1.5), "duration_seconds"),
        ("/duration_seconds", json!("long"), "duration_seconds"),
        ("/duration_seconds", json!("99999999999999999999"), "duration_seconds"),
    ];
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn an_interactions_texts_and_lists_have_limits() {
    let many = |count: usize, entry: Value| Value::Array(vec![entry; count]);
    let cases = [
        ("/language", json!("x".repeat(36)), "language"),
        ("/vendor_code", json!(""), "vendor_code"),
        ("/vendor_code", json!("x".repeat(129)), "vendor_code"),
        ("/agent_id", json!("agent\u{1b}[2J"), "agent_id"),
        ("/team_id", json!([]), "team_id"),
        ("/transcript_url", json!("x".repeat(2049)), "transcript_url"),
        ("/primary_intent", json!("x".repeat(129)), "primary_intent"),
        ("/secondary_intents", many(21, json!("pricing")), "secondary_intents"),
        ("/secondary_intents", json!([7]), "secondary_intents"),
        ("/secondary_intents", json!("pricing"), "secondary_intents"),
        ("/outcome", json!({}), "outcome"),
        ("/sentiment", json!("x\u{0}"), "sentiment"),
        ("/raw_metadata", json!("x"), "raw_metadata"),
        ("/raw_metadata", json!([]), "raw_metadata"),
        ("/raw_metadata", json!({"x": "x".repeat(8192)}), "raw_metadata"),
        ("/participants", json!({}), "participants"),
        ("/participants", many(21, json!({"participant_type": "agent"})), "participants"),
        ("/participants", json!(["agent"]), "participants[0]"),
    ];
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn an_interactions_participants_are_read_strictly_and_named_by_place() {
    let agent = json!({"participant_type": "agent", "external_agent_id": "a", "role": "sales_rep"});
    let second = |field: &str, value: Value| json!([agent, with(agent.clone(), field, value)]);
    let cases = [
        ("/participants", second("/participant_type", Value::Null), "participants[1].participant_type"),
        ("/participants", second("/external_agent_id", json!("")), "participants[1].external_agent_id"),
        ("/participants", second("/role", json!("x".repeat(65))), "participants[1].role"),
        ("/participants", second("/mood", json!("good")), "participants[1].mood"),
    ];
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn a_field_that_may_be_absent_may_be_null() {
    let shop = new_tenant().await;
    let fields = [
        "source",
        "ended_at",
        "duration_seconds",
        "direction",
        "language",
        "vendor_code",
        "agent_id",
        "team_id",
        "participants",
        "transcript_url",
        "primary_intent",
        "secondary_intents",
        "purchase_probability",
        "outcome",
        "outcome_prediction",
        "sentiment",
        "raw_metadata",
    ];
    let nulls = fields.map(|field| format!("\"{field}\":null")).join(",");
    let right = call("nulls").to_string();
    let answer = shop.post_text(PATH, &format!("{{{nulls},{}", &right[1..])).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(shop.post_text(PATH, &right).await.body["meta"]["idempotent_replay"], json!(true));
}

#[tokio::test]
async fn unknown_fields_are_refused_wherever_they_stand() {
    let first =
        |field: &str, value: Value| with(json!({"type": "phone", "value": "+14155550123"}), field, value);
    let cases = [
        ("/tenant_id", json!("other"), "tenant_id"),
        ("/status", json!("completed"), "status"),
        ("/interaction_id", json!("int_00000000000000000000000000000000"), "interaction_id"),
        ("/Channel", json!("email"), "Channel"),
        (
            "/customer_identifiers",
            json!([first("/verified", json!(true))]),
            "customer_identifiers[0].verified",
        ),
        ("/customer_identifiers", json!([first("/Type", json!("email"))]), "customer_identifiers[0].Type"),
    ];
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn identifiers_that_identify_nobody_are_refused_by_place() {
    let one = |kind: &str, value: Value| json!([{"type": kind, "value": value}]);
    let (list, kind, value) =
        ("customer_identifiers", "customer_identifiers[0].type", "customer_identifiers[0].value");
    let cases = [
        (Value::Null, list),
        (json!([]), list),
        (identifiers(11), list),
        (json!({"type": "phone", "value": "+14155550123"}), list),
        (json!(["+14155550123"]), "customer_identifiers[0]"),
        (json!([null]), "customer_identifiers[0]"),
        (one("fax", json!("+14155550123")), kind),
        (one("", json!("+14155550123")), kind),
        (json!([{"value": "+14155550123"}]), kind),
        (json!([{"type": 1, "value": "+14155550123"}]), kind),
        (json!([{"type": "phone"}]), value),
        (one("phone", json!("call me")), value),
        (one("phone", json!("+")), value),
        (one("phone", json!("1".repeat(65))), value),
        (one("phone", json!("")), value),
        (one("phone", json!(["+14155550123"])), value),
        (one("email", json!("ann")), value),
        (one("email", json!("ann@localhost")), value),
        (one("email", json!("ann@example..com")), value),
        (one("email", json!("ann@b@example.com")), value),
        (one("email", json!("an n@example.com")), value),
        (one("email", json!(format!("{}@example.com", "x".repeat(65)))), value),
        (one("lead_id", json!("x".repeat(129))), value),
        (one("customer_id", json!("a\tb")), value),
    ];
    let cases = cases.map(|(value, fields)| ("/customer_identifiers", value, fields));
    refuses_each(PATH, &call("hostile-1"), &cases).await;
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let shop = new_tenant().await;
    let mut all = call("hostile-1");
    for (pointer, value) in [
        ("/channel", json!("e mail")),
        ("/started_at", json!("2026-03-02T10:00:00")),
        ("/customer_identifiers", json!([{"type": "fax", "value": 1}, {"type": "email", "value": "x"}])),
        ("/purchase_probability", json!(2)),
        ("/colour", json!("red")),
    ] {
        all = with(all, pointer, value);
    }
    let answer = shop.post(PATH, all).await;
    let mut fields = answer.fields();
    fields.sort_unstable();
    let expected = [
        "channel",
        "colour",
        "customer_identifiers[0].type",
        "customer_identifiers[1].value",
        "purchase_probability",
        "started_at",
    ];
    assert_eq!((answer.status, fields.as_slice()), (400, &expected[..]), "{}", answer.text);
}

#[tokio::test]
async fn the_widest_interaction_that_is_allowed_is_stored_whole() {
    let shop = new_tenant().await;
    let id = "é".repeat(128);
    let mut widest = call(&id);
    for (pointer, value) in [
        ("/customer_identifiers", identifiers(10)),
        (
            "/participants",
            Value::Array(vec![json!({"participant_type": "agent", "external_agent_id": "a"}); 20]),
        ),
        ("/secondary_intents", Value::Array(vec![json!("pricing"); 20])),
        ("/purchase_probability", json!("1.0")),
        ("/duration_seconds", json!("604800")),
        ("/ended_at", json!("2026-03-02T10:00:00Z")),
        ("/direction", json!("INBOUND")),
        ("/channel", json!("C".repeat(32))),
        ("/raw_metadata", json!({"x": "x".repeat(8192 - r#"{"x":""}"#.len())})),
        ("/transcript_url", json!("x".repeat(2048))),
        ("/team_id", json!(7)),
    ] {
        widest = with(widest, pointer, value);
    }
    let answer = shop.post(PATH, widest).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let stored = shop.get(&format!("{PATH}/ext:{id}")).await.data();
    assert_eq!(stored, answer.data());
    assert_eq!((&stored["duration_seconds"], &stored["team_id"]), (&json!(604_800), &json!("7")));
    assert_eq!((&stored["direction"], &stored["channel"]), (&json!("inbound"), &json!("c".repeat(32))));
}
