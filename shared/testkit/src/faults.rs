//! A DynamoDB that refuses some operations, and passes the others on.

use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::dynamodb::listen;

/// Serves a proxy before `upstream`; answers its URL.
pub(crate) fn start(
    upstream: String,
    refuses: impl Fn(&str, &str) -> bool + Clone + Send + Sync + 'static,
) -> String {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let client = reqwest::Client::new();
            let pass = move |headers: HeaderMap, body: Bytes| {
                let refused = refuses(operation(&headers), &String::from_utf8_lossy(&body));
                let (client, upstream) = (client.clone(), upstream.clone());
                async move {
                    if refused {
                        refusal()
                    } else {
                        passed_on(&client, &upstream, headers, body).await
                    }
                }
            };
            let (listener, url) = listen().await;
            tell.send(url).unwrap();
            axum::serve(listener, Router::new().fallback(pass))
                .await
                .unwrap();
        });
    });
    told.recv().unwrap()
}

/// `PutItem`, from `DynamoDB_20120810.PutItem`.
fn operation(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

/// An error that the SDK does not try again, so that no test waits for its patience to end.
fn refusal() -> Response {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"refused by the test"}"#;
    let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, headers, body).into_response()
}

async fn passed_on(
    client: &reqwest::Client,
    upstream: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove(header::HOST);
    let request = client.post(upstream).headers(headers).body(body);
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap()).into_response()
}
