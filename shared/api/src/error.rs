//! What goes wrong, and the one place that gives it a status and a code.

use archive::ArchiveError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::identity::MergeRefused;
use domain::json::{NotJson, Problem};
use domain::permission::Permission;
use domain::rate::Nanos;
use domain::rule::{Refusal, Rule};
use domain::run::ModelCode;
use http::{HeaderValue, StatusCode, header};
use runtime::QueueError;
use schemars::JsonSchema;
use serde::Serialize;
use store::StoreError;

/// Why a request was not carried out. Clients see the sentence and the code, never what caused it inside.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("a valid API key is required: send it as X-API-Key or as Authorization: Bearer")]
    Unauthenticated,
    #[error("the signature does not match the body")]
    InvalidSignature,
    #[error("this credential lacks the permission {}", .0.code())]
    Forbidden(Permission),
    #[error("this credential is bound to a partner or broker, and sees only what is theirs")]
    Bound,
    #[error("X-Tenant-ID names another tenant than the credential's")]
    TenantMismatch,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("there is nothing at this path; see /docs for what there is")]
    NoSuchPath,
    #[error("this path does not answer to that method")]
    MethodNotAllowed,
    #[error("{0}")]
    NotJson(#[from] NotJson),
    #[error("the request is not valid: {}", summary(.0))]
    Invalid(Vec<Problem>),
    #[error("the model {0} is not available")]
    ModelNotAvailable(String),
    #[error("the cursor is not one this list gave out")]
    InvalidCursor,
    #[error("this external id is stored with other values")]
    Duplicate(Vec<&'static str>),
    #[error("several sources have an interaction of this id: ask for ext:SOURCE:ID")]
    AmbiguousId,
    #[error("the run was executed already; create another to attribute again")]
    AlreadyExecuted,
    #[error("there are {1} {0} already, which is the most; end one first")]
    TooMany(&'static str, usize),
    #[error("the conversion is settled: what people rely on is changed by disputes and refunds")]
    Settled,
    #[error("what is {0} cannot become {1}")]
    IllegalMove(&'static str, &'static str),
    #[error("the run has no results yet; it is {0}")]
    NotCompleted(&'static str),
    #[error("these customers cannot be merged: {0}")]
    NotMergeable(MergeRefused),
    #[error("this Idempotency-Key came with another body before; take a new key for a new request")]
    IdempotencyKeyReused,
    #[error("the request of this Idempotency-Key is still being carried out; ask again in a moment")]
    RequestInProgress,
    #[error("this tenant asks too often; come again when Retry-After says")]
    RateLimited { wait_ns: Nanos },
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body must be sent as application/json")]
    UnsupportedMediaType,
    #[error("the service is busy; the same request can safely be sent again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("something went wrong on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [] => "see the documentation".to_owned(),
        [only] if only.field.is_empty() => only.problem.clone(),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            format!("{} {}{more}", first.field, first.problem)
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed { .. } | StoreError::Contended(_) => Self::Unavailable(Box::new(error)),
            StoreError::Corrupt(..) | StoreError::NoTenant(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<ArchiveError> for ApiError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Failed { .. } => Self::Unavailable(Box::new(error)),
            ArchiveError::Corrupt(..) => Self::Internal(Box::new(error)),
        }
    }
}

/// The body of an error; the request id is added by the layer that knows it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// A sentence for people.
    pub(crate) error: String,
    /// For programs: one of a closed list.
    pub(crate) code: &'static str,
    pub(crate) details: Vec<Problem>,
    pub(crate) request_id: String,
}

impl ApiError {
    /// A request that is refused for one field.
    pub fn field(field: &str, refusal: impl Into<Refusal>) -> Self {
        Self::Invalid(vec![Problem::of(field, refusal)])
    }

    /// The only place where an error gets its status and code.
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            Self::InvalidSignature => (StatusCode::UNAUTHORIZED, "INVALID_SIGNATURE"),
            Self::Forbidden(_) | Self::Bound => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            Self::TenantMismatch => (StatusCode::FORBIDDEN, "TENANT_MISMATCH"),
            Self::NotFound(_) | Self::NoSuchPath => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
            Self::NotJson(_) => (StatusCode::BAD_REQUEST, "INVALID_JSON"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
            Self::ModelNotAvailable(_) => (StatusCode::BAD_REQUEST, "MODEL_NOT_AVAILABLE"),
            Self::InvalidCursor => (StatusCode::BAD_REQUEST, "INVALID_CURSOR"),
            Self::Duplicate(_) => (StatusCode::CONFLICT, "DUPLICATE_RESOURCE"),
            Self::AmbiguousId => (StatusCode::CONFLICT, "AMBIGUOUS_ID"),
            Self::AlreadyExecuted => (StatusCode::CONFLICT, "RUN_ALREADY_EXECUTED"),
            Self::TooMany(..) => (StatusCode::CONFLICT, "TOO_MANY"),
            Self::Settled => (StatusCode::CONFLICT, "CONVERSION_SETTLED"),
            Self::IllegalMove(..) => (StatusCode::CONFLICT, "ILLEGAL_MOVE"),
            Self::NotCompleted(_) => (StatusCode::CONFLICT, "RUN_NOT_COMPLETED"),
            Self::NotMergeable(_) => (StatusCode::CONFLICT, "NOT_MERGEABLE"),
            Self::IdempotencyKeyReused => (StatusCode::CONFLICT, "IDEMPOTENCY_KEY_REUSED"),
            Self::RequestInProgress => (StatusCode::CONFLICT, "REQUEST_IN_PROGRESS"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        }
    }

    /// What is wrong with which field.
    pub fn details(&self) -> Vec<Problem> {
        match self {
            Self::Invalid(problems) => problems.iter().take(50).cloned().collect(),
            Self::Duplicate(fields) => {
                fields.iter().map(|field| Problem::of(*field, "is stored with another value")).collect()
            }
            Self::Forbidden(permission) => {
                vec![Problem::of("permission", format!("{} is missing", permission.code()))]
            }
            Self::ModelNotAvailable(_) => {
                let codes = ModelCode::ALL.map(ModelCode::code).join(", ");
                vec![Problem::of("model_code", format!("must be one of {codes}"))]
            }
            Self::NotMergeable(refused) => {
                vec![Problem::of("with", refused.to_string())]
            }
            Self::InvalidCursor => {
                let refusal = Refusal::of(Rule::OwnCursor, "must be a next_cursor of this list");
                vec![Problem::of("cursor", refusal)]
            }
            Self::NotJson(error @ NotJson::TooDeep) => {
                vec![Problem::of("body", Refusal::of(Rule::DepthLimit, error.to_string()))]
            }
            Self::Unauthenticated
            | Self::InvalidSignature
            | Self::Bound
            | Self::TenantMismatch
            | Self::NotFound(_)
            | Self::NoSuchPath
            | Self::MethodNotAllowed
            | Self::NotJson(_)
            | Self::AmbiguousId
            | Self::AlreadyExecuted
            | Self::NotCompleted(_)
            | Self::Settled
            | Self::TooMany(..)
            | Self::IllegalMove(..)
            | Self::IdempotencyKeyReused
            | Self::RequestInProgress
            | Self::RateLimited { .. }
            | Self::TooLarge(_)
            | Self::UnsupportedMediaType
            | Self::Unavailable(_)
            | Self::Internal(_) => Vec::new(),
        }
    }

    /// When the same request may succeed, if waiting is all it takes.
    fn retry_after_seconds(&self) -> Option<u64> {
        if let Self::RateLimited { wait_ns } = self {
            return u64::try_from(*wait_ns).ok().map(|ns| ns.div_ceil(1_000_000_000).max(1));
        }
        matches!(self, Self::Unavailable(_) | Self::RequestInProgress).then_some(1)
    }

    pub fn body(&self) -> ErrorBody {
        let (_, code) = self.status_and_code();
        ErrorBody { error: self.to_string(), code, details: self.details(), request_id: String::new() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if let Self::Unavailable(source) | Self::Internal(source) = &self {
            tracing::error!(code, error = %source, "request failed");
        }
        let body = self.body();
        let mut response = (status, Json(body.clone())).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(body);
        response
    }
}
