use axum::http::StatusCode;
use testkit::signature;

use crate::{BODY, ENV, SECRET, answer, demo, post, post_with, put_secrets, queued, request, router};

const BARE: &str = "/v1/webhooks/convin";

#[tokio::test]
async fn on_the_bare_path_the_tenant_is_named_by_query_header_or_body_in_this_order() {
    let (stack, _, router) = demo().await;
    for (path, headers, body) in [
        ("/v1/webhooks/convin?tenant_id=demo", &[][..], BODY),
        (BARE, &[("X-Tenant-ID", " demo ")], BODY),
        (BARE, &[], br#"{"tenant_id":"demo"}"#),
        ("/v1/webhooks/convin?tenant_id=", &[("X-Tenant-ID", "")], br#"{"tenant_id":"demo"}"#),
    ] {
        let (status, _) = post_with(&router, path, SECRET, headers, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{path} {headers:?}");
        assert_eq!(queued(&stack)[0].tenant.as_str(), "demo");
    }
    let acme = stack.tenant("acme").await;
    put_secrets(&stack, &acme, "convin", &["acme's"]).await;
    let body = br#"{"tenant_id":"demo"}"#;
    let (status, _) = post(&router, "/v1/webhooks/convin?tenant_id=acme", "acme's", body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the query picks acme, the body means demo");
}

#[tokio::test]
async fn an_alias_means_whoever_claimed_it_with_that_provider() {
    let (stack, tenant, router) = demo().await;
    let table = stack.table();
    assert!(table.claim_alias("convin", "3", &tenant.id).await.unwrap());
    let acme = stack.tenant("acme").await;
    assert!(table.claim_alias("telephony", "3", &acme.id).await.unwrap());
    put_secrets(&stack, &acme, "telephony", &["acme's"]).await;
    let body = br#"{"tenant_id":3,"call_id":"1"}"#;
    for path in [BARE, "/v1/webhooks/convin/3", "/v1/webhooks/convin/demo", "/v1/webhooks/convin?tenant_id=3"]
    {
        assert_eq!(post(&router, path, SECRET, body).await.0, StatusCode::ACCEPTED, "{path}");
        assert_eq!(queued(&stack)[0].tenant, tenant.id);
    }
    assert_eq!(post(&router, "/v1/webhooks/telephony", "acme's", body).await.0, StatusCode::ACCEPTED);
    assert_eq!(queued(&stack)[0].tenant, acme.id);
    let (status, _) = post(&router, "/v1/webhooks/telephony/acme", "acme's", br#"{"tenant_id":"4"}"#).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_tenant_of_that_id_is_meant_before_an_alias() {
    let (stack, tenant, router) = demo().await;
    stack.table().claim_alias("convin", "3", &tenant.id).await.unwrap();
    let three = stack.tenant("3").await;
    put_secrets(&stack, &three, "convin", &["three's"]).await;
    assert_eq!(post(&router, "/v1/webhooks/convin/3", "three's", BODY).await.0, StatusCode::ACCEPTED);
    assert_eq!(queued(&stack)[0].tenant, three.id);
    assert_eq!(post(&router, "/v1/webhooks/convin/3", SECRET, BODY).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_delivery_that_names_nobody_is_the_default_tenants_and_nobodys_where_there_is_none() {
    let (stack, tenant, without) = demo().await;
    let with = router(&stack.host(&[ENV[0], ("DEFAULT_TENANT", "demo")]));
    assert_eq!(post(&with, BARE, SECRET, BODY).await.0, StatusCode::ACCEPTED);
    assert_eq!(queued(&stack)[0].tenant, tenant.id);
    assert_eq!(post(&without, BARE, SECRET, BODY).await.0, StatusCode::UNAUTHORIZED);
    let named = br#"{"tenant_id":"nobody"}"#;
    assert_eq!(post(&with, BARE, SECRET, named).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_that_no_key_could_hold_name_nobody() {
    let (_, _, router) = demo().await;
    let long = "x".repeat(4_000);
    for name in [&*long, "a#b", "é", "\u{1}"] {
        let body = serde_json::json!({ "tenant_id": name }).to_string();
        let headers = [("x-webhook-signature", &*signature(SECRET, body.as_bytes()))];
        let (status, _) = answer(&router, request(BARE, &headers, body.as_bytes())).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[test]
fn a_default_tenant_that_is_no_id_is_a_misconfiguration() {
    let host = testkit::host(&[ENV[0], ("DEFAULT_TENANT", "a b")]);
    let problem = webhook_receiver::App::connect(&host).err().unwrap().to_string();
    assert!(problem.contains("DEFAULT_TENANT"), "{problem}");
    assert!(webhook_receiver::App::connect(&testkit::host(&[])).is_err(), "a queue is required");
}
