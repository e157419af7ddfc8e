//! Why a call does not appear: deliveries that were taken and changed nothing.

use e2e::{Client, deliveries_done, new_tenant};
use serde_json::{Value, json};

const LIST: &str = "/v1/webhooks/deliveries";
const UNREADABLE: &str =
    r#"{"event_type":"call.ended","call_id":"call-1","timestamp":"2026-03-02T10:00:00","data":{}}"#;
const UNHANDLED: &str = r#"{"event_type":"call.transferred","call_id":"call-1"}"#;

/// Delivers, and waits until it is known what became of it; its id.
async fn deliver(shop: &Client, provider: &str, body: &str) -> String {
    let answer = shop.deliver(provider, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    deliveries_done().await;
    answer.data()["delivery_id"].as_str().unwrap().to_owned()
}

fn ids(list: &[Value]) -> Vec<&str> {
    list.iter().map(|kept| kept["delivery_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_changed_nothing_is_listed_with_its_reason_newest_first() {
    let shop = new_tenant().await;
    let unreadable = deliver(&shop, "convin", UNREADABLE).await;
    let unhandled = deliver(&shop, "telephony", UNHANDLED).await;
    let read =
        r#"{"event_type":"call.started","call_id":"call-2","timestamp":"2026-03-02T10:00:00Z","data":{}}"#;
    deliver(&shop, "convin", read).await;
    let all = shop.list(LIST).await;
    assert_eq!(ids(&all), [unhandled.as_str(), &unreadable]);
    assert_eq!(all[0]["reason"], "the event type call.transferred is not handled");
    assert_eq!(all[1]["reason"], "timestamp has no offset; add Z or one such as +05:30");
    assert_eq!((&all[1]["state"], &all[1]["provider"]), (&json!("quarantined"), &json!("convin")));
    for (filter, expected) in [
        ("limit=1", vec![unhandled.as_str(), &unreadable]),
        ("state=Quarantined", vec![&unreadable]),
        ("provider=telephony&limit=1", vec![&unhandled]),
        ("state=unhandled&provider=convin", vec![]),
        ("end_date=2026-03-02", vec![]),
        ("start_date=2026-03-02", vec![&unhandled, &unreadable]),
    ] {
        assert_eq!(ids(&shop.list(&format!("{LIST}?{filter}")).await), expected, "{filter}");
    }
    for (filter, refusal) in [
        ("state=lost", "400 VALIDATION_ERROR state"),
        ("provider=nobody", "400 VALIDATION_ERROR provider"),
        ("cursor=abc", "400 INVALID_CURSOR cursor"),
    ] {
        assert_eq!(shop.get(&format!("{LIST}?{filter}")).await.refusal(), refusal, "{filter}");
    }
}

#[tokio::test]
async fn the_payload_is_shown_byte_for_byte() {
    let shop = new_tenant().await;
    let id = deliver(&shop, "convin", UNREADABLE).await;
    let kept = shop.get(&format!("{LIST}/{id}")).await.data();
    assert_eq!((&kept["payload"], &kept["delivery_id"]), (&json!(UNREADABLE), &json!(id)));
    for missing in ["dlv_00000000000000000000000000000000", "dlv_x", "x", &id[..id.len() - 1]] {
        assert_eq!(shop.get(&format!("{LIST}/{missing}")).await.refusal(), "404 NOT_FOUND", "{missing}");
    }
}

#[tokio::test]
async fn what_still_cannot_be_read_stays_kept_once_after_a_replay() {
    let shop = new_tenant().await;
    let id = deliver(&shop, "convin", UNREADABLE).await;
    let replayed = shop.post(&format!("{LIST}/{id}/replay"), json!({})).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text);
    deliveries_done().await;
    let all = shop.list(LIST).await;
    assert_eq!(ids(&all), [id.as_str()]);
    assert!(all[0]["replayed_at"].is_string());
    assert_eq!(shop.get(&format!("{LIST}/{id}")).await.data()["payload"], UNREADABLE);
}

#[tokio::test]
async fn the_tenant_sees_its_settings_and_that_a_secret_is_wrong_but_no_secret() {
    let shop = new_tenant().await;
    let tenant = shop.get("/v1/tenant").await.data();
    assert_eq!(tenant["tenant_id"], shop.tenant.tenant_id);
    assert_eq!((&tenant["default_model"], &tenant["daily_run_days"]), (&json!("TIME_DECAY"), &json!(30)));
    assert_eq!(tenant["webhooks"]["convin"], json!({"active_secrets": 1, "last_refusal": null}));
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    let wrong = [("x-webhook-signature", "00"), ("x-api-key", "")];
    assert_eq!(shop.send("POST", &path, &wrong, UNHANDLED.into()).await.status, 401);
    let signature = shop.signature("telephony", UNHANDLED.as_bytes());
    let others = [("x-webhook-signature", signature.as_str()), ("x-api-key", "")];
    assert_eq!(shop.send("POST", &path, &others, UNHANDLED.into()).await.status, 401);
    let answer = shop.get("/v1/tenant").await;
    let refusal = &answer.body["data"]["webhooks"]["convin"]["last_refusal"];
    assert!(refusal["at"].is_string());
    assert_eq!(refusal["reason"], "the delivery carries no signature, or several that differ");
    assert_eq!(answer.body["data"]["webhooks"]["telephony"]["last_refusal"], Value::Null);
    assert!(shop.tenant.webhook_secrets.values().all(|secret| !answer.text.contains(secret)));
}
