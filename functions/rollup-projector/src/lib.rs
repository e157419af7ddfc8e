//! Follows the table's stream: notes which buckets of facts changed, and asks for them to be counted anew.
//!
//! It reads no fact. A change is noted before the count is asked for, and whoever counts looks at the note first, so
//! records may come twice, late or out of order.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::rollup::{Bucket, Tallies};
use futures::{StreamExt, TryStreamExt, stream};
use runtime::{Host, Misconfigured, Queue, QueueError};
use store::{StoreError, Table, changed_buckets};

/// How many buckets are noted at a time.
const ABREAST: usize = 8;

#[derive(Clone)]
pub struct App {
    table: Table,
    queue: Queue<Bucket>,
    /// How long a count waits: by then the indexes hold what the stream told of, and more changes have come that it
    /// counts along.
    delay: Duration,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {
            table: Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?),
            queue: Queue::new(host.aws.sqs(), host.env.text("ROLLUPS_QUEUE_URL")?),
            delay: Duration::from_secs(host.env.parsed("ROLLUP_DELAY_SECONDS")?),
        })
    }

    /// What the table has billed so far.
    pub fn meter(&self) -> &store::Meter {
        self.table.meter()
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Handles one batch of records. If anything fails, all of it comes again: what was done may be done twice.
pub async fn handle(app: App, event: Event) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    let first = event.records.first().and_then(|record| record.change.sequence_number.clone());
    let changed: BTreeSet<_> =
        event.records.iter().filter(|record| !is_expiry(record)).flat_map(changed).collect();
    let buckets = changed.len();
    let noted = stream::iter(changed).map(|bucket| note(&app, bucket)).buffer_unordered(ABREAST);
    match noted.try_collect::<()>().await {
        Ok(()) => tracing::debug!(records = event.records.len(), buckets, "changes noted"),
        Err(error) => {
            tracing::error!(%error, "changes could not be noted; they come again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = first;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

fn changed(record: &EventRecord) -> Vec<Bucket> {
    let mut buckets = changed_buckets(&record.change.old_image, &record.change.new_image);
    buckets.retain(|bucket| bucket.kind == Tallies::KIND);
    buckets
}

/// Whether DynamoDB deleted an item because its time had come. Its rollup expires by itself.
fn is_expiry(record: &EventRecord) -> bool {
    let by = record.user_identity.as_ref();
    record.event_name == "REMOVE" && by.is_some_and(|by| by.principal_id == "dynamodb.amazonaws.com")
}

async fn note(app: &App, bucket: Bucket) -> Result<(), Failed> {
    app.table.note_change(&bucket).await?;
    app.queue.send_after(&bucket.tenant, &bucket, app.delay).await?;
    Ok(())
}
