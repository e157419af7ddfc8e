//! Runs that are to start by themselves.

use e2e::new_tenant;
use serde_json::{Value, json};

const SCHEDULES: &str = "/v1/attribution/schedules";

#[tokio::test]
async fn a_schedule_is_created_listed_read_and_ended() {
    let shop = new_tenant().await;
    let asked = json!({
        "name": "Weekly by position", "model_code": "POSITION_BASED", "more_models": ["W"],
        "every": "week", "weekday": "friday", "at": "03:30",
        "config": {"position_weights": [50, 0, 50]},
    });
    let created = shop.post(SCHEDULES, asked).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let created = created.data();
    assert_eq!(created["config"]["position_weights"], json!([50, 0, 50]));
    assert_eq!(created["more_models"], json!(["W"]));
    assert_eq!((&created["weekday"], &created["day_of_month"]), (&json!("friday"), &Value::Null));
    assert_eq!((&created["last_days"], &created["last_run_id"]), (&json!(7), &Value::Null));
    let next = chrono::DateTime::parse_from_rfc3339(created["next_run_at"].as_str().unwrap()).unwrap();
    assert_eq!(next.format("%A %H:%M").to_string(), "Friday 03:30");
    assert_eq!(shop.get(SCHEDULES).await.data(), json!([created]));
    let path = format!("{SCHEDULES}/{}", created["schedule_id"].as_str().unwrap());
    assert_eq!(shop.get(&path).await.data(), created);
    for _ in 0..2 {
        let ended = shop.send("DELETE", &path, &[], Vec::new()).await;
        assert_eq!((ended.status, &ended.data()["next_run_at"]), (200, &Value::Null));
    }
    assert_eq!(shop.get(SCHEDULES).await.data(), json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_told_field_by_field() {
    let shop = new_tenant().await;
    let asked = json!({
        "name": "", "model_code": "LINEAR", "every": "year", "at": "3:30", "last_days": 0,
        "config": {"start_date": "2026-01-01"},
    });
    let refused = shop.post(SCHEDULES, asked).await;
    assert_eq!(refused.status, 400);
    let fields: Vec<_> =
        refused.body["details"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["name", "config.start_date", "every", "at", "last_days"]);
    let unknown = json!({"name": "a", "model_code": "GUESS", "every": "day", "at": "03:30"});
    assert_eq!(shop.post(SCHEDULES, unknown).await.refusal(), "400 MODEL_NOT_AVAILABLE model_code");
    assert_eq!(shop.get(SCHEDULES).await.data(), json!([]));
}

#[tokio::test]
async fn a_tenant_has_no_more_schedules_than_fifty() {
    let shop = new_tenant().await;
    let asked = json!({"name": "a", "model_code": "LINEAR", "every": "month", "at": "00:00"});
    for _ in 0..50 {
        assert_eq!(shop.post(SCHEDULES, asked.clone()).await.status, 201);
    }
    assert_eq!(shop.post(SCHEDULES, asked).await.refusal(), "409 TOO_MANY");
}
