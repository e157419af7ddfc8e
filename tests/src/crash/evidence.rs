//! What the queues held, from the file that the embedded SQS keeps.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

use super::CrashError;

/// How many messages of one kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Not received yet.
    pub queued: u64,
    /// Received by a worker that has not said that it is done.
    pub in_flight: u64,
}

impl Held {
    pub fn any(self) -> bool {
        self.queued + self.in_flight > 0
    }

    fn add(&mut self, in_flight: bool) {
        let kind = if in_flight { &mut self.in_flight } else { &mut self.queued };
        *kind += 1;
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.queued, self.in_flight)
    }
}

/// Everything the queues held at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    pub deliveries: Held,
    /// Shards of runs.
    pub shards: Held,
    /// Everything else that runs are moved by: months to plan, and looks at where a run stands.
    pub steps: Held,
    /// Messages that were put aside, which nothing here ever deserves.
    pub dead: u64,
}

impl Evidence {
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// What a server that was just killed left, without touching its file: the next start finds what the kill left.
    pub(super) fn left_behind(queues: &Path) -> Result<Self, CrashError> {
        let copies = tempfile::tempdir()?;
        let copy = copies.path().join("sqs.sqlite");
        for ending in ["", "-wal"] {
            let named = |path: &Path| {
                let mut name = path.to_owned().into_os_string();
                name.push(ending);
                name
            };
            match std::fs::copy(named(queues), named(&copy)) {
                // The file appears with the first message, and its log may have been folded into it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
        if copy.exists() { Self::read(&Connection::open(&copy)?) } else { Ok(Self::default()) }
    }

    /// What a running server's queues hold right now.
    pub(super) fn now(queues: &Path) -> Result<Self, CrashError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(queues, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Self::read(&connection)
    }

    fn read(connection: &Connection) -> Result<Self, CrashError> {
        let tables: u64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('messages', 'queues')",
            [],
            |row| row.get(0),
        )?;
        let mut found = Self::default();
        // A server that was killed at its very first moments has no tables yet.
        if tables < 2 {
            return Ok(found);
        }
        let mut select = connection.prepare(
            "SELECT queues.name, receipt > 0 AND visible_ms > 1000 * unixepoch() + 2000, body
             FROM messages JOIN queues ON queues.id = messages.queue",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            found.add(row)?;
        }
        Ok(found)
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), rusqlite::Error> {
        let (queue, in_flight): (String, bool) = (row.get(0)?, row.get(1)?);
        if queue.ends_with("-dead-letters") {
            self.dead += 1;
        } else if queue.ends_with("-deliveries") {
            self.deliveries.add(in_flight);
        } else {
            let body: String = row.get(2)?;
            let message: Value = serde_json::from_str(&body).unwrap_or_default();
            let kind = if message["task"]["stage"] == "execute" { &mut self.shards } else { &mut self.steps };
            kind.add(in_flight);
        }
        Ok(())
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deliveries, shards, steps, dead } = self;
        write!(f, "deliveries {deliveries}, shards {shards}, other steps of runs {steps}")?;
        if *dead > 0 { write!(f, ", dead letters {dead}") } else { Ok(()) }
    }
}
