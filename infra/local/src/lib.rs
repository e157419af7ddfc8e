//! The local stack: the template's functions on embedded parts, in one process and on 127.0.0.1 only.

pub mod demo;
pub mod dynamodb;
pub mod functions;
pub mod gateway;
mod http;
pub mod mappings;
mod policies;
pub mod sqs;
pub mod stack;
pub mod template;
pub mod tenants;
mod threads;

/// Calls to the embedded services are many small texts, read and written on several threads: a quarter of the time that
/// they take would go to the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use http::http_client;
pub use policies::OWNER;
pub use proxy::{Call, Fault, Judge, Service};
pub use stack::{Data, Faults, Options, ReachedAt, Stack, StackError};
