//! `Idempotency-Key`: a request that its sender may repeat without fear of its being carried out twice.
//!
//! Two halves meet here. [`Repeatable`], put into the request by [`keep_answer`], is claimed by `Caller` once it knows
//! that the caller may: so nobody else is shown a kept answer. What comes out of the handler is kept by
//! [`keep_answer`], as it leaves.

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::permission::{Credential, Principal};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use schemars::json_schema;
use sha2::{Digest, Sha256};
use store::{Claim, Claimed, KeptAnswer, MOST_KEPT_BYTES, Once, Table};

use crate::body::MOST_BODY;
use crate::caller::Access;
use crate::describe::{Describe, Operation, Presence};
use crate::error::ApiError;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `true` on an answer that is an earlier one again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// `false` on an answer that is too large to be kept: a repetition of the request is carried out again.
const KEPT: HeaderName = HeaderName::from_static("idempotency-kept");

/// Put beside an answer of which a part failed on our side: it is not kept, so that a repetition mends it.
#[derive(Clone, Copy, Debug)]
pub struct InPart;

/// A request with a key, which nobody has claimed yet.
#[derive(Clone)]
pub(crate) struct Repeatable {
    key: HeaderValue,
    /// None if the body is too large to be read.
    fingerprint: Option<String>,
    claimed: Arc<OnceLock<(Table, Claim)>>,
}

/// What becomes of a request with a key.
pub(crate) enum ToDo {
    /// It is carried out; all repetitions share an id.
    CarryOut { request: String },
    /// It is answered as before.
    Repeat(Response),
}

impl Repeatable {
    /// Claims the request for the caller, or tells what it was answered before.
    pub(crate) async fn claim(
        &self,
        parts: &Parts,
        principal: &Principal,
        access: &Access,
    ) -> Result<ToDo, ApiError> {
        let key = std::str::from_utf8(self.key.as_bytes()).ok();
        let key = key.filter(|key| domain::ids::is_printable(key, 255));
        let key =
            key.ok_or_else(|| ApiError::field("Idempotency-Key", "must be 1 to 255 printable characters"))?;
        let fingerprint = self.fingerprint.clone().ok_or(ApiError::TooLarge(MOST_BODY))?;
        let once = Once { tenant: principal.tenant.clone(), name: name(parts, principal, key), fingerprint };
        let id = access.clock.mint("claim");
        match access.table.claim_once(once, id, access.clock.now()).await? {
            Claimed::Ours(claim) => {
                let request = claim.first().to_owned();
                self.claimed.get_or_init(|| (access.table.clone(), claim));
                Ok(ToDo::CarryOut { request })
            }
            Claimed::Answered(answer) => replayed(answer).map(ToDo::Repeat),
            Claimed::InProgress => Err(ApiError::RequestInProgress),
            Claimed::OtherBody => Err(ApiError::IdempotencyKeyReused),
        }
    }
}

/// Says who sends the request, and whereto: the same key means another request elsewhere.
fn name(parts: &Parts, principal: &Principal, key: &str) -> String {
    let (kind, who) = match &principal.credential {
        Credential::ApiKey { key_id } => ("key", key_id),
        Credential::User { user_id } => ("user", user_id),
    };
    let mut digest = Sha256::new();
    for part in [kind, who, parts.method.as_str(), parts.uri.path(), key] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

fn replayed(answer: KeptAnswer) -> Result<Response, ApiError> {
    let status = StatusCode::from_u16(answer.status).map_err(|error| ApiError::Internal(error.into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    Ok((status, headers, answer.body).into_response())
}

/// Around a request with a key: what answers it is kept, if it was claimed on the way.
pub(crate) async fn keep_answer(request: Request, next: Next) -> Response {
    let writes = matches!(*request.method(), Method::POST | Method::PATCH | Method::PUT);
    let Some(key) = request.headers().get(KEY).filter(|_| writes).cloned() else {
        return next.run(request).await;
    };
    let (mut parts, mut body) = request.into_parts();
    let mut fingerprint = None;
    // What is too large is left to whoever refuses it. An empty body does not know its size.
    if body.size_hint().lower() <= MOST_BODY as u64 {
        let Ok(bytes) = to_bytes(body, MOST_BODY).await else {
            return ApiError::TooLarge(MOST_BODY).into_response();
        };
        fingerprint = Some(hex::encode(Sha256::digest(&bytes)));
        body = Body::from(bytes);
    }
    let claimed = Arc::new(OnceLock::new());
    parts.extensions.insert(Repeatable { key, fingerprint, claimed: Arc::clone(&claimed) });
    let response = next.run(Request::from_parts(parts, body)).await;
    match claimed.get() {
        Some((table, claim)) => settle(table, claim, response).await,
        None => response,
    }
}

/// Of an operation that is carried out once for each key.
pub(crate) fn describe(operation: &mut Operation<'_>) {
    // Headers of other characters have no encoding that both sides agree on.
    let schema = json_schema!({
        "type": "string", "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$",
        "description": "Makes the request safe to repeat for 24 hours: the same key with the same body, by the same \
            caller to the same path, is answered as the first time, with `Idempotency-Replayed: true`. Another body \
            is refused with 409 `IDEMPOTENCY_KEY_REUSED`, a repetition while the first is still being carried out \
            with 409 `REQUEST_IN_PROGRESS`. What failed on our side, also in part, is not kept and carried out again; \
            so is what was answered in more than 350,000 bytes, which says `Idempotency-Kept: false`.",
    });
    operation.parameter("header", "Idempotency-Key", schema, Presence::Optional);
}

/// What an answer says beside the object is not for the document.
impl<T: Describe> Describe for (Option<Extension<InPart>>, T) {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

async fn settle(table: &Table, claim: &Claim, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::Internal(error.into()).into_response(),
    };
    let passing = parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
    let lasting = !passing && parts.extensions.get::<InPart>().is_none();
    let fits = bytes.len() <= MOST_KEPT_BYTES;
    if lasting && !fits {
        parts.headers.insert(KEPT, HeaderValue::from_static("false"));
    }
    let text = (lasting && fits).then(|| String::from_utf8(bytes.to_vec()).ok()).flatten();
    let answer = text.map(|body| KeptAnswer { status: parts.status.as_u16(), body });
    if let Err(error) = table.settle_once(claim, answer).await {
        // The work is done. The claim runs out, and then a repetition is carried out again, as without a key.
        tracing::warn!(%error, "the answer of a request with an Idempotency-Key was not kept");
    }
    Response::from_parts(parts, Body::from(bytes))
}
