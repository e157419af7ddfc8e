//! The stack as a whole, in process, spoken to as clients and functions do.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use crae::{Data, Options, Stack, StackError};

fn in_folder(path: &Path) -> Options {
    Options { data: Data::Dir(path.to_owned()), ..Options::default() }
}

async fn start(options: Options) -> Stack {
    Stack::start(options).await.unwrap()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Writes an item and a message as a function does; answers nothing until both are safe.
async fn leave_traces(stack: &Stack) {
    let host = stack.owner();
    let put = host.aws.dynamodb().put_item().table_name(&stack.template().table.name);
    put.item("pk", text("T#demo")).item("sk", text("A")).send().await.unwrap();
    let dead = stack.queues().url("crae-runs-dead-letters");
    host.aws.sqs().send_message().queue_url(dead).message_body("kept").send().await.unwrap();
}

async fn traces(stack: &Stack) -> (bool, u64) {
    let host = stack.owner();
    let get = host.aws.dynamodb().get_item().table_name(&stack.template().table.name);
    let got = get.key("pk", text("T#demo")).key("sk", text("A")).send().await.unwrap();
    let counts = stack.queues().counts("crae-runs-dead-letters").await.unwrap();
    (got.item.is_some(), counts.visible)
}

#[tokio::test]
async fn a_stack_in_memory_answers_through_the_gateway() {
    let stack = start(Options::default()).await;
    let answer = get(format!("{}/no/such/path", stack.url())).await.unwrap();
    assert!(answer.headers().contains_key("apigw-requestid"), "{answer:?}");
    assert_eq!(answer.status(), 404);
    stack.stop().await;
}

#[tokio::test]
async fn functions_reach_the_table_and_the_queues_by_the_aws_sdk() {
    let stack = start(Options::default()).await;
    assert_eq!(traces(&stack).await, (false, 0));
    leave_traces(&stack).await;
    assert_eq!(traces(&stack).await, (true, 1));
    stack.stop().await;
}

#[tokio::test]
async fn both_indexes_of_the_table_can_be_queried() {
    let stack = start(Options::default()).await;
    let host = stack.owner();
    let (client, table) = (host.aws.dynamodb(), &stack.template().table.name);
    let mut put = client.put_item().table_name(table);
    for name in ["pk", "sk", "g1p", "g1s", "g2p", "g2s", "ag", "notprojected"] {
        put = put.item(name, text(name));
    }
    put.send().await.unwrap();
    for (index, key) in [("timeline", "g1p"), ("hour", "g2p")] {
        let query = client.query().table_name(table).index_name(index);
        let query = query.key_condition_expression("#k = :k").expression_attribute_names("#k", key);
        let found = query.expression_attribute_values(":k", text(key)).send().await.unwrap();
        let items = found.items();
        assert_eq!(items.len(), 1, "{index}");
        assert!(items[0].contains_key("ag") && !items[0].contains_key("notprojected"), "{items:?}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_restart_on_a_data_directory_finds_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(in_folder(folder.path())).await;
    leave_traces(&first).await;
    first.stop().await;
    let second = start(in_folder(folder.path())).await;
    assert_eq!(traces(&second).await, (true, 1));
    second.stop().await;
}

#[tokio::test]
async fn a_data_directory_in_use_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(in_folder(folder.path())).await;
    let refused = Stack::start(in_folder(folder.path())).await.err().unwrap();
    assert!(matches!(refused, StackError::FolderInUse(_)), "{refused:?}");
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
    first.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_refused_with_a_way_out() {
    let first = start(Options::default()).await;
    let port = first.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let refused = Stack::start(Options { port, ..Options::default() }).await.err().unwrap();
    assert!(matches!(refused, StackError::PortInUse(taken) if taken == port), "{refused:?}");
    assert!(refused.to_string().contains("--port"), "{refused}");
    first.stop().await;
}

#[tokio::test]
async fn a_stack_outlives_the_test_that_started_it_and_stops_at_once() {
    let starting = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(start(Options::default()))
    });
    let stack = tokio::task::spawn_blocking(|| starting.join().unwrap()).await.unwrap();
    let url = stack.url().to_owned();
    assert_eq!(get(&url).await.unwrap().status(), 404);
    let begun = std::time::Instant::now();
    stack.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(get(&url).await.is_err());
}

async fn get(url: impl AsRef<str>) -> reqwest::Result<reqwest::Response> {
    crae::http_client(url.as_ref())?.get(url.as_ref()).send().await
}
