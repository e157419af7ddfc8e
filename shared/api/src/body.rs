//! Reading a request's body: strictly, and never more of it than a request may have.

use std::marker::PhantomData;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use domain::json::{self, NotJson, Reader};
use domain::rule::{Refusal, Rule};
use domain::time::Day;
use http::header;
use schemars::JsonSchema;
use serde_json::value::RawValue;

use crate::describe::{Describe, Operation};
use crate::error::ApiError;
use crate::once;

/// No body of the API is larger than this.
pub const MOST_BODY: usize = 1024 * 1024;

/// A JSON body, not parsed yet. `T` says for the document how it looks; the handler reads it field by field.
#[derive(Debug)]
pub struct Body<T> {
    bytes: Bytes,
    looks: PhantomData<fn() -> T>,
}

impl<T> Body<T> {
    /// Opens the body as one object.
    pub fn reader(&self) -> Result<Reader<'_>, ApiError> {
        Ok(Reader::open(&self.bytes)?)
    }

    /// The same where nothing needs to be said: no body counts as an empty object.
    pub fn optional_reader(&self) -> Result<Reader<'_>, ApiError> {
        let is_blank = self.bytes.iter().all(u8::is_ascii_whitespace);
        Ok(Reader::open(if is_blank { b"{}" } else { &self.bytes })?)
    }
}

/// Takes `start_date` and `end_date`: whole days, both included, each open if absent.
pub fn take_days(body: &mut Reader<'_>) -> (Option<Day>, Option<Day>) {
    let day = |raw: &RawValue| {
        let text = json::text(raw)?;
        Day::parse(&text).ok_or_else(|| "must be a day such as 2024-01-31".to_owned())
    };
    let (start, end) = (body.optional("start_date", day), body.optional("end_date", day));
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        body.refuse("end_date", Refusal::of(Rule::DaysInOrder, "must not be before start_date"));
    }
    (start, end)
}

impl<S: Send + Sync, T> FromRequest<S> for Body<T> {
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
        Ok(Self { bytes, looks: PhantomData })
    }
}

impl<T: JsonSchema> Describe for Body<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json_body::<T>();
        operation.rules.push(Rule::DepthLimit);
        operation.errors.extend([
            ApiError::NotJson(NotJson::NotAnObject),
            ApiError::field("field", "is not a known field"),
            ApiError::TooLarge(MOST_BODY),
            ApiError::UnsupportedMediaType,
            ApiError::IdempotencyKeyReused,
            ApiError::RequestInProgress,
        ]);
        once::describe(operation);
    }
}
