//! What calls a function with the records of the table's stream, as Lambda's poller of a stream does.

use std::path::PathBuf;
use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use aws_lambda_events::streams::DynamoDbEventResponse;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::AFTER_ERROR;
use crate::dynamodb::{Changes, DynamoDbError};
use crate::functions::RecordsHandler;
use crate::sqs::{NewMessage, Queues};
use crate::template::Pattern;
use crate::threads::{Stop, stopped};

/// How often a stream that is read to its end is looked at again; Lambda does so four times a second.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// The table's stream and the function that follows it.
pub struct StreamMapping {
    pub function: String,
    pub timeout: Duration,
    pub handle: RecordsHandler,
    pub batch_size: usize,
    /// How long to wait for a batch to fill.
    pub window: Duration,
    pub filters: Vec<Pattern>,
    /// How often a batch that fails comes again.
    pub retries: usize,
    /// The queue that is told of batches that were given up.
    pub on_failure: String,
}

/// How far a stream has been read, kept in a file so that a start goes on where the last one ended.
pub struct Position {
    file: Option<PathBuf>,
    /// The sequence number of the last record that is done.
    done: Option<String>,
}

impl Position {
    pub fn read(file: Option<PathBuf>) -> Self {
        let done = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        Self { file, done: done.filter(|done| !done.is_empty()) }
    }

    /// A crash before this leaves the older position, and records come twice, which they may.
    fn advance(&mut self, done: String) -> std::io::Result<()> {
        if let Some(file) = &self.file {
            let new = file.with_extension("new");
            std::fs::write(&new, &done)?;
            std::fs::rename(new, file)?;
        }
        self.done = Some(done);
        Ok(())
    }
}

impl StreamMapping {
    /// Follows the stream until told to stop; a batch that was read is worked to its end.
    pub async fn follow(self, changes: Changes, mut position: Position, queues: Queues, stop: Stop) {
        let mut ticks = interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = 0;
        loop {
            tokio::select! {
                () = stopped(stop.clone()) => return,
                _ = ticks.tick() => {}
            }
            while !*stop.borrow() {
                let batch = match self.read(&changes, &position).await {
                    Ok(batch) if batch.is_empty() => break,
                    Ok(batch) => batch,
                    Err(error) => {
                        tracing::error!(%error, "the stream cannot be read");
                        sleep(AFTER_ERROR).await;
                        break;
                    }
                };
                failures = self.work(&mut position, batch, failures, &queues).await;
            }
        }
    }

    async fn read(&self, changes: &Changes, position: &Position) -> Result<Vec<Value>, DynamoDbError> {
        let batch = changes.after(position.done.clone(), self.batch_size).await?;
        if batch.is_empty() || batch.len() == self.batch_size || self.window.is_zero() {
            return Ok(batch);
        }
        sleep(self.window).await;
        changes.after(position.done.clone(), self.batch_size).await
    }

    /// Hands over a batch and moves on as far as it is done; answers how often in a row it was not.
    async fn work(
        &self,
        position: &mut Position,
        batch: Vec<Value>,
        failures: usize,
        queues: &Queues,
    ) -> usize {
        let passes = |record: &&Value| {
            self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(record))
        };
        let records: Vec<Value> = batch.iter().filter(passes).cloned().collect();
        let failed = if records.is_empty() { None } else { self.call(&records).await };
        let (done, failures) = match failed {
            Some(_) if failures >= self.retries => {
                self.give_up(&records, queues).await;
                (batch.len(), 0)
            }
            Some(first) => {
                sleep(AFTER_ERROR).await;
                let done = batch.iter().position(|record| sequence(record) == first).unwrap_or(0);
                (done, if done == 0 { failures + 1 } else { 1 })
            }
            None => (batch.len(), 0),
        };
        if let Some(last) = done.checked_sub(1).and_then(|last| batch.get(last))
            && let Err(error) = position.advance(sequence(last).to_owned())
        {
            tracing::error!(%error, "how far the stream was read could not be kept");
        }
        failures
    }

    /// The sequence number of the first record that must come again.
    async fn call(&self, records: &[Value]) -> Option<String> {
        let first = records.first().map(|record| sequence(record).to_owned()).unwrap_or_default();
        let event: Event = match serde_json::from_value(json!({ "Records": records })) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(function = self.function, %error, "records are not as Lambda has them");
                return Some(first);
            }
        };
        let work = timeout(self.timeout, (self.handle)(event));
        match tokio::spawn(work).await {
            Ok(Ok(response)) => first_failure(response),
            Ok(Err(_)) => {
                tracing::error!(function = self.function, "the function took too long");
                Some(first)
            }
            Err(_) => {
                tracing::error!(function = self.function, "the function panicked");
                Some(first)
            }
        }
    }

    /// Tells the queue which records nobody will see again; as from Lambda, it gets their place and not the records.
    async fn give_up(&self, records: &[Value], queues: &Queues) {
        tracing::error!(
            function = self.function,
            records = records.len(),
            "records of the stream were given up"
        );
        let place = |record: Option<&Value>| record.map(sequence).map(str::to_owned);
        let message = json!({
            "requestContext": { "functionArn": self.function, "condition": "RetryAttemptsExhausted" },
            "DDBStreamBatchInfo": {
                "startSequenceNumber": place(records.first()),
                "endSequenceNumber": place(records.last()),
                "batchSize": records.len(),
            },
        });
        let sent = queues.send(&self.on_failure, vec![NewMessage::new(message.to_string())]).await;
        if let Err(error) = sent {
            tracing::error!(%error, "that records were given up could not be told");
        }
    }
}

fn sequence(record: &Value) -> &str {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
}

/// Records are handled in order, so nothing after the first failure is done.
fn first_failure(response: DynamoDbEventResponse) -> Option<String> {
    response.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).min()
}

#[cfg(test)]
mod tests;
