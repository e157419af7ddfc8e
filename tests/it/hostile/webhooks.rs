//! Deliveries that are signed: their size, and what becomes of those nobody can read.

use domain::time::MINUTE_MS;
use e2e::{Answer, Client, deliveries_done, kept_deliveries, new_tenant, now};
use serde_json::{Value, json};

use super::{nested, started, with};

const KIB_256: usize = 256 * 1024;

async fn deliver(shop: &Client, body: &[u8]) -> Answer {
    let signature = shop.signature("convin", body);
    let headers = [("x-webhook-signature", signature.as_str()), ("x-api-key", "")];
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    shop.send("POST", &path, &headers, body.to_vec()).await
}

async fn acknowledged(shop: &Client, body: &[u8]) -> String {
    let answer = deliver(shop, body).await;
    assert_eq!(answer.status, 202, "{}: {}", String::from_utf8_lossy(body), answer.text);
    answer.data()["delivery_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_delivery_may_have_256_kibibytes_and_no_byte_more() {
    let shop = new_tenant().await;
    let right = started("large-1").to_string();
    let padded = |size: usize| format!("{right}{}", " ".repeat(size - right.len())).into_bytes();
    let answer = deliver(&shop, &padded(KIB_256 + 1)).await;
    assert_eq!(answer.refusal(), "413 PAYLOAD_TOO_LARGE", "{}", answer.text);
    // Size comes before the signature: nobody makes us compute one over megabytes.
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    let answer = shop.send("POST", &path, &[("x-api-key", "")], padded(KIB_256 + 1)).await;
    assert_eq!(answer.refusal(), "413 PAYLOAD_TOO_LARGE", "{}", answer.text);
    deliveries_done().await;
    assert!(shop.list("/v1/interactions").await.is_empty());
    // The largest is readable, and so is the largest that is kept for people to look at.
    acknowledged(&shop, &padded(KIB_256)).await;
    shop.get_until("/v1/interactions/ext:convin:large-1", |answer| answer.status == 200).await;
    acknowledged(&shop, &vec![b'x'; KIB_256]).await;
    deliveries_done().await;
    assert_eq!(kept_deliveries(&shop).await.len(), 1);
}

#[tokio::test]
async fn an_unknown_provider_is_not_found_whatever_is_sent() {
    let shop = new_tenant().await;
    let body = started("hostile-1").to_string();
    let signature = shop.signature("convin", body.as_bytes());
    for provider in ["twilio2", "api", "Convin%20", "convin%23", "con", "crm", "%00"] {
        for tenant in [String::new(), format!("/{}", shop.tenant.tenant_id)] {
            let path = format!("/v1/webhooks/{provider}{tenant}");
            let headers = [("x-webhook-signature", signature.as_str()), ("x-api-key", "")];
            let answer = shop.send("POST", &path, &headers, body.clone().into()).await;
            assert_eq!(answer.refusal(), "404 NOT_FOUND", "{path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_is_signed_but_unreadable_is_acknowledged_and_put_aside() {
    let shop = new_tenant().await;
    let late = now().await.plus_ms(6 * MINUTE_MS).to_string();
    let right = started("hostile-1");
    let spoilt = |pointer: &str, value: Value| with(right.clone(), pointer, value).to_string().into_bytes();
    let text = right.to_string();
    let deep = text.replacen('{', &format!("{{\"more\":{},", nested(32)), 1);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("no JSON", b"call-1 started".to_vec()),
        ("a form", b"event_type=call.started&call_id=hostile-1".to_vec()),
        ("a list", format!("[{text}]").into_bytes()),
        ("cut off", text.as_bytes()[..text.len() - 1].to_vec()),
        ("trailing", format!("{text}x").into_bytes()),
        ("no UTF-8", [b"\xff", text.as_bytes()].concat()),
        ("NaN", text.replacen('{', "{\"more\":NaN,", 1).into_bytes()),
        ("33 levels", deep.into_bytes()),
        ("no event type", spoilt("/event_type", Value::Null)),
        ("an empty event type", spoilt("/event_type", json!(" "))),
        ("an event type that is a number", spoilt("/event_type", json!(7))),
        ("no call id", spoilt("/call_id", Value::Null)),
        ("a call id too long", spoilt("/call_id", json!("x".repeat(129)))),
        ("a call id with control characters", spoilt("/call_id", json!("hostile-1\u{0}"))),
        ("no timestamp", spoilt("/timestamp", Value::Null)),
        ("a naive timestamp", spoilt("/timestamp", json!("2026-03-02T10:00:00"))),
        ("a future timestamp", spoilt("/timestamp", json!(late))),
        ("a naive start", spoilt("/data/started_at", json!("2026-03-02T10:00:00"))),
        ("a future start", spoilt("/data/started_at", json!(late))),
        ("a probability above 1", spoilt("/data/purchase_probability", json!(1.01))),
        ("a negative duration", spoilt("/data/duration_seconds", json!(-1))),
        ("data that is no object", spoilt("/data", json!([]))),
        ("a call id that stands twice", text.replacen('{', "{\"call_id\":\"other\",", 1).into_bytes()),
    ];
    let mut sent = Vec::new();
    for (what, body) in &cases {
        sent.push((acknowledged(&shop, body).await, *what));
    }
    deliveries_done().await;
    let kept = kept_deliveries(&shop).await;
    for (delivery_id, what) in &sent {
        let found = kept.iter().find(|kept| kept["delivery_id"] == *delivery_id.as_str());
        let found = found.unwrap_or_else(|| panic!("{what} is lost"));
        assert_eq!(
            (&found["state"], &found["provider"]),
            (&json!("quarantined"), &json!("convin")),
            "{what}"
        );
        let reason = found["reason"].as_str().unwrap();
        assert!(!reason.is_empty() && !reason.contains("hostile"), "{what}: {reason}");
    }
    assert_eq!(kept.len(), sent.len());
    super::nothing_is_stored(&shop, "hostile-1").await;
}

#[tokio::test]
async fn unknown_types_and_fields_are_acknowledged() {
    let shop = new_tenant().await;
    let unknown = with(started("hostile-1"), "/event_type", json!("call.sneezed\n"));
    let delivery_id = acknowledged(&shop, unknown.to_string().as_bytes()).await;
    let more = with(started("more-1"), "/data/mood", json!({"deep": [1, 2, 3]}));
    acknowledged(&shop, with(more, "/version", json!("2")).to_string().as_bytes()).await;
    shop.get_until("/v1/interactions/ext:convin:more-1", |answer| answer.status == 200).await;
    deliveries_done().await;
    let kept = kept_deliveries(&shop).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((&kept[0]["state"], &kept[0]["delivery_id"]), (&json!("unhandled"), &json!(delivery_id)));
    assert_eq!(shop.list("/v1/interactions").await.len(), 1);
}

#[tokio::test]
async fn an_identical_delivery_again_changes_nothing() {
    let shop = new_tenant().await;
    let body = started("again-1").to_string();
    acknowledged(&shop, body.as_bytes()).await;
    let path = "/v1/interactions/ext:convin:again-1";
    let first = shop.get_until(path, |answer| answer.status == 200).await.data();
    for _ in 0..5 {
        acknowledged(&shop, body.as_bytes()).await;
    }
    deliveries_done().await;
    assert_eq!(shop.get(path).await.data(), first);
    assert_eq!(shop.list("/v1/interactions").await, [first]);
    assert!(kept_deliveries(&shop).await.is_empty());
}
