//! Answers: what a function said, and what the gateway says by itself.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use axum::body::Body;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING,
};
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// Lambda's limit for an answer; the function's work is done by then, its answer is lost.
const ANSWER_LIMIT_BYTES: usize = 6_291_556;

/// What the gateway answers without, or instead of, a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest,
    NotFound,
    BodyTooLarge,
    HeadersTooLarge,
    InternalServerError,
}

impl From<Refusal> for Response<Body> {
    fn from(refusal: Refusal) -> Self {
        let (status, message) = match refusal {
            Refusal::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Refusal::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Refusal::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Refusal::HeadersTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
            }
            Refusal::InternalServerError => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        };
        let mut response = Response::new(Body::from(format!("{{\"message\":\"{message}\"}}")));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// Reads what a function said from the JSON in which Lambda carries it.
///
/// The JSON has room for one value per header, so only the first of several arrives; so it is in the cloud.
pub(super) fn read(said: &impl Serialize) -> Option<ApiGatewayV2httpResponse> {
    let json = serde_json::to_vec(said).ok()?;
    if json.len() > ANSWER_LIMIT_BYTES {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

/// Writes what the function said as the gateway does.
pub(super) fn write(answer: ApiGatewayV2httpResponse, request_id: &str) -> Option<Response<Body>> {
    let body = answer.body.map(|body| body.to_vec()).unwrap_or_default();
    let body = if answer.is_base64_encoded { STANDARD.decode(body).ok()? } else { body };
    let status = u16::try_from(answer.status_code).ok()?;
    // An answer without a body tells its own length, since one to HEAD speaks of the body of a GET.
    let length = (!body.is_empty()).then_some(CONTENT_LENGTH);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        let of_the_connection = [CONNECTION, TRANSFER_ENCODING].contains(name);
        if !of_the_connection && length.as_ref() != Some(name) {
            headers.insert(name, value.clone());
        }
    }
    for cookie in &answer.cookies {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    let id = HeaderValue::from_str(request_id).ok()?;
    headers.insert(HeaderName::from_static("apigw-requestid"), id);
    Some(response)
}
