//! Requests that are sent again with their `Idempotency-Key`.

use domain::permission::Permission;
use e2e::{Answer, Client, KeyState, new_tenant, with_permissions};
use futures::future::join_all;
use serde_json::{Value, json};

const RUNS: &str = "/v1/attribution/runs";

async fn post(shop: &Client, path: &str, key: &str, body: &Value) -> Answer {
    send(shop, "POST", path, key, body).await
}

async fn send(shop: &Client, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    shop.send(method, path, &headers, body.to_string().into_bytes()).await
}

fn linear(name: &str) -> Value {
    json!({"model_code": "LINEAR", "name": name})
}

async fn run_names(shop: &Client) -> Vec<String> {
    let runs = shop.list(RUNS).await;
    runs.iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_and_carried_out_once() {
    let shop = new_tenant().await;
    let first = post(&shop, RUNS, "monday", &linear("Monday")).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""));
    for _ in 0..3 {
        let again = post(&shop, RUNS, "monday", &linear("Monday")).await;
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(run_names(&shop).await, ["Monday"]);
    // Without a key, or with another, it is another request.
    assert_eq!(shop.post(RUNS, linear("Monday")).await.status, 201);
    assert_eq!(post(&shop, RUNS, "tuesday", &linear("Monday")).await.status, 201);
    assert_eq!(run_names(&shop).await.len(), 3);
}

#[tokio::test]
async fn a_request_without_a_body_can_be_repeated_too() {
    let shop = new_tenant().await;
    let run = shop.post(RUNS, linear("mine")).await.data();
    let execute = format!("{RUNS}/{}/execute", run["run_id"].as_str().unwrap());
    let send = async || shop.send("POST", &execute, &[("idempotency-key", "k")], Vec::new()).await;
    let first = send().await;
    assert_eq!(first.status, 202, "{}", first.text);
    let again = send().await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (202, "true"), "{}", again.text);
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let shop = new_tenant().await;
    post(&shop, RUNS, "k", &linear("one")).await.data();
    let other = post(&shop, RUNS, "k", &linear("two")).await;
    assert_eq!(other.refusal(), "409 IDEMPOTENCY_KEY_REUSED");
    assert_eq!(run_names(&shop).await, ["one"]);
}

#[tokio::test]
async fn the_same_key_elsewhere_or_by_others_is_another_request() {
    let (shop, rival) = (new_tenant().await, new_tenant().await);
    let colleague = with_permissions(&shop, [Permission::AttributionRun], KeyState::Active).await;
    let run = post(&shop, RUNS, "k", &linear("mine")).await.data();
    let theirs = post(&rival, RUNS, "k", &linear("mine")).await.data();
    let colleagues = post(&colleague, RUNS, "k", &linear("mine")).await.data();
    let ids = [&run, &theirs, &colleagues].map(|run| run["run_id"].as_str().unwrap());
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
    let execute = format!("{RUNS}/{}/execute", ids[0]);
    assert_eq!(post(&shop, &execute, "k", &json!({})).await.status, 202);
}

#[tokio::test]
async fn of_twenty_requests_at_once_one_is_carried_out() {
    let shop = new_tenant().await;
    let body = linear("once");
    let answers = join_all((0..20).map(|_| post(&shop, RUNS, "at-once", &body))).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!created.is_empty());
    assert!(created.iter().all(|answer| answer.text == created[0].text));
    let first = created.iter().filter(|answer| answer.header("idempotency-replayed").is_empty());
    assert_eq!(first.count(), 1);
    for early in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(early.refusal(), "409 REQUEST_IN_PROGRESS");
        assert_eq!(early.header("retry-after"), "1");
    }
    assert_eq!(run_names(&shop).await, ["once"]);
    let later = post(&shop, RUNS, "at-once", &body).await;
    assert_eq!((later.status, &later.text), (201, &created[0].text));
}

#[tokio::test]
async fn a_refusal_is_kept_as_it_was_given() {
    let shop = new_tenant().await;
    let body = json!({"model_code": "GUESS"});
    let first = post(&shop, RUNS, "k", &body).await;
    assert_eq!(first.refusal(), "400 MODEL_NOT_AVAILABLE model_code");
    let again = post(&shop, RUNS, "k", &body).await;
    assert_eq!((again.status, &again.text), (400, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_kept_answer_is_shown_to_nobody_who_may_not_ask() {
    let shop = new_tenant().await;
    let body = linear("secret");
    post(&shop, RUNS, "k", &body).await.data();
    let may_not = with_permissions(&shop, [Permission::AttributionView], KeyState::Active).await;
    let revoked = with_permissions(&shop, [Permission::AttributionRun], KeyState::Revoked).await;
    let nobody = shop.with_key("");
    for (who, refusal) in [
        (&nobody, "401 UNAUTHENTICATED"),
        (&revoked, "401 UNAUTHENTICATED"),
        (&may_not, "403 FORBIDDEN permission"),
    ] {
        for key in ["k", "", &"x".repeat(256)] {
            assert_eq!(post(who, RUNS, key, &body).await.refusal(), refusal);
        }
    }
}

#[tokio::test]
async fn a_key_has_1_to_255_printable_characters() {
    let shop = new_tenant().await;
    let longest = "x".repeat(255);
    assert_eq!(post(&shop, RUNS, &longest, &linear("a")).await.status, 201);
    for key in [format!("{longest}x"), "a\tb".to_owned()] {
        let refused = post(&shop, RUNS, &key, &linear("a")).await;
        assert_eq!(refused.refusal(), "400 VALIDATION_ERROR Idempotency-Key", "{key}");
    }
    // Reading takes no notice of it.
    let listed = shop.send("GET", RUNS, &[("idempotency-key", &"x".repeat(256))], Vec::new()).await;
    assert_eq!(listed.status, 200);
}

#[tokio::test]
async fn batches_and_corrections_can_be_repeated_too() {
    let shop = new_tenant().await;
    let who = json!([{"type": "email", "value": "customer@example.com"}]);
    let call = |n: usize| {
        json!({
            "external_interaction_id": format!("call-{n}"), "channel": "call", "agent_id": "ann",
            "started_at": "2026-03-01T11:00:00Z", "customer_identifiers": who,
        })
    };
    let batch = json!({"items": (0..500).map(call).collect::<Vec<_>>()});
    let first = post(&shop, "/v1/interactions/batch", "night", &batch).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let again = post(&shop, "/v1/interactions/batch", "night", &batch).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
    let path = "/v1/interactions/ext:call-7";
    let right = json!({"agent_id": "bob"});
    let first = send(&shop, "PATCH", path, "right", &right).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let again = send(&shop, "PATCH", path, "right", &right).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
}

#[tokio::test]
async fn webhooks_take_no_notice_of_a_key() {
    let shop = new_tenant().await;
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    for body in [r#"{"event_type":"a","call_id":"1"}"#, r#"{"event_type":"b","call_id":"2"}"#] {
        let signature = shop.signature("convin", body.as_bytes());
        let headers = [("x-webhook-signature", signature.as_str()), ("idempotency-key", "k")];
        let answer = shop.send("POST", &path, &headers, body.as_bytes().to_vec()).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (202, ""));
    }
}
