//! (being written)

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use runtime::{Host, Misconfigured};

#[derive(Clone)]
pub struct App {}

impl App {
    pub fn connect(_host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {})
    }
}

/// Handles one batch; the answer names the messages that must come again.
pub async fn handle(_app: App, _event: SqsEvent) -> SqsBatchResponse {
    SqsBatchResponse::default()
}
