//! The ways in which a call fails, and how each service words them.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::call::Service;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused, as for lack of a permission. The SDK does not try again.
    Denied,
    /// Turned away as one too many. The SDK tries again.
    Throttled,
    /// The service fails before it does anything. The SDK tries again.
    Failed,
    /// It is carried out, and the connection breaks before the answer. The SDK tries again.
    AnswerLost,
    /// Nothing is done, for good: what is left of a call once all its attempts have failed.
    GivenUp,
    /// It is carried out, but the caller is told that it failed for good: what is left of a call that was carried out
    /// and whose every attempt went unanswered.
    DoneUnanswered,
    /// Of a batch only the first half is carried out, the rest is handed back as not processed. Other calls pass.
    Partial,
}

impl Fault {
    pub const ALL: [Fault; 7] = [
        Fault::Denied,
        Fault::Throttled,
        Fault::Failed,
        Fault::AnswerLost,
        Fault::GivenUp,
        Fault::DoneUnanswered,
        Fault::Partial,
    ];

    /// Whether the call is carried out all the same, at least in part.
    pub fn is_done(self) -> bool {
        match self {
            Fault::AnswerLost | Fault::DoneUnanswered | Fault::Partial => true,
            Fault::Denied | Fault::Throttled | Fault::Failed | Fault::GivenUp => false,
        }
    }

    pub(crate) fn answer(self, service: Service) -> Response {
        let (status, code) = match (self, service) {
            (Fault::AnswerLost, _) => return broken(),
            (Fault::Denied, Service::DynamoDb) => (400, "AccessDeniedException"),
            (Fault::Denied, Service::Sqs | Service::S3) => (403, "AccessDenied"),
            (Fault::Throttled, Service::DynamoDb) => (400, "ProvisionedThroughputExceededException"),
            (Fault::Throttled, Service::Sqs) => (403, "RequestThrottled"),
            (Fault::Throttled, Service::S3) => (503, "SlowDown"),
            (Fault::Failed, Service::DynamoDb) => (500, "InternalServerError"),
            (Fault::Failed, Service::Sqs) => (500, "InternalFailure"),
            (Fault::Failed, Service::S3) => (500, "InternalError"),
            // A code that the SDK knows nothing of, and so does not try again.
            (Fault::GivenUp | Fault::DoneUnanswered | Fault::Partial, _) => (400, "FailedOnPurpose"),
        };
        refuse(service, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code)
    }
}

fn refuse(service: Service, status: StatusCode, code: &str) -> Response {
    let message = "as the proxy before the service decided";
    match service {
        Service::S3 => {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
        }
        Service::DynamoDb | Service::Sqs => {
            let (shapes, query_error) = match service {
                Service::Sqs => ("com.amazonaws.sqs", Some(format!("{code};Sender"))),
                Service::DynamoDb | Service::S3 => ("com.amazonaws.dynamodb.v20120810", None),
            };
            let body = serde_json::json!({ "__type": format!("{shapes}#{code}"), "message": message });
            let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
            let mut response = (status, json, body.to_string()).into_response();
            if let Some(value) = query_error.and_then(|error| error.parse().ok()) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
            response
        }
    }
}

/// An answer that ends before it is whole: the server then cuts the connection.
fn broken() -> Response {
    let pieces =
        [Ok(Bytes::from_static(b"{")), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    Response::new(Body::from_stream(futures::stream::iter(pieces)))
}
