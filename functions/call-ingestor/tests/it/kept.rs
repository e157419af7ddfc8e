use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use call_ingestor::App;
use domain::time::DAY_MS;
use providers::Provider;
use store::{Delivery, DeliveryState, KeptDelivery, Paging, Span, Tenant};
use testkit::Stack;

use crate::{STARTED, about, app, handled, message, messages, of_convin, sealed};

/// Everything kept, newest first.
async fn kept(stack: &Stack, tenant: &Tenant) -> Vec<Delivery> {
    let (table, now) = (stack.table(), stack.clock.now());
    let span = Span { from: now.plus_ms(-DAY_MS), to: now };
    let all = Paging { span, after: None, limit: 50, newest_first: true };
    let listed = table.kept_page(&tenant.id, all, now, |_| true).await.unwrap().items;
    let mut whole = Vec::new();
    for kept in listed {
        whole.push(table.kept_delivery(&tenant.id, &kept.delivery_id, now).await.unwrap().unwrap());
    }
    whole
}

#[tokio::test]
async fn a_signed_delivery_that_cannot_be_read_is_quarantined_whole_and_not_repeated() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let body = r#"{"event_type":"call.ended","call_id":"x","timestamp":"2024-01-15T10:30:00","data":{"duration_seconds":-1}}"#;
    let delivery = sealed(&stack, &tenant, Provider::Telephony, body);
    for _ in 0..2 {
        let good = messages(&stack, &tenant, &[about("good", STARTED)]);
        assert!(handled(&app(&stack), [message(&delivery)].into_iter().chain(good)).await.is_empty());
    }
    let kept = kept(&stack, &tenant).await;
    assert_eq!(
        kept,
        [Delivery {
            kept: KeptDelivery {
                delivery_id: delivery.delivery_id,
                provider: "telephony".to_owned(),
                state: DeliveryState::Quarantined,
                reason: "timestamp has no offset; add Z or one such as +05:30; \
                         data.duration_seconds must be a whole number from 0 to 604800"
                    .to_owned(),
                received_at: stack.clock.now(),
                replayed_at: None,
            },
            body: STANDARD.encode(body),
            seal: delivery.seal,
        }]
    );
    assert!(of_convin(&stack, &tenant, "good").await.is_some());
}

#[tokio::test]
async fn a_delivery_of_an_unknown_type_is_kept_and_changes_nothing() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let body = r#"{"event_type":"call.transferred","call_id":"call-12345"}"#;
    let delivery = sealed(&stack, &tenant, Provider::Convin, body);
    assert!(handled(&app(&stack), [message(&delivery)]).await.is_empty());
    let kept = kept(&stack, &tenant).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].kept.state, DeliveryState::Unhandled);
    assert_eq!(kept[0].kept.reason, "the event type call.transferred is not handled");
    assert_eq!(of_convin(&stack, &tenant, "call-12345").await, None);
}

#[tokio::test]
async fn the_largest_body_can_be_kept() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let delivery = sealed(&stack, &tenant, Provider::Convin, &"x".repeat(256 * 1024));
    assert!(handled(&app(&stack), [message(&delivery)]).await.is_empty());
    assert_eq!(kept(&stack, &tenant).await.len(), 1);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_kept_comes_back() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let host =
        stack.failing_host(&[], |operation, body| operation == "PutItem" && body.contains("DELIVERIES"));
    let failing = App::connect(&host).unwrap();
    let batch = messages(&stack, &tenant, &["not json".to_owned(), about("good", STARTED)]);
    assert_eq!(handled(&failing, batch).await, ["m0"]);
    assert!(of_convin(&stack, &tenant, "good").await.is_some());
}
