//! The file: its tables, and what happens to messages in flight when it is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::SqsError;

/// `seq` is never used again (`AUTOINCREMENT`), so an old receipt cannot name a new message.
/// `receipt` is 0 until the first receive, which is what tells a delayed message from one in flight.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS queues (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        visibility_timeout_s INTEGER NOT NULL,
        delay_s INTEGER NOT NULL,
        retention_s INTEGER NOT NULL,
        dead_letter_queue TEXT,
        max_receive_count INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue INTEGER NOT NULL,
        id BLOB NOT NULL DEFAULT (randomblob(16)),
        group_id TEXT,
        sent_ms INTEGER NOT NULL,
        visible_ms INTEGER NOT NULL,
        receipt INTEGER NOT NULL DEFAULT 0,
        receives INTEGER NOT NULL DEFAULT 0,
        receives_before_redrive INTEGER NOT NULL DEFAULT 0,
        first_received_ms INTEGER,
        dead_letter_source TEXT,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_ms);
";

pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) last_receipt: i64,
}

pub(super) fn open(file: Option<&Path>, now_ms: u64) -> Result<Opened, SqsError> {
    let connection = match file {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    // Without an fsync per commit: the death of the process loses nothing, only that of the machine may.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(TABLES)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Whoever had these in flight died with the process; waiting out their timeouts would only
    // slow a restart down. Receipts stay good, for a client that outlived the restart.
    connection
        .execute("UPDATE messages SET visible_ms = ?1 WHERE receipt > 0 AND visible_ms > ?1", [now_ms])?;
    // Expiry is otherwise noticed when a message is about to be received; nobody reads some
    // dead-letter queues, and their space comes back here.
    connection.execute(
        "DELETE FROM messages WHERE sent_ms + 1000 *
             (SELECT retention_s FROM queues WHERE id = messages.queue) <= ?1",
        [now_ms],
    )?;
    let last_receipt =
        connection.query_row("SELECT coalesce(max(receipt), 0) FROM messages", [], |row| row.get(0))?;
    Ok(Opened { connection, last_receipt })
}
