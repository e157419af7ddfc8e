//! From records of the stream to changes noted and counts asked for.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lambda_events::dynamodb::Event;
use domain::ids::{FactKind, TenantId};
use domain::rollup::{Bucket, Recount};
use domain::time::Hour;
use rollup_projector::App;
use serde_json::{Value, json};
use testkit::Stack;

const ENV: [(&str, &str); 3] = [
    ("ROLLUPS_QUEUE_URL", "http://queues/rollups"),
    ("ROLLUP_DELAY_SECONDS", "60"),
    ("INDEX_LAG_SECONDS", "5"),
];

fn app(stack: &Stack) -> App {
    App::connect(&stack.host(&ENV)).unwrap()
}

fn moved() -> Value {
    serde_json::from_str(include_str!("../../../../events/stream/interaction.moved.json")).unwrap()
}

fn event(records: &[Value]) -> Event {
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

/// What is asked for at the first change of an hour.
fn first_of(hour: &str) -> Recount {
    let tenant = TenantId::parse("demo").unwrap();
    let hour = Hour::parse(hour).unwrap();
    Recount { bucket: Bucket { tenant, kind: FactKind::Interaction, hour, shard: 0 }, changes: 1 }
}

#[tokio::test]
async fn a_fact_that_moves_changes_the_hour_it_left_and_the_one_it_went_to() {
    let stack = testkit::stack();
    let event: Event = serde_json::from_value(moved()).unwrap();
    let response = rollup_projector::handle(app(&stack), event).await;
    assert!(response.batch_item_failures.is_empty());
    let sent = stack.outbox.take();
    assert!(sent.iter().all(|message| message.delay_seconds == 60));
    assert!(sent.iter().all(|message| message.message_group_id.as_deref() == Some("demo")));
    let mut asked: Vec<Recount> =
        sent.iter().map(|message| serde_json::from_str(&message.message_body).unwrap()).collect();
    asked.sort_by(|a, b| a.bucket.cmp(&b.bucket));
    assert_eq!(asked, [first_of("202401150900"), first_of("202401151000")]);
}

#[tokio::test]
async fn many_changes_of_an_hour_are_noted_by_one_write() {
    let stack = testkit::stack();
    let mut record = moved()["Records"][0].clone();
    record["dynamodb"]["OldImage"] = json!({});
    let app = app(&stack);
    rollup_projector::handle(app.clone(), event(&vec![record; 1_000])).await;
    assert_eq!(stack.outbox.take_bodies::<Recount>(), [first_of("202401150900")]);
    let billed: f64 = app.meter().take().values().map(|units| units.writes).sum();
    assert!((billed - 1.0).abs() < f64::EPSILON, "{billed}");
}

#[tokio::test]
async fn a_change_is_left_to_a_count_that_waits_for_longer_than_the_indexes_lag() {
    let stack = testkit::stack();
    let mut record = moved()["Records"][0].clone();
    record["dynamodb"]["OldImage"] = json!({});
    let app = app(&stack);
    // After so many milliseconds: what is asked for then.
    for (passed, asked) in [(0, 1), (54_999, 0), (1, 1), (1, 0), (54_999, 1)] {
        stack.clock.advance(passed);
        rollup_projector::handle(app.clone(), event(std::slice::from_ref(&record))).await;
        assert_eq!(stack.outbox.take().len(), asked, "after {passed} ms");
    }
    // Another container knows nothing of it.
    rollup_projector::handle(self::app(&stack), event(&[record])).await;
    assert_eq!(stack.outbox.take_bodies::<Recount>()[0].changes, 4);
}

#[tokio::test]
async fn what_is_no_interaction_or_expired_changes_nothing() {
    let stack = testkit::stack();
    let record = moved()["Records"][0].clone();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut record = record.clone();
        change(&mut record);
        record
    };
    let records = [
        with(&|record| record["dynamodb"]["OldImage"] = json!({"pk": {"S": "T#demo"}})),
        with(&|record| {
            record["dynamodb"]["OldImage"]["g2p"] = json!({"S": "T#demo#HOUR#CNV#202401151000#0"})
        }),
        with(&|record| {
            record["eventName"] = json!("REMOVE");
            record["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
        }),
    ];
    let records = records.map(|mut record| {
        record["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        record
    });
    rollup_projector::handle(app(&stack), event(&records)).await;
    assert!(stack.outbox.take().is_empty());
}

#[tokio::test]
async fn what_cannot_be_noted_or_asked_for_comes_again_from_the_first_record_on() {
    let stack = testkit::stack();
    let failing = stack.failing_host(&ENV, |operation, _| operation == "UpdateItem");
    let records = || -> Event { serde_json::from_value(moved()).unwrap() };
    let again = |response: &aws_lambda_events::streams::DynamoDbEventResponse| {
        response
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.clone().unwrap())
            .collect::<Vec<_>>()
    };
    let refused = rollup_projector::handle(App::connect(&failing).unwrap(), records()).await;
    assert_eq!(again(&refused), ["4421584500000000017450439091"]);
    assert!(stack.outbox.take().is_empty());
    stack.outbox.refuse();
    let refused = rollup_projector::handle(app(&stack), records()).await;
    assert_eq!(again(&refused), ["4421584500000000017450439091"]);
    stack.outbox.relent();
    assert!(again(&rollup_projector::handle(app(&stack), records()).await).is_empty());
    assert_eq!(stack.outbox.take().len(), 2);
}

/// Two records: one of nine o'clock, one of ten, in this order.
fn nine_and_ten() -> Event {
    let moved = moved()["Records"][0].clone();
    let (mut nine, mut ten) = (moved.clone(), moved);
    nine["dynamodb"]["OldImage"] = json!({});
    ten["dynamodb"]["NewImage"] = json!({});
    ten["dynamodb"]["SequenceNumber"] = json!("4421584500000000017450439092");
    event(&[nine, ten])
}

#[tokio::test]
async fn what_fails_now_and_then_holds_nothing_up() {
    let stack = testkit::stack();
    let calls = AtomicUsize::new(0);
    let every_other = move |operation: &str, _: &str| {
        operation == "UpdateItem" && calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
    };
    let flaky = App::connect(&stack.failing_host(&ENV, every_other)).unwrap();
    let response = rollup_projector::handle(flaky, nine_and_ten()).await;
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(stack.outbox.take().len(), 2);
}

#[tokio::test]
async fn what_keeps_failing_comes_again_without_what_was_done_before_it() {
    let stack = testkit::stack();
    let ten = |operation: &str, body: &str| operation == "UpdateItem" && body.contains("202401151000");
    let failing = App::connect(&stack.failing_host(&ENV, ten)).unwrap();
    let response = rollup_projector::handle(failing, nine_and_ten()).await;
    let again: Vec<_> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(again, [Some("4421584500000000017450439092".to_owned())]);
    assert_eq!(stack.outbox.take_bodies::<Recount>(), [first_of("202401150900")]);
}
