//! The local stack: the template's functions on embedded parts, in one process and on 127.0.0.1 only.

pub mod dynamodb;
pub mod functions;
pub mod gateway;
pub mod mappings;
pub mod sqs;
pub mod stack;
pub mod template;
pub mod tenants;
mod threads;

pub use stack::{Data, Options, Stack, StackError};
