//! What stands before the embedded services: the template's policies, and what tests put there.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use crae::{Call, Fault, Faults, Options, Stack};

async fn with(faults: Faults) -> Stack {
    Stack::start(Options { faults, ..Options::default() }).await.unwrap()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put(stack: &Stack, client: &Client) -> Result<(), Option<String>> {
    let put = client.put_item().table_name(&stack.template().table.name);
    let keys = ["pk", "sk", "g1p", "g1s"];
    let sent = keys.iter().fold(put, |put, key| put.item(*key, text("a"))).send().await;
    sent.map(drop).map_err(|error| error.code().map(str::to_owned))
}

/// How many items the `timeline` index shows.
async fn in_index(stack: &Stack, client: &Client) -> Result<usize, Option<String>> {
    let query = client.query().table_name(&stack.template().table.name).index_name("timeline");
    let query = query.key_condition_expression("g1p = :p").expression_attribute_values(":p", text("a"));
    let found = query.send().await.map_err(|error| error.code().map(str::to_owned))?;
    Ok(found.items().len())
}

#[tokio::test]
async fn a_function_may_do_what_the_template_allows_it_and_nothing_else() {
    let stack = with(Faults::default()).await;
    let denied = Err(Some("AccessDeniedException".to_owned()));
    for (who, may_put, may_read_index) in [
        ("call-ingestor", true, false),
        ("analytics-api", false, true),
        ("rollup-projector", false, false),
        ("nobody-we-know", false, false),
    ] {
        let client = stack.host(who).aws.dynamodb();
        let expected = if may_put { Ok(()) } else { denied.clone() };
        assert_eq!(put(&stack, &client).await, expected, "{who}");
        assert_eq!(in_index(&stack, &client).await.is_ok(), may_read_index, "{who}");
    }
    for (who, may) in [("attribution-api", true), ("analytics-api", false), ("webhook-receiver", false)] {
        let queue = stack.queues().url("crae-runs");
        let send = stack.host(who).aws.sqs().send_message().queue_url(queue).message_body("{}");
        assert_eq!(send.send().await.is_ok(), may, "{who}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn an_index_that_lags_shows_a_write_late_but_surely() {
    let stack = with(Faults { index_lag: Some(Duration::from_secs(2)), ..Faults::default() }).await;
    let client = stack.owner().aws.dynamodb();
    let mut seen_at_once = 0;
    for name in 0..10 {
        let put = client.put_item().table_name(&stack.template().table.name).item("pk", text("b"));
        let put = put
            .item("sk", text(&name.to_string()))
            .item("g1p", text("a"))
            .item("g1s", text(&name.to_string()));
        put.send().await.unwrap();
        seen_at_once += usize::from(in_index(&stack, &client).await == Ok(name + 1));
    }
    assert!(seen_at_once < 10, "no write was late");
    let since = Instant::now();
    stack.indexes_settled().await;
    assert_eq!(in_index(&stack, &client).await, Ok(10));
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    stack.stop().await;
}

#[tokio::test]
async fn functions_meet_the_faults_and_the_owner_does_not() {
    let judge = |call: &Call| (call.operation == "PutItem").then_some(Fault::DoneUnanswered);
    let stack = with(Faults { judge: Some(Arc::new(judge)), ..Faults::default() }).await;
    let (owner, function) = (stack.owner().aws.dynamodb(), stack.host("ingestion-api").aws.dynamodb());
    assert_eq!(put(&stack, &function).await, Err(Some("FailedOnPurpose".to_owned())));
    assert_eq!(in_index(&stack, &owner).await, Ok(1));
    assert_eq!(put(&stack, &owner).await, Ok(()));
    stack.stop().await;
}
