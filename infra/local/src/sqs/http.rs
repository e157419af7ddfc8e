//! The HTTP endpoint: AWS JSON 1.0, one operation per request, named by a header.

mod batch;
mod delete;
mod queues;
mod receive;
mod send;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use proxy::ACCOUNT;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::MESSAGE_LIMIT_BYTES;
use super::{Queues, SqsError};

const X_AMZ_TARGET: &str = "x-amz-target";
const X_AMZN_QUERY_ERROR: &str = "x-amzn-query-error";
const AWS_JSON: &str = "application/x-amz-json-1.0";

/// JSON writes one byte as up to six (`\u0001`), and the other members need some room.
const REQUEST_LIMIT_BYTES: usize = 6 * MESSAGE_LIMIT_BYTES + 64 * 1024;

pub(super) fn router(queues: Queues) -> axum::Router {
    axum::Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(REQUEST_LIMIT_BYTES))
        .with_state(queues)
}

async fn answer(
    State(queues): State<Queues>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match perform(&queues, &headers, body).await {
        Ok(json) => ([(header::CONTENT_TYPE, AWS_JSON)], json).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn perform(
    queues: &Queues,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Vec<u8>, SqsError> {
    let target = headers
        .get(X_AMZ_TARGET)
        .and_then(|target| target.to_str().ok())
        .ok_or(SqsError::MissingParameter("X-Amz-Target"))?;
    let operation = target
        .strip_prefix("AmazonSQS.")
        .ok_or_else(|| SqsError::Unsupported(format!("the target {target}")))?;
    let body = body.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => SqsError::MessageTooLong,
        _ => SqsError::Unreadable(rejected.body_text()),
    })?;
    match operation {
        "SendMessage" => json(send::message(queues, parse(&body)?).await),
        "SendMessageBatch" => json(send::batch(queues, parse(&body)?).await),
        "ReceiveMessage" => json(receive::messages(queues, parse(&body)?).await),
        "DeleteMessage" => json(delete::message(queues, parse(&body)?).await),
        "DeleteMessageBatch" => json(delete::batch(queues, parse(&body)?).await),
        "ChangeMessageVisibility" => json(receive::change_visibility(queues, parse(&body)?).await),
        "GetQueueUrl" => json(queues::url(queues, parse(&body)?).await),
        "GetQueueAttributes" => json(queues::attributes(queues, parse(&body)?).await),
        "ListQueues" => json(queues::list(queues, parse(&body)?).await),
        other => Err(SqsError::Unsupported(format!("the operation {other}"))),
    }
}

/// A member we do not know is refused by its name rather than ignored: what it asks for would not happen.
fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| SqsError::Unreadable(error.to_string()))
}

fn json<T: Serialize>(answer: Result<T, SqsError>) -> Result<Vec<u8>, SqsError> {
    serde_json::to_vec(&answer?).map_err(|_| SqsError::Unanswered)
}

fn refuse(error: &SqsError) -> Response {
    let (status, fault) = if error.is_clients() {
        (StatusCode::BAD_REQUEST, "Sender")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "Receiver")
    };
    let body = serde_json::json!({ "__type": error.shape(), "message": error.to_string() });
    let headers = [
        (header::CONTENT_TYPE.as_str(), AWS_JSON),
        (X_AMZN_QUERY_ERROR, &format!("{};{fault}", error.code())),
    ];
    (status, headers, body.to_string()).into_response()
}

/// The queue's name, from a URL as clients have it; its host is theirs to choose.
fn queue_name(url: &str) -> Result<&str, SqsError> {
    url.rsplit_once(&format!("/{ACCOUNT}/"))
        .map(|(_, name)| name)
        .ok_or_else(|| SqsError::InvalidAddress(url.to_owned()))
}
