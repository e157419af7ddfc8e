//! What was told wrongly is set right, and stays so.

use e2e::{Answer, Client, deliveries_done, event, new_tenant};
use serde_json::{Value, json};

const CALL: &str = "/v1/interactions/ext:convin:call-12345";

async fn patch(shop: &Client, path: &str, body: &Value) -> Answer {
    shop.send("PATCH", path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
}

/// The guide's call, from all four events.
async fn called() -> Client {
    let shop = new_tenant().await;
    deliver_all(&shop).await;
    shop
}

async fn deliver_all(shop: &Client) {
    for name in ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"] {
        let body = event(&format!("convin/{name}.json")).replace("\"tenant_id\": 3,", "");
        assert_eq!(shop.deliver("convin", &body).await.status, 202);
    }
    deliveries_done().await;
}

#[tokio::test]
async fn a_correction_stands_against_everything_told_before_it_however_late_it_comes() {
    let shop = called().await;
    let before = shop.get(CALL).await.data();
    let right = json!({
        "agent_id": 7, "primary_intent": null, "started_at": "2024-01-15T09:30:00Z", "duration_seconds": 60,
        "purchase_probability": 0.25, "channel": "Video_Call",
    });
    let corrected = patch(&shop, CALL, &right).await.data();
    assert_eq!(
        (&corrected["agent_id"], &corrected["primary_intent"], &corrected["channel"]),
        (&json!("7"), &Value::Null, &json!("video_call"))
    );
    assert_eq!(corrected["started_at"], "2024-01-15T09:30:00Z");
    assert_eq!(corrected["purchase_probability"], 0.25);
    assert_eq!(corrected["interaction_id"], before["interaction_id"]);
    assert_eq!(corrected["team_id"], before["team_id"]);
    deliver_all(&shop).await;
    assert_eq!(shop.get(CALL).await.data(), corrected);
    // The lists find it where it is now.
    let listed = shop.list("/v1/interactions?agent_id=7").await;
    assert_eq!(listed.len(), 1);
    assert!(shop.list("/v1/interactions?agent_id=agent-001").await.is_empty());
}

#[tokio::test]
async fn a_later_correction_stands_against_an_earlier_one() {
    let shop = called().await;
    for agent in ["one", "two", "three"] {
        let corrected = patch(&shop, CALL, &json!({"agent_id": agent})).await.data();
        assert_eq!(corrected["agent_id"], agent);
    }
    assert_eq!(shop.get(CALL).await.data()["agent_id"], "three");
}

#[tokio::test]
async fn a_report_may_be_repeated_after_it_was_corrected() {
    let shop = new_tenant().await;
    let report = json!({
        "external_interaction_id": "mail-1", "channel": "email", "started_at": "2026-03-03T10:00:00Z",
        "agent_id": "ann", "customer_identifiers": [{"type": "email", "value": "c@example.com"}],
    });
    assert_eq!(shop.post("/v1/interactions", report.clone()).await.status, 201);
    patch(&shop, "/v1/interactions/ext:api:mail-1", &json!({"agent_id": "bob"})).await.data();
    let again = shop.post("/v1/interactions", report).await;
    assert_eq!((again.status, &again.body["meta"]["idempotent_replay"]), (200, &json!(true)));
    assert_eq!(again.data()["agent_id"], "bob");
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_field_and_changes_nothing() {
    let shop = called().await;
    let before = shop.get(CALL).await.data();
    for (body, refusal) in [
        (json!({}), "400 VALIDATION_ERROR body"),
        (json!({"agent": "ann"}), "400 VALIDATION_ERROR agent"),
        (json!({"started_at": null}), "400 VALIDATION_ERROR started_at"),
        (json!({"channel": null}), "400 VALIDATION_ERROR channel"),
        (json!({"started_at": "2024-01-15T10:30:00"}), "400 VALIDATION_ERROR started_at"),
        (json!({"ended_at": "2024-01-15T10:00:00Z"}), "400 VALIDATION_ERROR ended_at"),
        (json!({"started_at": "2024-01-15T11:00:00Z"}), "400 VALIDATION_ERROR ended_at"),
        (json!({"purchase_probability": 1.5}), "400 VALIDATION_ERROR purchase_probability"),
        (json!({"customer_identifiers": []}), "400 VALIDATION_ERROR customer_identifiers"),
    ] {
        assert_eq!(patch(&shop, CALL, &body).await.refusal(), refusal, "{body}");
    }
    for missing in ["ext:convin:call-1", "int_00000000000000000000000000000000", "x"] {
        let answer = patch(&shop, &format!("/v1/interactions/{missing}"), &json!({"agent_id": "ann"})).await;
        assert_eq!(answer.refusal(), "404 NOT_FOUND", "{missing}");
    }
    assert_eq!(shop.get(CALL).await.data(), before);
}
