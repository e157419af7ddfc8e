//! Reading a request's body: strictly, and never more of it than a request may have.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use domain::json::Reader;
use http::header;

use crate::error::ApiError;

/// No body of the API is larger than this.
pub const MOST_BODY: usize = 1024 * 1024;

/// A JSON body, not parsed yet.
#[derive(Debug)]
pub struct Body(Bytes);

impl Body {
    /// Opens the body as one object.
    pub fn reader(&self) -> Result<Reader<'_>, ApiError> {
        Ok(Reader::open(&self.0)?)
    }

    /// Whether there is no body, or an empty object: what a request without parameters may send.
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(u8::is_ascii_whitespace)
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let media = request
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let essence = media.as_deref().map(|media| media.split(';').next().unwrap_or_default().trim());
        let is_json = essence.is_none_or(|media| media == "application/json" || media.ends_with("+json"));
        let bytes =
            to_bytes(request.into_body(), MOST_BODY).await.map_err(|_| ApiError::TooLarge(MOST_BODY))?;
        if !is_json && !bytes.is_empty() {
            return Err(ApiError::UnsupportedMediaType);
        }
        Ok(Self(bytes))
    }
}
