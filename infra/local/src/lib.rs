//! (being written)

pub mod gateway;
pub mod sqs;
pub mod template;
