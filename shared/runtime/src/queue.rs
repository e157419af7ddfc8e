//! Sending to a queue.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message::SendMessageError;
use domain::ids::TenantId;
use serde::Serialize;

/// A queue that this function may send to. `M` is what its consumer reads.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    client: Client,
    url: String,
    /// Whether each tenant's messages are a group, so that one tenant's flood does not delay the others'.
    grouped: bool,
    carries: std::marker::PhantomData<fn(M)>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the message cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
    #[error("the queue did not take the message: {}", .0.code().unwrap_or("no answer"))]
    NotSent(#[source] Box<SdkError<SendMessageError>>),
}

impl<M: Serialize> Queue<M> {
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url, grouped: true, carries: std::marker::PhantomData }
    }

    /// The same for messages that are all of one tenant's: SQS charges a quarter more for those in groups.
    #[must_use]
    pub fn of_one_tenant(self) -> Self {
        Self { grouped: false, ..self }
    }

    /// Returns once the queue holds the message durably.
    pub async fn send(&self, tenant: &TenantId, message: &M) -> Result<(), QueueError> {
        self.send_after(tenant, message, Duration::ZERO).await
    }

    /// As [`Queue::send`]; the message is first seen after `delay`, of which SQS keeps whole seconds up to 900.
    pub async fn send_after(
        &self,
        tenant: &TenantId,
        message: &M,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(QueueError::Unwritable)?;
        let seconds = i32::try_from(delay.as_secs().min(900)).unwrap_or(900);
        self.client
            .send_message()
            .queue_url(&self.url)
            .set_message_group_id(self.grouped.then(|| tenant.to_string()))
            .message_body(body)
            .delay_seconds(seconds)
            .send()
            .await
            .map_err(|error| QueueError::NotSent(Box::new(error)))?;
        Ok(())
    }
}
