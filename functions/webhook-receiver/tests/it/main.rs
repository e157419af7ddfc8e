//! Webhooks as their senders see them, and what is queued behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod refusals;
mod secrets;
mod tenants;
mod verified;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use providers::SealedDelivery;
use runtime::Host;
use serde_json::Value;
use store::Tenant;
use testkit::{Stack, signature};
use tower::ServiceExt;

const BODY: &[u8] = br#"{"event_type":"call.started","call_id":"call-12345"}"#;

/// Signs demo's deliveries from Convin.
const SECRET: &str = "demo's secret of convin";

const ENV: [(&str, &str); 1] = [("DELIVERIES_QUEUE_URL", "http://queues/deliveries")];

/// A stack with the tenant demo, its secret, and the router.
async fn demo() -> (Stack, Tenant, Router) {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    put_secrets(&stack, &tenant, "convin", &[SECRET]).await;
    let router = router(&stack.host(&ENV));
    (stack, tenant, router)
}

fn router(host: &Host) -> Router {
    webhook_receiver::router(webhook_receiver::App::connect(host).unwrap())
}

async fn put_secrets(stack: &Stack, tenant: &Tenant, provider: &str, secrets: &[&str]) {
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    stack.table().put_secrets(&tenant.id, provider, &secrets).await.unwrap();
}

fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request<Body> {
    let request = Request::post(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_vec())).unwrap()
}

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Posts a body that `secret` signed.
async fn post(router: &Router, path: &str, secret: &str, body: &[u8]) -> (StatusCode, Value) {
    post_with(router, path, secret, &[], body).await
}

async fn post_with(
    router: &Router,
    path: &str,
    secret: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (StatusCode, Value) {
    let signature = signature(secret, body);
    let headers = [headers, &[("x-webhook-signature", &signature)]].concat();
    answer(router, request(path, &headers, body)).await
}

fn queued(stack: &Stack) -> Vec<SealedDelivery> {
    stack.outbox.take_bodies()
}
