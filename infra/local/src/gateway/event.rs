//! The event a function is called with: API Gateway's payload format 2.0.

use std::collections::HashMap;
use std::net::SocketAddr;

use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext, ApiGatewayV2httpRequestContextHttpDescription,
};
use aws_lambda_events::query_map::QueryMap;
use axum::body::Bytes;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use axum::http::request::Parts;
use chrono::DateTime;
use domain::time::Timestamp;

use super::body;
use super::routes::Found;

/// A request as it came over the wire.
pub(super) struct Incoming<'a> {
    pub(super) parts: &'a Parts,
    /// Decoded.
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) peer: SocketAddr,
    pub(super) now: Timestamp,
    pub(super) request_id: &'a str,
}

pub(super) fn build<T>(request: Incoming<'_>, found: &Found<'_, T>) -> ApiGatewayV2httpRequest {
    let headers = &request.parts.headers;
    let content_type = text(headers, &CONTENT_TYPE);
    let query = request.parts.uri.query().unwrap_or_default();
    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.route_key = Some(found.key.to_owned());
    event.raw_path = Some(request.path.clone());
    event.raw_query_string = Some(query.to_owned());
    event.query_string_parameters = fold_query(query);
    event.path_parameters = found.parameters.clone();
    event.cookies = cookies(headers);
    event.headers = fold_headers(&request);
    event.request_context = context(&request, found.key);
    (event.body, event.is_base64_encoded) = body::encode(content_type, &request.body);
    event
}

fn context(request: &Incoming<'_>, route_key: &str) -> ApiGatewayV2httpRequestContext {
    let headers = &request.parts.headers;
    let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
    http.method = request.parts.method.clone();
    http.path = Some(request.path.clone());
    http.protocol = Some(format!("{:?}", request.parts.version));
    http.source_ip = Some(request.peer.ip().to_string());
    http.user_agent = text(headers, &USER_AGENT).map(str::to_owned);
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http = http;
    context.account_id = Some(proxy::ACCOUNT.to_owned());
    context.apiid = Some("local".to_owned());
    context.stage = Some("$default".to_owned());
    context.route_key = Some(route_key.to_owned());
    context.request_id = Some(request.request_id.to_owned());
    context.domain_name = text(headers, &HOST).map(str::to_owned);
    context.domain_prefix = Some("local".to_owned());
    context.time_epoch = request.now.ms();
    context.time = DateTime::from_timestamp_millis(request.now.ms())
        .map(|now| now.format("%d/%b/%Y:%H:%M:%S +0000").to_string());
    context
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cookies(headers: &HeaderMap) -> Option<Vec<String>> {
    let values = headers.get_all(COOKIE).iter();
    let cookies: Vec<_> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect();
    (!cookies.is_empty()).then_some(cookies)
}

/// One value per name, several joined by commas; cookies stand apart, and what concerns only the connection to
/// the gateway ends there.
fn fold_headers(request: &Incoming<'_>) -> HeaderMap {
    let headers = &request.parts.headers;
    let dropped = [CONNECTION, COOKIE, EXPECT, TE, TRANSFER_ENCODING, UPGRADE];
    let mut folded = HeaderMap::new();
    for name in headers.keys().filter(|name| !dropped.contains(name)) {
        fold(&mut folded, name, headers.get_all(name).iter().map(HeaderValue::as_bytes));
    }
    if !request.body.is_empty() {
        folded.insert(CONTENT_LENGTH, request.body.len().into());
    }
    let address = request.peer.ip().to_string();
    let forwarded = HeaderName::from_static("x-forwarded-for");
    let before = headers.get_all(&forwarded).iter().map(HeaderValue::as_bytes);
    fold(&mut folded, &forwarded, before.chain([address.as_bytes()]));
    let port = text(headers, &HOST).and_then(|host| host.rsplit_once(':')).map_or("80", |(_, port)| port);
    for (name, value) in [("x-forwarded-proto", "http"), ("x-forwarded-port", port)] {
        fold(&mut folded, &HeaderName::from_static(name), [value.as_bytes()]);
    }
    folded
}

/// Bytes that are not UTF-8 are replaced, since events are JSON.
fn fold<'a>(folded: &mut HeaderMap, name: &HeaderName, values: impl IntoIterator<Item = &'a [u8]>) {
    let values: Vec<_> = values.into_iter().map(String::from_utf8_lossy).collect();
    if let Ok(value) = HeaderValue::from_bytes(values.join(",").as_bytes()) {
        folded.insert(name, value);
    }
}

/// One decoded value per name, several joined by commas.
fn fold_query(query: &str) -> QueryMap {
    let mut folded: HashMap<String, String> = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        folded
            .entry(name.into_owned())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    folded.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn event(request: axum::http::request::Builder, body: &'static [u8]) -> ApiGatewayV2httpRequest {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let found = Found {
            key: "ANY /v1/{proxy+}",
            parameters: HashMap::from([("proxy".to_owned(), "customers/ext:abc".to_owned())]),
            target: &(),
        };
        let incoming = Incoming {
            parts: &parts,
            path: "/v1/customers/ext:abc".to_owned(),
            body: Bytes::from_static(body),
            peer: SocketAddr::from(([127, 0, 0, 1], 50_000)),
            now: Timestamp::from_ms(1_783_711_145_766),
            request_id: "req_1",
        };
        build(incoming, &found)
    }

    #[test]
    fn an_event_says_what_the_gateway_knows_of_the_request() {
        let request = Request::post("/v1/customers/ext%3Aabc?a=b").header("user-agent", "curl/8.7.1");
        let event = event(request.header("host", "127.0.0.1:8080"), b"");
        assert_eq!(event.version.as_deref(), Some("2.0"));
        assert_eq!(event.route_key.as_deref(), Some("ANY /v1/{proxy+}"));
        assert_eq!(event.raw_path.as_deref(), Some("/v1/customers/ext:abc"));
        assert_eq!(event.raw_query_string.as_deref(), Some("a=b"));
        assert_eq!(event.path_parameters["proxy"], "customers/ext:abc");
        let context = event.request_context;
        assert_eq!(context.route_key.as_deref(), Some("ANY /v1/{proxy+}"));
        assert_eq!(context.stage.as_deref(), Some("$default"));
        assert_eq!(context.request_id.as_deref(), Some("req_1"));
        assert_eq!(context.domain_name.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(context.time.as_deref(), Some("10/Jul/2026:19:19:05 +0000"));
        assert_eq!(context.time_epoch, 1_783_711_145_766);
        assert_eq!(context.http.method, "POST");
        assert_eq!(context.http.path.as_deref(), Some("/v1/customers/ext:abc"));
        assert_eq!(context.http.protocol.as_deref(), Some("HTTP/1.1"));
        assert_eq!(context.http.source_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(context.http.user_agent.as_deref(), Some("curl/8.7.1"));
    }

    #[test]
    fn headers_of_one_name_are_joined_by_commas() {
        let request = Request::get("/").header("X-Probe", "first").header("x-probe", "second");
        let headers = event(request, b"").headers;
        assert_eq!(headers["x-probe"], "first,second");
        assert_eq!(headers.get_all("x-probe").iter().count(), 1);
    }

    #[test]
    fn the_gateway_adds_where_the_request_came_from() {
        let request =
            Request::get("/").header("x-forwarded-for", "10.0.0.1").header("host", "localhost:8080");
        let headers = event(request, b"").headers;
        assert_eq!(headers["x-forwarded-for"], "10.0.0.1,127.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-port"], "8080");
    }

    #[test]
    fn headers_of_the_connection_end_at_the_gateway() {
        let request = Request::post("/").header("transfer-encoding", "chunked").header("connection", "close");
        let headers = event(request, b"{}").headers;
        assert!(!headers.contains_key("transfer-encoding"));
        assert!(!headers.contains_key("connection"));
        assert_eq!(headers["content-length"], "2");
    }

    #[test]
    fn cookies_stand_apart_from_headers() {
        let request = Request::get("/").header("cookie", "session=abc; theme=dark").header("cookie", "a=b");
        let event = event(request, b"");
        assert_eq!(event.cookies.unwrap(), ["session=abc", "theme=dark", "a=b"]);
        assert!(!event.headers.contains_key("cookie"));
    }

    #[test]
    fn query_parameters_are_decoded_and_folded_while_the_raw_query_stays() {
        let query = "repeat=one&repeat=two&to=https%3A%2F%2Fa%2Fb&plus=a+b&coded=a%2Bb&empty=";
        let event = event(Request::get(format!("/?{query}")), b"");
        assert_eq!(event.raw_query_string.as_deref(), Some(query));
        let first = |name: &str| event.query_string_parameters.first(name).map(str::to_owned);
        for (name, value) in
            [("repeat", "one,two"), ("to", "https://a/b"), ("plus", "a b"), ("coded", "a+b"), ("empty", "")]
        {
            assert_eq!(first(name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn a_body_is_text_or_base64_by_its_content_type() {
        let json = Request::post("/").header("content-type", "application/json");
        let event_of_json = event(json, b"{\"a\":1}");
        assert_eq!(event_of_json.body.as_deref(), Some("{\"a\":1}"));
        assert!(!event_of_json.is_base64_encoded);
        let form = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let event_of_form = event(form, b"a=1");
        assert_eq!(event_of_form.body.as_deref(), Some("YT0x"));
        assert!(event_of_form.is_base64_encoded);
    }
}
