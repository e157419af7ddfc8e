//! How often a tenant may ask.

use axum::http::StatusCode;

use crate::Shop;

const RATE: &str = "2000";
const BURST: &str = "4000";

/// How many of `count` requests at once were let through, and the last answer's `Retry-After`.
async fn passed(shop: &Shop, count: usize) -> (usize, Option<String>) {
    let (mut passed, mut wait) = (0, None);
    for _ in 0..count {
        let (status, headers, body) = shop.post(&[], "{}").await;
        if status == StatusCode::CREATED {
            passed += 1;
        } else {
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
            assert!(body.contains("RATE_LIMITED"), "{body}");
            wait = Some(headers["retry-after"].to_str().unwrap().to_owned());
        }
    }
    (passed, wait)
}

/// What holding the limit has written since this was asked last, which reads nothing.
fn units(shop: &Shop) -> f64 {
    let all = shop.access.table.meter().take();
    let rates = all.get("rates").copied().unwrap_or_default();
    assert!(rates.reads <= 0.0);
    rates.writes
}

#[tokio::test]
async fn after_the_burst_requests_are_refused_until_the_rate_allows_more() {
    let shop = Shop::limited_to("5", "10").await;
    assert_eq!(passed(&shop, 30).await, (10, Some("1".to_owned())));
    assert_eq!(shop.carried_out(), 10);
    shop.stack.clock.advance(1_000);
    assert_eq!(passed(&shop, 30).await.0, 5);
    shop.stack.clock.advance(60_000);
    assert_eq!(passed(&shop, 30).await.0, 10);
}

#[tokio::test]
async fn who_is_refused_is_told_when_to_come_again_and_writes_nothing_meanwhile() {
    let shop = Shop::limited_to("1", "1").await;
    assert_eq!(passed(&shop, 1).await.0, 1);
    assert_eq!(passed(&shop, 1).await, (0, Some("1".to_owned())));
    units(&shop);
    assert_eq!(passed(&shop, 100).await.0, 0);
    assert!(units(&shop) <= 0.0);
}

#[tokio::test]
async fn a_request_costs_a_twentieth_of_a_write_at_most() {
    let shop = Shop::limited_to(RATE, BURST).await;
    shop.post(&[], "{}").await;
    units(&shop);
    let mut total = 0;
    // At half the rate, at the rate, and all at once after a rest.
    for (each_ms, rounds) in [(1, 1_000), (2, 500), (2_000, 1)] {
        for _ in 0..rounds {
            shop.stack.clock.advance(each_ms);
            let count = if each_ms == 2_000 { 3_000 } else { usize::try_from(each_ms).unwrap().pow(2) };
            total += count;
            assert_eq!(passed(&shop, count).await.0, count);
        }
    }
    let writes = units(&shop);
    let total = u32::try_from(total).unwrap();
    assert!(writes / f64::from(total) <= 0.05, "{writes} for {total}");
    assert!(writes > 0.0);
}

#[tokio::test]
async fn where_nothing_is_limited_nothing_is_read_or_written_for_it() {
    let shop = Shop::open().await;
    shop.post(&[], "{}").await;
    shop.access.table.meter().take();
    assert_eq!(passed(&shop, 200).await.0, 200);
    assert!(shop.access.table.meter().take().is_empty());
}

#[tokio::test]
async fn a_table_that_cannot_be_asked_limits_nobody() {
    let stack = testkit::stack();
    let env = [("TENANT_RATE", "1"), ("TENANT_BURST", "1")];
    let host = stack.failing_host(&env, |operation, _| operation == "UpdateItem");
    let shop = Shop::open_on(stack, &host).await;
    assert_eq!(passed(&shop, 20).await.0, 20);
}

#[tokio::test]
async fn a_refused_request_may_come_again_with_its_key() {
    let shop = Shop::limited_to("1", "1").await;
    let key = [("idempotency-key", "order-1")];
    passed(&shop, 1).await;
    assert_eq!(shop.post(&key, "{}").await.0, StatusCode::TOO_MANY_REQUESTS);
    shop.stack.clock.advance(1_000);
    assert_eq!(shop.post(&key, "{}").await.0, StatusCode::CREATED);
}
