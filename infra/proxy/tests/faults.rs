//! What the SDK makes of each way to fail, and what is in the table afterwards.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
use testkit::{Call, Fault, Stack, TABLE};

/// A client whose first `operation` meets the fault; what comes after it passes.
fn meets_once(stack: &Stack, operation: &'static str, fault: Fault) -> (Client, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let judge = move |call: &Call| {
        let is_first = call.operation == operation && counted.fetch_add(1, Ordering::SeqCst) == 0;
        is_first.then_some(fault)
    };
    (stack.host_behind(&[], judge).aws.dynamodb(), calls)
}

fn item(name: &str) -> HashMap<String, AttributeValue> {
    ["pk", "sk"].map(|key| (key.to_owned(), AttributeValue::S(name.to_owned()))).into()
}

fn write(name: &str) -> WriteRequest {
    WriteRequest::builder()
        .put_request(PutRequest::builder().set_item(Some(item(name))).build().unwrap())
        .build()
}

async fn is_there(stack: &Stack, name: &str) -> bool {
    let client = stack.host(&[]).aws.dynamodb();
    client.get_item().table_name(TABLE).set_key(Some(item(name))).send().await.unwrap().item.is_some()
}

#[tokio::test]
async fn a_put_ends_as_each_fault_promises() {
    for fault in Fault::ALL {
        let stack = testkit::stack();
        let (client, attempts) = meets_once(&stack, "PutItem", fault);
        let put = client.put_item().table_name(TABLE).set_item(Some(item("one"))).send().await;
        // Whether the SDK tries again, whether the caller hears of a success, whether the item is there.
        let seen = (attempts.load(Ordering::SeqCst), put.is_ok(), is_there(&stack, "one").await);
        let expected = match fault {
            Fault::Denied | Fault::GivenUp => (1, false, false),
            Fault::Throttled | Fault::Failed | Fault::AnswerLost => (2, true, true),
            Fault::DoneUnanswered => (1, false, true),
            Fault::Partial => (1, true, true),
        };
        assert_eq!(seen, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_finds_its_own_write_when_it_is_tried_again() {
    let stack = testkit::stack();
    let (client, _) = meets_once(&stack, "PutItem", Fault::AnswerLost);
    let put = client.put_item().table_name(TABLE).set_item(Some(item("one")));
    let refused = put.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ConditionalCheckFailedException"));
    assert!(is_there(&stack, "one").await);
}

#[tokio::test]
async fn half_of_a_batch_comes_back_unprocessed() {
    let stack = testkit::stack();
    let (client, _) = meets_once(&stack, "BatchWriteItem", Fault::Partial);
    let writes = ["a", "b", "c"].map(write).to_vec();
    let answer = client.batch_write_item().request_items(TABLE, writes).send().await.unwrap();
    assert_eq!(answer.unprocessed_items.unwrap()[TABLE], [write("c")]);
    assert_eq!((is_there(&stack, "b").await, is_there(&stack, "c").await), (true, false));

    let (client, _) = meets_once(&stack, "BatchGetItem", Fault::Partial);
    let keys = ["a", "b"].map(item).to_vec();
    let read = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().unwrap();
    let answer = client.batch_get_item().request_items(TABLE, read).send().await.unwrap();
    assert_eq!(answer.responses.unwrap()[TABLE], [item("a")]);
    let rest = &answer.unprocessed_keys.unwrap()[TABLE];
    assert_eq!((rest.keys.as_slice(), rest.consistent_read), (&[item("b")][..], Some(true)));
}

#[tokio::test]
async fn the_judge_sees_who_calls_and_what_for() {
    let stack = testkit::stack();
    let seen = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let told = Arc::clone(&seen);
    let host = stack.host_behind(&[], move |call: &Call| {
        for need in call.needs() {
            told.lock().unwrap().insert((call.principal.clone(), need.action, need.resource));
        }
        None
    });
    let client = host.aws.dynamodb();
    client.put_item().table_name(TABLE).set_item(Some(item("one"))).send().await.unwrap();
    let query = client.query().table_name(TABLE).index_name("hour").key_condition_expression("g2p = :p");
    query.expression_attribute_values(":p", AttributeValue::S("x".to_owned())).send().await.unwrap();
    let table = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}");
    let expected = [("dynamodb:PutItem", table.clone()), ("dynamodb:Query", format!("{table}/index/hour"))];
    let expected = expected.map(|(action, resource)| ("tests".to_owned(), action.to_owned(), resource));
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(expected));
}
