//! Queues and their settings.

use rusqlite::{Connection, OptionalExtension, Row};

use super::SqsError;
use super::error::within;
use super::writer::Turn;

/// A queue as the template declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    pub name: String,
    pub visibility_timeout_s: u32,
    pub delay_s: u32,
    pub retention_s: u32,
    pub redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    pub dead_letter_queue: String,
    pub max_receive_count: u32,
}

impl QueueSpec {
    /// A queue with the settings that SQS gives where none are declared.
    pub fn new(name: impl Into<String>) -> QueueSpec {
        QueueSpec {
            name: name.into(),
            visibility_timeout_s: 30,
            delay_s: 0,
            retention_s: 345_600,
            redrive: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), SqsError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 80 || !self.name.chars().all(allowed) {
            return Err(SqsError::InvalidParameter {
                parameter: "QueueName",
                value: self.name.clone(),
                reason: "Can only include alphanumeric characters, hyphens, or underscores. 1 to \
                         80 in length"
                    .to_owned(),
            });
        }
        let visibility_timeout_s = i64::from(self.visibility_timeout_s);
        within("VisibilityTimeout", visibility_timeout_s, 0..=43_200)?;
        within("DelaySeconds", i64::from(self.delay_s), 0..=900)?;
        let retention_s = i64::from(self.retention_s);
        within("MessageRetentionPeriod", retention_s, 60..=1_209_600)?;
        if let Some(redrive) = &self.redrive {
            let max_receive_count = i64::from(redrive.max_receive_count);
            within("maxReceiveCount", max_receive_count, 1..=1000)?;
        }
        Ok(())
    }
}

pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) spec: QueueSpec,
}

impl Queue {
    pub(super) fn retention_ms(&self) -> u64 {
        u64::from(self.spec.retention_s) * 1000
    }
}

pub(super) fn find(connection: &Connection, name: &str) -> Result<Queue, SqsError> {
    connection
        .prepare_cached(
            "SELECT id, name, visibility_timeout_s, delay_s, retention_s,
                    dead_letter_queue, max_receive_count
             FROM queues WHERE name = ?1",
        )?
        .query_row([name], read)
        .optional()?
        .ok_or_else(|| SqsError::QueueDoesNotExist(name.to_owned()))
}

pub(super) fn names(connection: &Connection) -> Result<Vec<String>, SqsError> {
    let mut select = connection.prepare_cached("SELECT name FROM queues ORDER BY name")?;
    let names = select.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(super) fn declare(turn: &mut Turn<'_>, spec: &QueueSpec) -> Result<(), SqsError> {
    if let Some(redrive) = &spec.redrive {
        find(turn.connection, &redrive.dead_letter_queue)?;
    }
    turn.connection
        .prepare_cached(
            "INSERT INTO queues (name, visibility_timeout_s, delay_s, retention_s,
                                 dead_letter_queue, max_receive_count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET
                 visibility_timeout_s = ?2, delay_s = ?3, retention_s = ?4,
                 dead_letter_queue = ?5, max_receive_count = ?6",
        )?
        .execute((
            &spec.name,
            spec.visibility_timeout_s,
            spec.delay_s,
            spec.retention_s,
            spec.redrive.as_ref().map(|it| &it.dead_letter_queue),
            spec.redrive.as_ref().map(|it| it.max_receive_count),
        ))?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Queue, rusqlite::Error> {
    let dead_letter_queue: Option<String> = row.get(5)?;
    let max_receive_count: Option<u32> = row.get(6)?;
    Ok(Queue {
        id: row.get(0)?,
        spec: QueueSpec {
            name: row.get(1)?,
            visibility_timeout_s: row.get(2)?,
            delay_s: row.get(3)?,
            retention_s: row.get(4)?,
            redrive: dead_letter_queue.zip(max_receive_count).map(
                |(dead_letter_queue, max_receive_count)| Redrive { dead_letter_queue, max_receive_count },
            ),
        },
    })
}
