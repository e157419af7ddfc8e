//! The embedded DynamoDB, with the table as the template lays it out.

use std::sync::{Arc, mpsc};

use axum::Router;
use dynoxide::{Database, server};
use proxy::{Judge, Service};
use runtime::Endpoints;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::TABLE;

/// Serves an empty table, `queues` and an empty bucket beside it, on a thread of their own: SQLite's synchronous work then holds up
/// no test, and handlers that run at once really meet.
pub(crate) fn start(queues: Router) -> Endpoints {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let database = Database::memory().unwrap();
            let table = serde_json::from_value(description()).unwrap();
            database.create_table(table).unwrap();
            let (dynamodb, dynamodb_url) = listen().await;
            let (sqs, sqs_url) = listen().await;
            let (s3, s3_url) = listen().await;
            let endpoints = Endpoints { dynamodb: dynamodb_url, s3: s3_url, sqs: sqs_url };
            tell.send(endpoints).unwrap();
            let (served, answered, stored) = tokio::join!(
                server::serve_with_shutdown(dynamodb, database, std::future::pending()),
                axum::serve(sqs, queues),
                axum::serve(s3, buckets::in_memory()),
            );
            served.unwrap();
            answered.unwrap();
            stored.unwrap();
        });
    });
    told.recv().unwrap()
}

/// Serves a judge before the service at `url`; answers where.
pub(crate) fn start_behind(service: Service, url: &str, judge: Arc<dyn Judge>) -> String {
    let router = proxy::before(service, proxy::forward(url), judge);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let (listener, url) = listen().await;
            tell.send(url).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    told.recv().unwrap()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn description() -> Value {
    let attributes = ["pk", "sk", "g1p", "g1s", "g2p", "g2s"];
    let index = |name: &str, partition: &str, sort: &str, more: &[&str]| {
        let always = ["ch", "vn", "ag", "tm", "am", "cu", "ty", "ra", "ttl"];
        let projected = [more, &always].concat();
        json!({
            "IndexName": name,
            "KeySchema": schema(partition, sort),
            "Projection": {
                "ProjectionType": "INCLUDE",
                "NonKeyAttributes": projected,
            },
        })
    };
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema("pk", "sk"),
        "AttributeDefinitions": attributes.map(|name| json!({ "AttributeName": name, "AttributeType": "S" })),
        "GlobalSecondaryIndexes": [index("timeline", "g1p", "g1s", &[]), index("hour", "g2p", "g2s", &["g1p"])],
    })
}

fn schema(partition: &str, sort: &str) -> Value {
    json!([
        { "AttributeName": partition, "KeyType": "HASH" },
        { "AttributeName": sort, "KeyType": "RANGE" },
    ])
}
