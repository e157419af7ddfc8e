//! What calls functions that nobody waits for: Lambda's pollers of queues and of the stream, and the scheduler.

mod stream;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::functions::{BatchHandler, TickHandler};
use crate::sqs::{self, Queues, ReceivedMessage, SqsError};
use crate::threads::{Stop, stopped};
pub use stream::{Position, StreamMapping};

/// How long a poller waits for a message; the longest that SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);

/// How long a poller waits after an error, so that a broken queue does not fill the log.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A queue and the function that consumes it.
#[derive(Clone)]
pub struct Mapping {
    pub function: String,
    pub timeout: Duration,
    pub handle: BatchHandler,
    pub queue: String,
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    /// How soon what failed comes again, if not only when its visibility timeout is over.
    pub redelivery: Option<Duration>,
}

/// A function that runs ever so often.
#[derive(Clone)]
pub struct Schedule {
    pub function: String,
    pub timeout: Duration,
    pub handle: TickHandler,
    pub every: Duration,
}

impl Mapping {
    /// Polls until told to stop; a batch that was received is worked to its end.
    pub async fn poll(self, queues: Queues, stop: Stop) {
        loop {
            let received = tokio::select! {
                () = stopped(stop.clone()) => return,
                received = self.receive(&queues) => received,
            };
            match received {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => self.work(&queues, batch).await,
                Err(error) => {
                    tracing::error!(queue = self.queue, %error, "the queue cannot be polled");
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    async fn receive(&self, queues: &Queues) -> Result<Vec<ReceivedMessage>, SqsError> {
        let mut batch = queues.receive(&self.queue, self.batch_size, LONG_POLL).await?;
        let until = Instant::now() + self.window;
        while !batch.is_empty() && batch.len() < self.batch_size && Instant::now() < until {
            let room = self.batch_size - batch.len();
            let left = until.saturating_duration_since(Instant::now());
            batch.append(&mut queues.receive(&self.queue, room, left).await?);
        }
        Ok(batch)
    }

    /// Deletes what the function has done; the rest comes again when its visibility timeout is over.
    async fn work(&self, queues: &Queues, batch: Vec<ReceivedMessage>) {
        let event = event(&self.queue, &batch);
        let ids: BTreeSet<_> = batch.iter().map(|message| message.message_id.as_str()).collect();
        let failed = failed(&ids, self.call(event).await);
        let (again, done): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|message| failed.contains(message.message_id.as_str()));
        let receipts = |messages: Vec<ReceivedMessage>| {
            messages.into_iter().map(|message| message.receipt_handle).collect::<Vec<_>>()
        };
        if !done.is_empty()
            && let Err(error) = queues.delete(&self.queue, receipts(done)).await
        {
            tracing::error!(queue = self.queue, %error, "finished messages could not be deleted");
        }
        if let Some(after) = self.redelivery
            && !again.is_empty()
            && let Err(error) = queues.release(&self.queue, receipts(again), after).await
        {
            tracing::error!(queue = self.queue, %error, "failed messages could not be released");
        }
    }

    async fn call(&self, event: SqsEvent) -> Option<SqsBatchResponse> {
        let work = timeout(self.timeout, (self.handle)(event));
        match tokio::spawn(work).await {
            Ok(Ok(response)) => return Some(response),
            Ok(Err(_)) => tracing::error!(function = self.function, "the function took too long"),
            Err(_) => tracing::error!(function = self.function, "the function panicked"),
        }
        None
    }
}

/// The messages that must come again: all of them if the function failed, or names one that is not in the batch.
fn failed(batch: &BTreeSet<&str>, response: Option<SqsBatchResponse>) -> BTreeSet<String> {
    let all = || batch.iter().map(|id| (*id).to_owned()).collect();
    let Some(response) = response else {
        return all();
    };
    let failures = response.batch_item_failures.into_iter();
    let named: BTreeSet<_> = failures.map(|failure| failure.item_identifier).collect();
    if named.iter().all(|id| batch.contains(id.as_str())) { named } else { all() }
}

fn event(queue: &str, batch: &[ReceivedMessage]) -> SqsEvent {
    let records = batch.iter().map(|message| {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.message_id.clone());
        record.receipt_handle = Some(message.receipt_handle.clone());
        record.body = Some(message.body.clone());
        record.md5_of_body = Some(message.md5_of_body.clone());
        record.attributes = message.attributes.clone().into_iter().collect();
        record.event_source = Some("aws:sqs".to_owned());
        record.event_source_arn = Some(sqs::arn(queue));
        record.aws_region = Some(proxy::REGION.to_owned());
        record
    });
    let mut event = SqsEvent::default();
    event.records = records.collect();
    event
}

impl Schedule {
    /// Runs at once, since what a crash left behind need not wait, and then at every tick; never beside itself.
    pub async fn run(self, stop: Stop) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(stop.clone()) => return,
                _ = ticks.tick() => self.call().await,
            }
        }
    }

    async fn call(&self) {
        let work = timeout(self.timeout, (self.handle)());
        match tokio::spawn(work).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(function = self.function, error, "the function failed"),
            Ok(Err(_)) => tracing::error!(function = self.function, "the function took too long"),
            Err(_) => tracing::error!(function = self.function, "the function panicked"),
        }
    }
}

#[cfg(test)]
mod tests;
