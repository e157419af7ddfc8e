//! The table's stream.

use std::path::Path;

use dynoxide::{Database, streams};
use rusqlite::Connection;
use serde_json::Value;

use super::DynamoDbError;
use super::layout::request;

/// Reads the table's stream, in which every change of an item is a record.
#[derive(Clone)]
pub struct Changes {
    pub(super) database: Database,
    table: String,
}

impl Changes {
    pub(super) fn of(database: Database, table: &str) -> Self {
        Self { database, table: table.to_owned() }
    }

    /// The records after the one of this sequence number, or from the first one on, as Lambda shows them.
    pub async fn after(&self, done: Option<String>, limit: usize) -> Result<Vec<Value>, DynamoDbError> {
        let changes = self.clone();
        let read = tokio::task::spawn_blocking(move || changes.read(done.as_deref(), limit));
        read.await.unwrap_or(Ok(Vec::new()))
    }

    fn read(&self, done: Option<&str>, limit: usize) -> Result<Vec<Value>, DynamoDbError> {
        let mut from = serde_json::json!({
            "StreamArn": streams::stream_arn(&self.table, "latest"),
            "ShardId": streams::shard_id(&self.table),
            "ShardIteratorType": "TRIM_HORIZON",
        });
        if let Some(done) = done {
            from["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            from["SequenceNumber"] = done.into();
        }
        let found = request(from).and_then(|from| self.database.get_shard_iterator(from));
        let iterator = found.map_err(DynamoDbError::Stream)?.shard_iterator;
        let page = serde_json::json!({ "ShardIterator": iterator, "Limit": limit });
        let found = request(page).and_then(|page| self.database.get_records(page));
        let records = found.map_err(DynamoDbError::Stream)?.records;
        Ok(records.iter().filter_map(|record| serde_json::to_value(record).ok()).collect())
    }
}

/// Makes the stream of a database in a file quick to use, and forgets what nobody will read any more.
///
/// The embedded database looks through all records of a stream at each write, and keeps them for ever; with this index
/// it finds the last one at once. Records a day older than the newest go, as DynamoDB's do.
pub(super) fn tidy(file: &Path) -> Result<(), rusqlite::Error> {
    Connection::open(file)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_by_number
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
         DELETE FROM _stream_records
             WHERE created_at < (SELECT MAX(created_at) FROM _stream_records) - 86400;",
    )
}
