//! Follows the table's stream: notes which buckets of facts changed, and asks for them to be counted anew.
//!
//! It reads no fact. A change is noted before the count is asked for, and the count is told how many were, so records may
//! come twice, late or out of order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::rollup::{Bucket, Recount, Tallies};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use runtime::{Clock, Host, Misconfigured, Queue, QueueError};
use store::{StoreError, Table, changed_buckets};

/// How many buckets are noted at a time.
const ABREAST: usize = 8;

#[derive(Clone)]
pub struct App {
    table: Table,
    queue: Queue<Recount>,
    clock: Clock,
    /// How long a count waits: by then the indexes hold what the stream told of, and more changes have come that it
    /// counts along.
    delay: Duration,
    index_lag: Duration,
    asked: Asked,
}

/// Until when counts wait that were asked for, as far as this container knows.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<HashMap<Bucket, Timestamp>>>);

/// Beyond this many those that wait no longer are forgotten.
const MOST_REMEMBERED: usize = 10_000;

impl Asked {
    /// Whether a count of the bucket waits until after this moment.
    fn waits(&self, bucket: &Bucket, moment: Timestamp) -> bool {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(bucket).is_some_and(|until| *until > moment)
    }

    fn remember(&self, bucket: Bucket, until: Timestamp, now: Timestamp) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST_REMEMBERED {
            asked.retain(|_, until| *until > now);
        }
        asked.insert(bucket, until);
    }
}

fn after(moment: Timestamp, wait: Duration) -> Timestamp {
    moment.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2))
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self {
            table: Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?),
            queue: Queue::new(host.aws.sqs(), host.env.text("ROLLUPS_QUEUE_URL")?),
            clock: host.clock.clone(),
            delay: Duration::from_secs(host.env.parsed("ROLLUP_DELAY_SECONDS")?),
            index_lag: Duration::from_secs(host.env.parsed("INDEX_LAG_SECONDS")?),
            asked: Asked::default(),
        })
    }

    /// What the table has billed so far.
    pub fn meter(&self) -> &store::Meter {
        self.table.meter()
    }
}

/// How often a bucket is tried before its record is given back.
const TRIES: usize = 3;

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Handles one batch of records. What fails comes again from the first record on whose change could not be noted; what
/// was done after it is done twice.
pub async fn handle(app: App, event: Event) -> DynamoDbEventResponse {
    let records = event.records.iter().filter(|record| !is_expiry(record));
    let told: Vec<_> = records.map(|record| (&record.change.sequence_number, changed(record))).collect();
    let mut open: BTreeSet<Bucket> = told.iter().flat_map(|(_, buckets)| buckets).cloned().collect();
    // A batch may tell of hundreds of buckets, of which one that fails now and then must not hold up the others.
    for _ in 0..TRIES {
        let noted = stream::iter(open).map(|bucket| note(&app, bucket)).buffer_unordered(ABREAST);
        open = noted.filter_map(|failed| async { failed.err() }).collect().await;
    }
    let mut response = DynamoDbEventResponse::default();
    if let Some((number, _)) =
        told.iter().find(|(_, buckets)| buckets.iter().any(|bucket| open.contains(bucket)))
    {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier.clone_from(number);
        response.batch_item_failures.push(failure);
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

/// Notes a change and asks for a count, unless one waits for so long that it will find the change. Answers the bucket if
/// that could not be done.
async fn note(app: &App, bucket: Bucket) -> Result<(), Bucket> {
    let now = app.clock.now();
    if app.asked.waits(&bucket, after(now, app.index_lag)) {
        return Ok(());
    }
    let noted = async {
        let changes = app.table.note_change(&bucket, now).await?;
        let recount = Recount { bucket: bucket.clone(), changes };
        app.queue.send_after(&bucket.tenant, &recount, app.delay).await?;
        Ok::<(), Failed>(())
    };
    match noted.await {
        Ok(()) => {
            app.asked.remember(bucket, after(now, app.delay), now);
            Ok(())
        }
        Err(error) => {
            let hour = bucket.hour.name();
            tracing::error!(tenant = %bucket.tenant, hour, %error, "a change was not noted");
            Err(bucket)
        }
    }
}
