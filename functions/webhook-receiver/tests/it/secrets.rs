use axum::http::StatusCode;
use runtime::Place;

use crate::{BODY, ENV, SECRET, demo, post, put_secrets, router};

const PATH: &str = "/v1/webhooks/convin/demo";

#[tokio::test]
async fn both_active_secrets_verify() {
    let (stack, tenant, router) = demo().await;
    put_secrets(&stack, &tenant, "convin", &["newer", SECRET]).await;
    for secret in ["newer", SECRET] {
        assert_eq!(post(&router, PATH, secret, BODY).await.0, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn a_rotated_secret_works_at_once_and_a_removed_one_stops_within_a_minute() {
    let (stack, tenant, router) = demo().await;
    assert_eq!(post(&router, PATH, SECRET, BODY).await.0, StatusCode::ACCEPTED);
    put_secrets(&stack, &tenant, "convin", &["rotated"]).await;
    stack.clock.advance(5_000);
    let still_known = post(&router, PATH, "rotated", BODY).await.0;
    assert_eq!(still_known, StatusCode::UNAUTHORIZED, "a mismatch does not read more often than every 5 s");
    stack.clock.advance(1);
    assert_eq!(post(&router, PATH, SECRET, BODY).await.0, StatusCode::ACCEPTED, "known for a minute");
    assert_eq!(post(&router, PATH, "rotated", BODY).await.0, StatusCode::ACCEPTED);
    assert_eq!(post(&router, PATH, SECRET, BODY).await.0, StatusCode::UNAUTHORIZED, "read again by then");

    put_secrets(&stack, &tenant, "convin", &[]).await;
    assert_eq!(post(&router, PATH, "rotated", BODY).await.0, StatusCode::ACCEPTED);
    stack.clock.advance(60_000);
    assert_eq!(post(&router, PATH, "rotated", BODY).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_environments_secret_is_the_default_tenants_beside_its_own() {
    let (stack, _, _) = demo().await;
    stack.tenant("acme").await;
    let env = [
        ENV[0],
        ("DEFAULT_TENANT", "demo"),
        ("CONVIN_WEBHOOK_SECRET", "of convin"),
        ("TELEPHONY_WEBHOOK_SECRET", "of telephony"),
    ];
    let with_default = router(&stack.host(&env));
    let without = router(&stack.host(&[env[0], env[2], env[3]]));
    for (path, secret, status) in [
        ("/v1/webhooks/convin", "of convin", StatusCode::ACCEPTED),
        ("/v1/webhooks/convin", SECRET, StatusCode::ACCEPTED),
        ("/v1/webhooks/telephony/demo", "of telephony", StatusCode::ACCEPTED),
        ("/v1/webhooks/telephony/demo", "of convin", StatusCode::UNAUTHORIZED),
        ("/v1/webhooks/convin/acme", "of convin", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(post(&with_default, path, secret, BODY).await.0, status, "{path} {secret}");
    }
    assert_eq!(post(&without, PATH, "of convin", BODY).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_local_stacks_secrets_are_worth_nothing_in_the_cloud() {
    let (stack, tenant, _) = demo().await;
    put_secrets(&stack, &tenant, "convin", &["local-convin-demo", SECRET]).await;
    let env = [ENV[0], ("DEFAULT_TENANT", "demo"), ("TELEPHONY_WEBHOOK_SECRET", "local-telephony")];
    for (place, status) in [(Place::Local, StatusCode::ACCEPTED), (Place::Cloud, StatusCode::UNAUTHORIZED)] {
        let mut host = stack.host(&env);
        host.place = place;
        let router = router(&host);
        assert_eq!(post(&router, PATH, "local-convin-demo", BODY).await.0, status, "{place:?}");
        let of_environment = post(&router, "/v1/webhooks/telephony", "local-telephony", BODY).await.0;
        assert_eq!(of_environment, status, "{place:?}");
        assert_eq!(post(&router, PATH, SECRET, BODY).await.0, StatusCode::ACCEPTED, "{place:?}");
    }
}
