//! The conventions of our HTTP API: who may call, how bodies and queries are read, how answers and errors look.
//!
//! A handler's signature says who may call it ([`Caller`]); [`serve`] puts the same layers around every function's
//! routes. Start reading at [`ApiError`], which alone gives errors their status and code.

mod body;
mod caller;
mod cursor;
mod describe;
mod envelope;
mod error;
pub mod fields;
mod limit;
mod named;
mod once;
mod query;
mod routes;
pub mod views;

pub use body::{Body, MOST_BODY, take_days};
pub use caller::{Access, Caller, PerhapsBound};
pub use cursor::Cursors;
pub use describe::{Describe, Operation, Presence, Schemas};
pub use domain::permission::may;
pub use envelope::{Accepted, Created, Data, Listed, Replayed, Reported, Stored};
pub use error::{ApiError, ErrorBody};
pub use named::Named;
pub use once::InPart;
pub use query::Query;
pub use routes::{Route, Routes, serve};

/// The OpenAPI document: what a test made of all functions' routes.
pub const OPENAPI: &str = include_str!("../openapi.json");
