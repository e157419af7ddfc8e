//! The SQS of the local stack: standard queues in one SQLite file, spoken to by the unmodified AWS SDK.
//!
//! What real SQS promises holds here too: at-least-once delivery, delays, visibility timeouts with a
//! new receipt handle per receive, redrive to a dead-letter queue, retention. A send that was
//! answered survives the death of the process; what was in flight is visible again after a restart.
//!
//! Deliberately absent, and refused by name: FIFO queues, message attributes, and every operation
//! our path does not use. Queues come from the template through [`Queues::create`], not over HTTP.

mod bells;
mod error;
mod file;
mod http;
mod message;
mod poll;
mod queue;
mod receipt;
mod writer;

use std::path::Path;
use std::time::Duration;

pub use error::SqsError;
pub use message::{Counts, MESSAGE_LIMIT_BYTES, NewMessage, ReceivedMessage, SentMessage};
use proxy::{ACCOUNT, REGION};
pub use queue::{QueueSpec, Redrive};

use bells::Bells;
use error::within;
use poll::Order;
use receipt::Receipt;
use writer::Writer;

/// All queues of one local stack; clones share them.
#[derive(Clone)]
pub struct Queues {
    writer: Writer,
    bells: Bells,
    base_url: String,
}

impl Queues {
    /// Opens the queues kept in `file`, or ones that live in memory; `clock` tells milliseconds since 1970.
    pub fn open(
        file: Option<&Path>,
        base_url: String,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Queues, SqsError> {
        let opened = file::open(file, clock())?;
        let bells = Bells::default();
        for name in queue::names(&opened.connection)? {
            bells.hang(&name);
        }
        let writer = Writer::start(opened, Box::new(clock), bells.clone())?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Queues { writer, bells, base_url })
    }

    /// Creates the queue or gives the existing one these settings; answers its URL.
    ///
    /// A dead-letter queue has to exist before the queue that names it.
    pub async fn create(&self, spec: QueueSpec) -> Result<String, SqsError> {
        spec.check()?;
        let name = spec.name.clone();
        self.writer.run(move |turn| queue::declare(turn, &spec)).await?;
        self.bells.hang(&name);
        Ok(self.url(&name))
    }

    /// The URL by which SDK clients name the queue.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.base_url)
    }

    /// Sends all of `messages`, or none; returns when they are safe from the death of the process.
    pub async fn send(&self, queue: &str, messages: Vec<NewMessage>) -> Result<Vec<SentMessage>, SqsError> {
        for message in &messages {
            message.check()?;
        }
        let name = queue.to_owned();
        self.writer
            .run(move |turn| {
                let queue = queue::find(turn.connection, &name)?;
                message::insert(turn, &queue, &messages)
            })
            .await
    }

    /// Receives up to `max` messages under the queue's visibility timeout, waiting up to `wait` for the first.
    ///
    /// Dropping the future takes nothing: messages that were already on their way are visible again.
    pub async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let order = Order { max: max.max(1), visibility_timeout_s: None, wait };
        self.poll(queue, order).await
    }

    /// Deletes the messages whose current receipts these are; outdated receipts are ignored, as by SQS.
    pub async fn delete(&self, queue: &str, receipts: Vec<String>) -> Result<(), SqsError> {
        let receipts = Receipt::parse_all(&receipts)?;
        let name = queue.to_owned();
        self.writer
            .run(move |turn| {
                let queue = queue::find(turn.connection, &name)?;
                message::delete(turn, &queue, &receipts)
            })
            .await
    }

    /// Makes messages in flight visible `after` this; outdated receipts are ignored.
    pub async fn release(&self, queue: &str, receipts: Vec<String>, after: Duration) -> Result<(), SqsError> {
        let receipts = Receipt::parse_all(&receipts)?;
        let name = queue.to_owned();
        let after_s = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        within("VisibilityTimeout", after_s, 0..=43_200)?;
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.writer
            .run(move |turn| {
                let queue = queue::find(turn.connection, &name)?;
                for receipt in &receipts {
                    message::postpone(turn, &queue, *receipt, after_ms)?;
                }
                Ok(())
            })
            .await
    }

    /// How many messages the queue holds, by state; exact, unlike the real ones.
    pub async fn counts(&self, queue: &str) -> Result<Counts, SqsError> {
        let name = queue.to_owned();
        self.writer
            .run(move |turn| {
                let queue = queue::find(turn.connection, &name)?;
                message::count(turn, &queue)
            })
            .await
    }

    /// The HTTP endpoint: AWS JSON 1.0 on `POST /`.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }
}

/// The ARN by which the template and redrive policies name the queue.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}
