//! Consuming a queue: one batch in, the ids of what must come again out.
//!
//! A message that fails, panics or cannot be read is reported alone, so that its neighbours are not repeated;
//! after the queue's `maxReceiveCount` it goes to the dead-letter queue.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::{FutureExt, StreamExt, stream};
use serde::de::DeserializeOwned;

/// A message as its consumer sees it.
#[derive(Clone, Debug)]
pub struct Message<M> {
    pub id: String,
    pub body: M,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Again,
}

/// Reads the messages of a batch; the second list holds the ids of those that cannot be read.
pub fn parse_batch<M: DeserializeOwned>(event: SqsEvent) -> (Vec<Message<M>>, Vec<String>) {
    let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
    for record in event.records {
        let id = record.message_id.unwrap_or_default();
        match serde_json::from_str(record.body.as_deref().unwrap_or_default()) {
            Ok(body) => messages.push(Message { id, body }),
            Err(error) => {
                tracing::error!(message_id = %id, line = error.line(), column = error.column(), "unreadable message");
                unreadable.push(id);
            }
        }
    }
    (messages, unreadable)
}

/// The answer to a batch of which the messages `failed` must come again: by id, whichever failed first.
pub fn batch_response(failed: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = BTreeSet::from_iter(failed)
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

/// Hands each message of the batch to `handle`, at most `concurrency` at a time.
pub async fn each<M, F, R>(event: SqsEvent, concurrency: usize, handle: F) -> SqsBatchResponse
where
    M: DeserializeOwned,
    F: Fn(M) -> R,
    R: Future<Output = Outcome>,
{
    let (messages, mut failed) = parse_batch::<M>(event);
    let outcomes = stream::iter(messages).map(|message| {
        let work = AssertUnwindSafe(handle(message.body)).catch_unwind();
        async move { (message.id, work.await) }
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(concurrency).collect().await;
    for (id, outcome) in outcomes {
        match outcome {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Again) => failed.push(id),
            Err(_) => {
                tracing::error!(message_id = %id, "the handler panicked");
                failed.push(id);
            }
        }
    }
    batch_response(failed)
}
