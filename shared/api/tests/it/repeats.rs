//! Requests with an `Idempotency-Key`, over time and when something fails.

use axum::http::StatusCode;
use domain::time::{DAY_MS, SECOND_MS};
use store::{Claimed, Once};

use crate::Shop;

const KEY: [(&str, &str); 1] = [("idempotency-key", "order-1")];

#[tokio::test]
async fn a_request_without_a_key_writes_nothing_of_its_own() {
    let shop = Shop::open().await;
    shop.post(&[], "{}").await;
    shop.access.table.meter().take();
    shop.post(&[], "{}").await;
    assert_eq!(shop.carried_out(), 2);
    assert!(shop.access.table.meter().take().is_empty());
}

#[tokio::test]
async fn an_answer_is_given_again_for_a_day() {
    let shop = Shop::open().await;
    let (status, _, first) = shop.post(&KEY, "{}").await;
    assert_eq!(status, StatusCode::CREATED);
    shop.stack.clock.advance(DAY_MS - 1);
    let (status, headers, again) = shop.post(&KEY, "{}").await;
    assert_eq!((status, &again), (StatusCode::CREATED, &first));
    assert_eq!(headers["idempotency-replayed"], "true");
    assert_eq!(shop.post(&KEY, r#"{"fill":1}"#).await.0, StatusCode::CONFLICT);
    assert_eq!(shop.carried_out(), 1);
    shop.stack.clock.advance(1);
    let (status, headers, anew) = shop.post(&KEY, r#"{"fill":1}"#).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(anew != first && !headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn what_failed_on_our_side_is_carried_out_again() {
    let shop = Shop::open().await;
    for times in 1..=3 {
        let (status, headers, _) = shop.post(&KEY, r#"{"fail":"please"}"#).await;
        assert_eq!((status, shop.carried_out()), (StatusCode::SERVICE_UNAVAILABLE, times));
        assert!(!headers.contains_key("idempotency-replayed"));
    }
    // The key stays that of the request it came with.
    let (status, _, body) = shop.post(&KEY, "{}").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("IDEMPOTENCY_KEY_REUSED"), "{body}");
}

#[tokio::test]
async fn what_failed_in_part_is_carried_out_again() {
    let shop = Shop::open().await;
    for times in 1..=3 {
        let (status, headers, _) = shop.post(&KEY, r#"{"in_part":"please"}"#).await;
        assert_eq!((status, shop.carried_out()), (StatusCode::CREATED, times));
        assert!(!headers.contains_key("idempotency-kept"));
    }
}

#[tokio::test]
async fn a_request_whose_function_died_can_be_taken_over_after_half_a_minute() {
    let shop = Shop::open().await;
    let table = shop.stack.table();
    let once = Once {
        tenant: domain::ids::TenantId::parse("demo").unwrap(),
        name: "a-request".to_owned(),
        fingerprint: "of-its-body".to_owned(),
    };
    let claim = |now, id: &str| table.claim_once(once.clone(), id.to_owned(), now);
    let now = shop.stack.clock.now();
    assert!(matches!(claim(now, "one").await.unwrap(), Claimed::Ours(_)));
    // The same put again is not a rival: its answer was lost on the way.
    assert!(matches!(claim(now, "one").await.unwrap(), Claimed::Ours(_)));
    let late = now.plus_ms(30 * SECOND_MS);
    assert!(matches!(claim(late.plus_ms(-1), "two").await.unwrap(), Claimed::InProgress));
    let other = Once { fingerprint: "of-another".to_owned(), ..once.clone() };
    assert!(matches!(table.claim_once(other, "three".to_owned(), late).await.unwrap(), Claimed::OtherBody));
    let Claimed::Ours(taken_over) = claim(late, "four").await.unwrap() else { panic!("nobody works on it") };
    // What the first may have created is what the second creates.
    assert_eq!(taken_over.first(), "one");
    assert!(matches!(claim(late, "five").await.unwrap(), Claimed::InProgress));
    table.settle_once(&taken_over, None).await.unwrap();
    assert!(matches!(claim(late, "six").await.unwrap(), Claimed::Ours(_)));
    // Who has lost the claim settles nothing.
    table.settle_once(&taken_over, None).await.unwrap();
    assert!(matches!(claim(late, "seven").await.unwrap(), Claimed::InProgress));
}

#[tokio::test]
async fn an_answer_too_large_to_keep_says_so_and_the_request_is_carried_out_again() {
    let shop = Shop::open().await;
    let (status, headers, first) = shop.post(&KEY, r#"{"fill":349000}"#).await;
    assert_eq!((status, headers.get("idempotency-kept")), (StatusCode::CREATED, None));
    assert_eq!(shop.post(&KEY, r#"{"fill":349000}"#).await.2, first);
    let large = [("idempotency-key", "order-2")];
    for times in 2..=3 {
        let (status, headers, _) = shop.post(&large, r#"{"fill":350000}"#).await;
        assert_eq!((status, shop.carried_out()), (StatusCode::CREATED, times));
        assert_eq!(headers["idempotency-kept"], "false");
    }
}
