//! `POST /v1/attribution/runs` and what follows it.

use e2e::new_tenant;
use serde_json::{Value, json};

use super::{call, nested, order, with};

const PATH: &str = "/v1/attribution/runs";

fn run() -> Value {
    json!({"model_code": "LINEAR", "name": "hostile", "config": {"time_window_hours": 72}})
}

#[tokio::test]
async fn a_run_that_cannot_be_is_refused_by_field() {
    let many = Value::Array(vec![json!("call"); 51]);
    let cases = [
        ("/model_code", Value::Null, "model_code"),
        ("/model_code", json!(1), "model_code"),
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(129)), "name"),
        ("/name", json!("a\u{0}b"), "name"),
        ("/status", json!("completed"), "status"),
        ("/run_id", json!("run_00000000000000000000000000000000"), "run_id"),
        ("/tenant_id", json!("other"), "tenant_id"),
        ("/config", json!([]), "config"),
        ("/config", json!("{}"), "config"),
        ("/config/window", json!(72), "config.window"),
        ("/config/time_window_hours", json!(0), "config.time_window_hours"),
        ("/config/time_window_hours", json!(-72), "config.time_window_hours"),
        ("/config/time_window_hours", json!(17_545), "config.time_window_hours"),
        ("/config/time_window_hours", json!(1.5), "config.time_window_hours"),
        ("/config/time_window_hours", json!("long"), "config.time_window_hours"),
        ("/config/half_life_hours", json!(0), "config.half_life_hours"),
        ("/config/include_channels", json!("call"), "config.include_channels"),
        ("/config/include_channels", json!([]), "config.include_channels"),
        ("/config/include_channels", json!(["e mail"]), "config.include_channels"),
        ("/config/include_channels", many.clone(), "config.include_channels"),
        ("/config/event_types", json!([]), "config.event_types"),
        ("/config/event_types", json!([7]), "config.event_types"),
        ("/config/event_types", many, "config.event_types"),
        ("/config/min_purchase_amount", json!(-1), "config.min_purchase_amount"),
        ("/config/min_purchase_amount", json!(0.001), "config.min_purchase_amount"),
        ("/config/min_purchase_currency", json!("XXX"), "config.min_purchase_currency"),
        ("/config/start_date", json!("2026-02-30"), "config.start_date"),
        ("/config/start_date", json!("2026-03-01T00:00:00Z"), "config.start_date"),
        ("/config/end_date", json!(20_260_301), "config.end_date"),
        ("/config/position_weights", json!([40, 20]), "config.position_weights"),
        ("/config/position_weights", json!([50, 50, 50]), "config.position_weights"),
        ("/config/position_weights", json!([-40, 100, 40]), "config.position_weights"),
        ("/config/position_weights", json!([33.3, 33.3, 33.4]), "config.position_weights"),
        ("/config/position_weights", json!([4_294_967_295_u32, 1, 100]), "config.position_weights"),
    ];
    let shop = new_tenant().await;
    for (pointer, value, field) in cases {
        let answer = shop.post(PATH, with(run(), pointer, value.clone())).await;
        let expected = format!("400 VALIDATION_ERROR {field}");
        assert_eq!(answer.refusal(), expected, "{pointer}={value}: {}", answer.text);
    }
    let dates = json!({"start_date": "2026-03-02", "end_date": "2026-03-01"});
    let answer = shop.post(PATH, with(run(), "/config", dates)).await;
    assert_eq!(answer.refusal(), "400 VALIDATION_ERROR config.end_date");
    let yen = json!({"min_purchase_amount": 1.5, "min_purchase_currency": "JPY"});
    let answer = shop.post(PATH, with(run(), "/config", yen)).await;
    assert_eq!(answer.refusal(), "400 VALIDATION_ERROR config.min_purchase_amount");
    for model in ["GUESS", "", "linear touch", &"X".repeat(100_000)] {
        let answer = shop.post(PATH, with(run(), "/model_code", json!(model))).await;
        assert_eq!(answer.refusal(), "400 MODEL_NOT_AVAILABLE model_code", "{}", answer.text);
        assert!(answer.text.len() < 1_000, "what was sent comes back at length");
    }
    let deep = run().to_string().replace("72", &nested(31));
    assert_eq!(shop.post_text(PATH, &deep).await.refusal(), "400 INVALID_JSON body");
    assert!(shop.list(PATH).await.is_empty());
}

#[tokio::test]
async fn a_run_is_executed_once_and_shows_nothing_before_it_is_completed() {
    let shop = new_tenant().await;
    assert_eq!(shop.post("/v1/interactions", call("call-1")).await.status, 201);
    assert_eq!(shop.post("/v1/conversions", order("order-1")).await.status, 201);
    let made = shop.post(PATH, run()).await.data();
    let path = format!("{PATH}/{}", made["run_id"].as_str().unwrap());
    let results = ["results", "unattributed"].map(|results| format!("{path}/{results}"));
    for results in &results {
        assert_eq!(shop.get(results).await.refusal(), "409 RUN_NOT_COMPLETED", "{results}");
    }
    let report = format!("/v1/analytics/agents/revenue?run_id={}", made["run_id"].as_str().unwrap());
    assert_eq!(shop.get(&report).await.refusal(), "409 RUN_NOT_COMPLETED");
    let execute = format!("{path}/execute");
    for (body, refusal) in [
        (r#"{"force":true}"#, "400 VALIDATION_ERROR force"),
        ("[]", "400 INVALID_JSON"),
        ("{", "400 INVALID_JSON"),
    ] {
        assert_eq!(shop.post_text(&execute, body).await.refusal(), refusal, "{body}");
    }
    assert_eq!(shop.get(&path).await.data()["status"], "pending");
    let done = shop.execute(made["run_id"].as_str().unwrap()).await;
    assert_eq!((&done["status"], &done["conversions_processed"]), (&json!("completed"), &json!(1)));
    let credits = shop.list(&results[0]).await;
    assert_eq!((credits.len(), shop.list(&results[1]).await.len()), (1, 0));
    for body in ["", "{}"] {
        assert_eq!(shop.post_text(&execute, body).await.refusal(), "409 RUN_ALREADY_EXECUTED");
    }
    assert_eq!(shop.get(&path).await.data(), done);
    assert_eq!(shop.list(&results[0]).await, credits);
}
