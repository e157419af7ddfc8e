//! What is put is got and listed alike, in memory and in a folder.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use axum::Router;
use runtime::{Aws, Endpoints};
use tokio::net::TcpListener;

const BUCKET: &str = "crae-archive";

async fn client(bucket: Router) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let s3 = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, bucket).await.unwrap() });
    Aws::local(Endpoints { dynamodb: String::new(), s3, sqs: String::new() }, "tests").s3()
}

async fn put(client: &Client, key: &str, content: &str) {
    let put = client.put_object().bucket(BUCKET).key(key).body(content.as_bytes().to_vec().into());
    put.send().await.unwrap();
}

async fn listed(client: &Client, prefix: &str, after: &str) -> (Vec<String>, bool) {
    let list = client.list_objects_v2().bucket(BUCKET).prefix(prefix).start_after(after);
    let answer = list.send().await.unwrap();
    let keys = answer.contents.into_iter().flatten().filter_map(|object| object.key).collect();
    (keys, answer.is_truncated == Some(true))
}

#[tokio::test]
async fn what_is_put_is_got_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    for bucket in [buckets::in_memory(), buckets::in_folder(folder.path(), BUCKET).unwrap()] {
        let client = client(bucket).await;
        for key in ["T/b/2/x", "T/a/1/x", "T/a/1/y", "T/a/2/x"] {
            put(&client, key, "first").await;
        }
        put(&client, "T/a/1/x", "second").await;
        let got = client.get_object().bucket(BUCKET).key("T/a/1/x").send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), b"second");
        let missing = client.get_object().bucket(BUCKET).key("T/a/3/x").send().await.unwrap_err();
        assert_eq!(missing.code(), Some("NoSuchKey"));
        let all = ["T/a/1/x", "T/a/1/y", "T/a/2/x"].map(str::to_owned);
        assert_eq!(listed(&client, "T/a/", "").await, (all.to_vec(), false));
        assert_eq!(listed(&client, "T/a/", "T/a/1/x").await, (all[1..].to_vec(), false));
        assert_eq!(listed(&client, "T/a/", "T/a/1/~").await, (all[2..].to_vec(), false));
        assert_eq!(listed(&client, "T/c/", "").await, (vec![], false));
    }
}

#[tokio::test]
async fn a_folder_is_opened_as_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    put(&client(buckets::in_folder(folder.path(), BUCKET).unwrap()).await, "T/a", "kept").await;
    let client = client(buckets::in_folder(folder.path(), BUCKET).unwrap()).await;
    assert_eq!(listed(&client, "T/", "").await, (vec!["T/a".to_owned()], false));
}

#[tokio::test]
async fn more_than_a_thousand_objects_are_listed_in_pieces() {
    let client = client(buckets::in_memory()).await;
    for number in 0..1_001 {
        put(&client, &format!("T/{number:04}"), "").await;
    }
    let (first, more) = listed(&client, "T/", "").await;
    assert_eq!((first.len(), more), (1_000, true));
    assert_eq!(listed(&client, "T/", first.last().unwrap()).await, (vec!["T/1000".to_owned()], false));
}
