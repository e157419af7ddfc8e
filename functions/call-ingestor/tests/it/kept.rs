use call_ingestor::App;
use domain::ids::{ExternalId, FactId};
use domain::source::Source;
use domain::time::DAY_MS;
use providers::{Provider, SealedDelivery};
use store::{DeliveryState, KeptDelivery, Paging, Span, Tenant};
use testkit::Stack;

use crate::{STARTED, about, app, handled, message, messages, of_convin, sealed};

/// Everything kept, newest first.
async fn kept(stack: &Stack, tenant: &Tenant) -> Vec<KeptDelivery> {
    let (table, now) = (stack.table(), stack.clock.now());
    let span = Span { from: now.plus_ms(-DAY_MS), to: now };
    let all = Paging { span, after: None, limit: 50, newest_first: true };
    table.kept_page(&tenant.id, all, now, |_| true).await.unwrap().items
}

#[tokio::test]
async fn a_signed_delivery_that_cannot_be_read_is_quarantined_and_not_repeated() {
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
        [KeptDelivery {
            delivery_id: delivery.delivery_id,
            provider: "telephony".to_owned(),
            state: DeliveryState::Quarantined,
            reason: "timestamp has no offset; add Z or one such as +05:30; \
                     data.duration_seconds must be a whole number from 0 to 604800"
                .to_owned(),
            interaction: Some(FactId::interaction(
                &tenant.id,
                Source::Telephony,
                &ExternalId::parse("x").unwrap()
            )),
            received_at: stack.clock.now(),
            replayed_at: None,
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
    assert_eq!(kept[0].state, DeliveryState::Unhandled);
    assert_eq!(
        kept[0].reason,
        "the event type call.transferred is not handled; those that are: call.started, call.ended, \
         call.transcript.updated, call.intent.detected"
    );
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

/// The message of a delivery that somebody had sent again a moment after it was kept, and noted that.
async fn replayed(stack: &Stack, tenant: &Tenant, delivery: &SealedDelivery) -> String {
    stack.clock.advance(1);
    let replayed_at = Some(stack.clock.now());
    let places = [(delivery.received_at, delivery.delivery_id.as_str())];
    let kept = stack.table().kept_deliveries(&tenant.id, places, stack.clock.now()).await.unwrap();
    if let Some(kept) = kept.get(&delivery.delivery_id) {
        let noted = KeptDelivery { replayed_at, ..kept.clone() };
        stack.table().note_replay(tenant, &noted).await.unwrap();
    }
    message(&SealedDelivery { replayed_at, ..delivery.clone() })
}

async fn dead_letter(stack: &Stack, tenant: &Tenant, delivery: &SealedDelivery) {
    let kept = KeptDelivery {
        delivery_id: delivery.delivery_id.clone(),
        provider: delivery.provider.code().to_owned(),
        state: DeliveryState::DeadLettered,
        reason: "it failed".to_owned(),
        interaction: None,
        received_at: delivery.received_at,
        replayed_at: delivery.replayed_at,
    };
    stack.table().keep_delivery(tenant, &kept).await.unwrap();
}

#[tokio::test]
async fn a_replay_that_succeeds_ends_the_keeping_for_good() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let delivery = sealed(&stack, &tenant, Provider::Convin, &about("call-a", STARTED));
    dead_letter(&stack, &tenant, &delivery).await;
    // The same message once more, late, is not the replay.
    assert!(handled(&app(&stack), [message(&delivery)]).await.is_empty());
    assert_eq!(kept(&stack, &tenant).await.len(), 1);
    let replayed = replayed(&stack, &tenant, &delivery).await;
    assert!(handled(&app(&stack), [replayed.clone()]).await.is_empty());
    assert!(kept(&stack, &tenant).await.is_empty());
    assert!(of_convin(&stack, &tenant, "call-a").await.is_some());
    // Neither what kept it coming late, nor the replay coming twice, brings it back.
    dead_letter(&stack, &tenant, &delivery).await;
    assert!(handled(&app(&stack), [replayed]).await.is_empty());
    assert!(kept(&stack, &tenant).await.is_empty());
}

#[tokio::test]
async fn what_a_replay_came_to_replaces_why_it_was_kept() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let delivery = sealed(&stack, &tenant, Provider::Convin, "not json");
    dead_letter(&stack, &tenant, &delivery).await;
    let replayed = replayed(&stack, &tenant, &delivery).await;
    assert!(handled(&app(&stack), [replayed]).await.is_empty());
    let kept = kept(&stack, &tenant).await;
    assert_eq!((kept.len(), kept[0].state), (1, DeliveryState::Quarantined));
    assert_eq!(kept[0].replayed_at, Some(stack.clock.now()));
}

#[tokio::test]
async fn a_replay_that_could_not_end_the_keeping_comes_back() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let delivery = sealed(&stack, &tenant, Provider::Convin, &about("call-a", STARTED));
    dead_letter(&stack, &tenant, &delivery).await;
    let replayed = replayed(&stack, &tenant, &delivery).await;
    let host = stack.failing_host(&[], |operation, body| operation == "PutItem" && body.contains("taken_at"));
    assert_eq!(handled(&App::connect(&host).unwrap(), [replayed.clone()]).await, ["m0"]);
    assert_eq!(kept(&stack, &tenant).await.len(), 1);
    assert!(handled(&app(&stack), [replayed]).await.is_empty());
    assert!(kept(&stack, &tenant).await.is_empty());
}
