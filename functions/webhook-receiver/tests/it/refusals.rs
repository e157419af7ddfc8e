use axum::http::StatusCode;
use serde_json::Value;
use store::Refusal;
use testkit::signature;

use crate::{BODY, SECRET, answer, demo, post, put_secrets, queued, request};

#[tokio::test]
async fn every_delivery_that_does_not_verify_has_the_same_answer_and_leaves_nothing() {
    let (stack, _, router) = demo().await;
    let acme = stack.tenant("acme").await;
    put_secrets(&stack, &acme, "convin", &["acme's secret"]).await;
    stack.tenant("without-secrets").await;
    let demo = "/v1/webhooks/convin/demo";
    let right = signature(SECRET, BODY);
    let others = signature("acme's secret", BODY);
    let empty = signature("", BODY);
    let cases: Vec<(&str, Vec<&str>, &[u8])> = vec![
        (demo, vec![], BODY),
        (demo, vec![""], BODY),
        (demo, vec!["nonsense"], BODY),
        (demo, vec![&others], BODY),
        (demo, vec![&empty], BODY),
        (demo, vec![&right], br#"{"event_type":"call.started","call_id":"call-12346"}"#),
        (demo, vec![&right, &others], BODY),
        ("/v1/webhooks/telephony/demo", vec![&right], BODY),
        ("/v1/webhooks/convin/acme", vec![&right], BODY),
        ("/v1/webhooks/convin/Demo", vec![&right], BODY),
        ("/v1/webhooks/convin/nobody", vec![&right], BODY),
        ("/v1/webhooks/convin/nobody", vec![], BODY),
        ("/v1/webhooks/convin/without-secrets", vec![&empty], BODY),
        ("/v1/webhooks/convin/a%23b", vec![&right], BODY),
        ("/v1/webhooks/convin", vec![&right], BODY),
    ];
    for (path, signatures, body) in cases {
        let headers: Vec<_> = signatures.iter().map(|value| ("X-Webhook-Signature", *value)).collect();
        let (status, answer) = answer(&router, request(path, &headers, body)).await;
        let expected: Value = serde_json::json!({
            "error": "the signature does not match the body",
            "code": "INVALID_SIGNATURE",
            "details": [],
            "request_id": "",
        });
        assert_eq!((status, answer), (StatusCode::UNAUTHORIZED, expected), "{path} {signatures:?}");
    }
    assert!(queued(&stack).is_empty());
}

#[tokio::test]
async fn no_mention_anywhere_may_mean_another_tenant_than_the_verified_one() {
    let (stack, _, router) = demo().await;
    stack.tenant("acme").await;
    let path = "/v1/webhooks/convin/demo";
    for (path, header, body) in [
        ("/v1/webhooks/convin/demo?tenant_id=acme", "demo", r#"{"tenant_id":"demo"}"#),
        ("/v1/webhooks/convin/demo?tenant_id=demo&tenant_id=acme", "demo", r#"{"tenant_id":"demo"}"#),
        (path, "acme", r#"{"tenant_id":"demo"}"#),
        (path, "nobody", r#"{"tenant_id":"demo"}"#),
        (path, "demo", r#"{"tenant_id":"acme"}"#),
        (path, "demo", r#"{"tenant_id":3}"#),
        (path, "demo", r#"{"tenant_id":["demo"]}"#),
        (path, "demo", r#"{"tenant_id":"demo","tenant_id":"demo"}"#),
        ("/v1/webhooks/convin", "", r#"{"tenant_id":"demo","tenant_id":"acme"}"#),
    ] {
        let (status, answer) =
            crate::post_with(&router, path, SECRET, &[("X-Tenant-ID", header)], body.as_bytes()).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::UNAUTHORIZED, &"INVALID_SIGNATURE".into()),
            "{path} {header} {body}"
        );
    }
    assert!(queued(&stack).is_empty());
    let agreeing = "/v1/webhooks/convin/demo?tenant_id=demo";
    let (status, _) = post(&router, agreeing, SECRET, br#"{"tenant_id":"demo"}"#).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn refusals_are_noted_for_the_tenant_one_a_minute_and_the_last_twenty_are_kept() {
    let (stack, tenant, router) = demo().await;
    let refused = async |signature: &str| {
        let headers = [("X-Webhook-Signature", signature)];
        let (status, _) = answer(&router, request("/v1/webhooks/convin/demo", &headers, BODY)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        stack.table().refusals(&tenant.id, "convin").await.unwrap()
    };
    let noted = |reason: &str| Refusal { at: stack.clock.now(), reason: reason.to_owned() };
    let wrong = signature("another secret", BODY);
    let first = [noted("the signature is not one of this body with an active secret")];
    assert_eq!(refused(&wrong).await, first);
    stack.clock.advance(59_000);
    assert_eq!(refused("").await, first);
    stack.clock.advance(1_000);
    let next = noted("the delivery carries no signature, or several that differ");
    assert_eq!(refused("").await, [next.clone(), first[0].clone()]);
    for _ in 0..19 {
        stack.clock.advance(60_000);
        refused("").await;
    }
    let kept = refused("").await;
    assert_eq!((kept.len(), &kept[0].at, &kept[19]), (20, &stack.clock.now(), &next));
    assert_eq!(stack.table().refusals(&tenant.id, "telephony").await.unwrap(), []);
}

#[tokio::test]
async fn all_containers_together_note_one_refusal_a_minute() {
    let (stack, tenant, router) = demo().await;
    for router in [router, crate::router(&stack.host(&crate::ENV))] {
        let (status, _) = answer(&router, request("/v1/webhooks/convin/demo", &[], BODY)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(stack.table().refusals(&tenant.id, "convin").await.unwrap().len(), 1);
        stack.clock.advance(59_000);
    }
}

#[tokio::test]
async fn a_refusal_that_cannot_be_noted_is_answered_as_always() {
    let (stack, _, _) = demo().await;
    let host = stack.failing_host(&crate::ENV, |operation, _| operation == "PutItem");
    let headers = [("X-Webhook-Signature", "00")];
    let (status, _) =
        answer(&crate::router(&host), request("/v1/webhooks/convin/demo", &headers, BODY)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
