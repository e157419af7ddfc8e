use std::collections::BTreeMap;
use std::future::pending;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::http_client;

/// A gateway before functions that show what they were called with; answers its URL.
async fn serve(routes: &[(&str, &str)]) -> String {
    let routes = routes.iter().map(|(method, path)| {
        let function =
            HttpFunction { name: "probe".to_owned(), timeout: Duration::from_millis(300), router: probe() };
        (Route::read(method, path).unwrap(), function)
    });
    let gateway = Gateway::new(routes.collect(), Clock::system());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = gateway.router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
    url
}

fn probe() -> Router {
    Router::new()
        .route("/echo/{name}", any(echo))
        .route("/bytes", get(|| async { ([("content-type", "image/png")], vec![0_u8, 255]) }))
        .route("/panic", get(async || -> StatusCode { panic!("on purpose") }))
        .route("/hang", get(pending::<StatusCode>))
        .route("/cookies", get(cookies))
        .route("/large", get(async || "x".repeat(7_000_000)))
}

async fn echo(
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    Json(json!({
        "path": uri.path(),
        "name": name,
        "query": query,
        "headers": headers.collect::<BTreeMap<_, _>>(),
        "bytes": body.to_vec(),
    }))
}

async fn cookies() -> impl IntoResponse {
    let headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "accept"), ("vary", "origin")];
    (StatusCode::IM_A_TEAPOT, AppendHeaders(headers), "short and stout")
}

async fn status_and_text(response: reqwest::Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_function_gets_the_request_and_the_client_its_answer() {
    let url = serve(&[("ANY", "/echo/{proxy+}")]).await;
    let client = http_client("http://127.0.0.1").unwrap();
    let request = client.post(format!("{url}/echo/ext%3Aabc?a=1&a=2")).header("x-key", "k").json(&json!([1]));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["name"], "ext:abc");
    assert_eq!(answer["path"], "/echo/ext:abc");
    assert_eq!(answer["query"], "a=1&a=2");
    assert_eq!(answer["headers"]["x-key"], "k");
    assert_eq!(answer["bytes"], json!(b"[1]"));
}

#[tokio::test]
async fn a_binary_body_arrives_byte_for_byte_both_ways() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    let client = http_client("http://127.0.0.1").unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let answer = client.post(format!("{url}/echo/x")).body(bytes.clone()).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["bytes"], json!(bytes));
    let answer = fetch(format!("{url}/bytes")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.bytes().await.unwrap().as_ref(), [0, 255]);
}

#[tokio::test]
async fn names_with_spaces_and_letters_of_all_scripts_arrive_as_they_were_sent() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    for (sent, seen) in
        [("a%20b", "a b"), ("%CE%BB", "λ"), ("a+b", "a+b"), ("a%22b", "a\"b"), ("a%7Cb", "a|b")]
    {
        let answer = fetch(format!("{url}/echo/{sent}")).await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["name"], seen, "{sent}");
    }
}

#[tokio::test]
async fn a_failing_function_is_the_gateways_500() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    for failing in ["panic", "hang", "large"] {
        let answer = fetch(format!("{url}/{failing}")).await.unwrap();
        let expected = (500, r#"{"message":"Internal Server Error"}"#.to_owned());
        assert_eq!(status_and_text(answer).await, expected, "{failing}");
    }
}

#[tokio::test]
async fn the_gateway_answers_by_itself_what_no_route_takes() {
    let url = serve(&[("GET", "/bytes")]).await;
    let answer = fetch(format!("{url}/other")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(status_and_text(answer).await, (404, r#"{"message":"Not Found"}"#.to_owned()));
    let answer = fetch(format!("{url}/50%25")).await.unwrap();
    assert_eq!(status_and_text(answer).await, (400, r#"{"message":"Bad Request"}"#.to_owned()));
}

#[tokio::test]
async fn a_host_that_is_none_does_not_reach_a_function() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    for (host, status) in [("a b", 400), ("a:99999", 400), ("example.com", 200), ("[::1]:80", 200)] {
        let request =
            http_client("http://127.0.0.1").unwrap().get(format!("{url}/bytes")).header("host", host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_body_may_have_ten_megabytes_and_no_more() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    let client = http_client("http://127.0.0.1").unwrap();
    let send = |bytes: usize| {
        let request = client.post(format!("{url}/bytes")).body(vec![b'x'; bytes]);
        async { status_and_text(request.send().await.unwrap()).await }
    };
    let limit = 10 * 1024 * 1024;
    assert_eq!(send(limit).await.0, 405);
    let expected = (413, r#"{"message":"Request Entity Too Large"}"#.to_owned());
    assert_eq!(send(limit + 1).await, expected);
}

#[tokio::test]
async fn headers_may_have_ten_kibibytes_together_and_no_more() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    let client = http_client("http://127.0.0.1").unwrap();
    let send = |bytes: usize| {
        let request = client.get(format!("{url}/bytes")).header("x-long", "x".repeat(bytes));
        async { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(send(10_000).await, 200);
    assert_eq!(send(10_240).await, 431);
}

#[tokio::test]
async fn all_cookies_arrive_but_only_the_first_header_of_a_name() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    let answer = fetch(format!("{url}/cookies")).await.unwrap();
    let all = |name: &str| {
        let values = answer.headers().get_all(name).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(all("vary"), ["accept"]);
    assert!(answer.headers().contains_key("apigw-requestid"));
    assert_eq!(status_and_text(answer).await, (418, "short and stout".to_owned()));
}

#[tokio::test]
async fn requests_are_answered_side_by_side() {
    let url = serve(&[("ANY", "/{proxy+}")]).await;
    let begun = tokio::time::Instant::now();
    let hanging = (0..20).map(|_| fetch(format!("{url}/hang")));
    let answers = futures::future::join_all(hanging).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 500));
    assert!(begun.elapsed() < Duration::from_secs(3));
}

async fn fetch(url: impl AsRef<str>) -> reqwest::Result<reqwest::Response> {
    http_client(url.as_ref())?.get(url.as_ref()).send().await
}
