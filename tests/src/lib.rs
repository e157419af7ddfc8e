//! What end-to-end tests and tools speak with: HTTP, as a client outside would, and nothing else.

#![expect(clippy::panic, reason = "a test ends with what it saw")]

mod client;
pub mod crash;
mod document;
pub mod kill_points;
mod logs;
mod routes;
mod stack;
mod weather;

pub use client::{Answer, Client};
pub use document::{Asks, Operation, resolved};
pub use logs::logged;
pub use routes::{Declared, routes};
pub use stack::{
    KeyState, bound_to, deliveries_done, kept_deliveries, new_tenant, new_tenant_in, now, rollups_done,
    stack, with_permissions,
};
pub use weather::{Failures, REDELIVERY, Weather};

/// The body of a file under `events/`.
pub fn event(name: &str) -> String {
    let path = format!("{}/../events/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
