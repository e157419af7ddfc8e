//! The shapes of success: `{"data": …, "message": "…", "meta": {…}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::Storing;

use crate::describe::{Describe, Operation};
use crate::error::ApiError;

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Envelope<T, M> {
    data: T,
    message: &'static str,
    meta: M,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct NoMeta {}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ReplayMeta {
    /// Whether the request added nothing to what was stored.
    idempotent_replay: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ListMeta {
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// 200 with an object.
pub struct Data<T>(pub T);

/// 201 with the object as it is stored.
pub struct Created<T>(pub T);

/// 202: taken, and going on behind the answer.
pub struct Accepted<T>(pub T);

/// 200 with an object that was stored before; `meta.idempotent_replay` tells whether the request added nothing.
pub struct Replayed<T> {
    pub data: T,
    pub added: bool,
}

/// What storing comes to: 201 for what is new, 200 for what was stored before.
pub enum Stored<T> {
    Created(Created<T>),
    Replayed(Replayed<T>),
}

/// 200 with a page of a list.
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Stored<T> {
    pub fn of(data: T, storing: Storing) -> Self {
        match storing {
            Storing::Created => Self::Created(Created(data)),
            Storing::Same => Self::Replayed(Replayed { data, added: false }),
            Storing::Added => Self::Replayed(Replayed { data, added: true }),
        }
    }
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(Envelope { data: self.0, message: "ok", meta: NoMeta {} }).into_response()
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(Envelope { data: self.0, message: "created", meta: NoMeta {} }))
            .into_response()
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(Envelope { data: self.0, message: "accepted", meta: NoMeta {} }))
            .into_response()
    }
}

impl<T: Serialize> IntoResponse for Replayed<T> {
    fn into_response(self) -> Response {
        let message = if self.added { "merged into what was stored" } else { "stored before" };
        let meta = ReplayMeta { idempotent_replay: !self.added };
        Json(Envelope { data: self.data, message, meta }).into_response()
    }
}

impl<T: Serialize> IntoResponse for Stored<T> {
    fn into_response(self) -> Response {
        match self {
            Stored::Created(created) => created.into_response(),
            Stored::Replayed(replayed) => replayed.into_response(),
        }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let meta = ListMeta { next_cursor: self.next_cursor };
        Json(Envelope { data: self.items, message: "ok", meta }).into_response()
    }
}

/// 200 with an object and meta of its own.
pub struct Reported<T, M> {
    pub data: T,
    pub meta: M,
}

impl<T: Serialize, M: Serialize> IntoResponse for Reported<T, M> {
    fn into_response(self) -> Response {
        Json(Envelope { data: self.data, message: "ok", meta: self.meta }).into_response()
    }
}

impl<T: JsonSchema> Describe for Data<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<Envelope<T, NoMeta>>(StatusCode::OK, "What was asked for");
    }
}

impl<T: JsonSchema> Describe for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<Envelope<T, NoMeta>>(StatusCode::CREATED, "Created, as it is stored");
    }
}

impl<T: JsonSchema> Describe for Accepted<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation
            .answer::<Envelope<T, NoMeta>>(StatusCode::ACCEPTED, "Taken, and going on behind the answer");
    }
}

impl<T: JsonSchema> Describe for Replayed<T> {
    fn describe(operation: &mut Operation<'_>) {
        let description = "Stored before, and merged with what the request adds";
        operation.answer::<Envelope<T, ReplayMeta>>(StatusCode::OK, description);
    }
}

impl<T: JsonSchema> Describe for Listed<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<Envelope<Vec<T>, ListMeta>>(StatusCode::OK, "A page of the list");
    }
}

impl<T: JsonSchema, M: JsonSchema> Describe for Reported<T, M> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<Envelope<T, M>>(StatusCode::OK, "What was asked for");
    }
}

impl<T: JsonSchema> Describe for Stored<T> {
    fn describe(operation: &mut Operation<'_>) {
        Created::<T>::describe(operation);
        Replayed::<T>::describe(operation);
        operation.errors.push(ApiError::Duplicate(vec!["started_at"]));
    }
}
