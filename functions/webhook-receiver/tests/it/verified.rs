use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use providers::{Provider, SealedDelivery};

use crate::{BODY, ENV, SECRET, answer, demo, post, queued, router};

#[tokio::test]
async fn a_signed_delivery_is_queued_sealed_for_its_tenant_and_acknowledged_with_its_id() {
    let (stack, tenant, router) = demo().await;
    let (status, answer) = post(&router, "/v1/webhooks/convin/demo", SECRET, BODY).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let sent = stack.outbox.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].queue_url, "http://queues/deliveries");
    assert_eq!(sent[0].message_group_id.as_deref(), Some("demo"));
    let sealed: SealedDelivery = serde_json::from_str(&sent[0].message_body).unwrap();
    assert_eq!(answer["data"], serde_json::json!({ "delivery_id": sealed.delivery_id }));
    assert!(sealed.delivery_id.starts_with("dlv_"));
    assert_eq!((&sealed.tenant, sealed.received_at), (&tenant.id, stack.clock.now()));
    let opened = sealed.open(&tenant.key.derived(SealedDelivery::PURPOSE)).unwrap();
    assert_eq!((opened.provider(), opened.body()), (Provider::Convin, BODY));
}

#[tokio::test]
async fn a_body_may_be_empty_or_binary_or_anything() {
    let (stack, tenant, router) = demo().await;
    let key = tenant.key.derived(SealedDelivery::PURPOSE);
    for body in [&b""[..], b"\x00\xff\xfe\r\n", b"a=1&b=2", b"{\"tenant_id\":"] {
        let (status, _) = post(&router, "/v1/webhooks/Convin/demo", SECRET, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body:?}");
        assert_eq!(queued(&stack)[0].open(&key).unwrap().body(), body);
    }
}

#[tokio::test]
async fn an_identical_delivery_is_acknowledged_again_under_an_id_of_its_own() {
    let (stack, _, router) = demo().await;
    for _ in 0..2 {
        assert_eq!(post(&router, "/v1/webhooks/convin/demo", SECRET, BODY).await.0, StatusCode::ACCEPTED);
    }
    let sealed = queued(&stack);
    assert_ne!(sealed[0].delivery_id, sealed[1].delivery_id);
}

#[tokio::test]
async fn a_delivery_is_acknowledged_only_once_the_queue_has_it() {
    let (stack, _, router) = demo().await;
    stack.outbox.refuse();
    let (status, answer) = post(&router, "/v1/webhooks/convin/demo", SECRET, BODY).await;
    assert_eq!((status, &answer["code"]), (StatusCode::SERVICE_UNAVAILABLE, &"UNAVAILABLE".into()));
    assert!(!answer.to_string().contains("queue"), "{answer}");
    stack.outbox.relent();
    assert!(queued(&stack).is_empty());
    assert_eq!(post(&router, "/v1/webhooks/convin/demo", SECRET, BODY).await.0, StatusCode::ACCEPTED);
    assert_eq!(queued(&stack).len(), 1);
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_a_503_and_never_a_refusal() {
    let (stack, _, _) = demo().await;
    let router = router(&stack.failing_host(&ENV, |operation, _| operation == "GetItem"));
    let (status, _) = post(&router, "/v1/webhooks/convin/demo", SECRET, BODY).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_body_of_256_kib_is_taken_and_one_byte_more_is_refused() {
    let (stack, _, router) = demo().await;
    let mut body = vec![b' '; 256 * 1024];
    assert_eq!(post(&router, "/v1/webhooks/convin/demo", SECRET, &body).await.0, StatusCode::ACCEPTED);
    body.push(b' ');
    let (status, answer) = post(&router, "/v1/webhooks/convin/demo", SECRET, &body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &"PAYLOAD_TOO_LARGE".into()));
    assert_eq!(queued(&stack).len(), 1);
}

#[tokio::test]
async fn unknown_providers_and_paths_are_not_found_and_other_methods_not_allowed() {
    let (_, _, router) = demo().await;
    let api = "/v1/webhooks/api/demo";
    for path in [api, "/v1/webhooks/nobody", "/v1/webhooks/convin/%ff", "/v1/webhooks/convin/demo/more"] {
        let (status, answer) = post(&router, path, SECRET, BODY).await;
        assert_eq!((status, &answer["code"]), (StatusCode::NOT_FOUND, &"NOT_FOUND".into()), "{path}");
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method.clone()).uri("/v1/webhooks/convin/demo");
        let (status, _) = answer(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[test]
fn the_routes_are_those_of_the_contract() {
    let routes = webhook_receiver::routes();
    let listed: Vec<_> = routes.listed().iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(listed, [("POST", "/v1/webhooks/{provider}"), ("POST", "/v1/webhooks/{provider}/{tenant}")]);
}
