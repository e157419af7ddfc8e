//! Messages: everything that reads or writes their table.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row};

use super::error::within;
use super::queue::{self, Queue, Redrive};
use super::receipt::Receipt;
use super::writer::Turn;
use proxy::ACCOUNT;

use super::{SqsError, arn};

/// The largest body that SQS takes.
pub const MESSAGE_LIMIT_BYTES: usize = 1_048_576;

/// A message to send.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub body: String,
    /// Instead of the queue's delay.
    pub delay_s: Option<u32>,
    /// Kept and handed out; it orders nothing on a standard queue.
    pub group_id: Option<String>,
}

impl NewMessage {
    pub fn new(body: impl Into<String>) -> NewMessage {
        NewMessage { body: body.into(), delay_s: None, group_id: None }
    }

    pub(super) fn check(&self) -> Result<(), SqsError> {
        if self.body.is_empty() {
            return Err(SqsError::MissingParameter("MessageBody"));
        }
        if self.body.len() > MESSAGE_LIMIT_BYTES {
            return Err(SqsError::MessageTooLong);
        }
        if let Some(delay_s) = self.delay_s {
            within("DelaySeconds", i64::from(delay_s), 0..=900)?;
        }
        let allowed =
            |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        match &self.group_id {
            Some(id) if !allowed(id) => Err(SqsError::InvalidParameter {
                parameter: "MessageGroupId",
                value: id.clone(),
                reason: "MessageGroupId can only include alphanumeric and punctuation \
                         characters. 1 to 128 in length"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Debug)]
pub struct SentMessage {
    pub message_id: String,
    pub md5_of_body: String,
}

#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    /// The system attributes, as in the event that a Lambda function gets.
    pub attributes: BTreeMap<String, String>,
    pub md5_of_body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub visible: u64,
    pub in_flight: u64,
    pub delayed: u64,
}

pub(super) fn insert(
    turn: &mut Turn<'_>,
    queue: &Queue,
    messages: &[NewMessage],
) -> Result<Vec<SentMessage>, SqsError> {
    let mut insert = turn.connection.prepare_cached(
        "INSERT INTO messages (queue, group_id, sent_ms, visible_ms, body)
         VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
    )?;
    let mut sent = Vec::with_capacity(messages.len());
    for message in messages {
        let delay_s = message.delay_s.unwrap_or(queue.spec.delay_s);
        let visible_ms = turn.now_ms + u64::from(delay_s) * 1000;
        let columns = (queue.id, &message.group_id, turn.now_ms, visible_ms, &message.body);
        let id: [u8; 16] = insert.query_row(columns, |row| row.get(0))?;
        sent.push(SentMessage { message_id: uuid_text(id), md5_of_body: md5_text(&message.body) });
    }
    turn.stir(&queue.spec.name);
    Ok(sent)
}

/// What a receive finds: messages to hand out, and ones that only now turn out not to be.
#[derive(Default)]
struct Found {
    ready: Vec<Stored>,
    expired: Vec<i64>,
    dead: Vec<i64>,
}

struct Stored {
    seq: i64,
    id: [u8; 16],
    group_id: Option<String>,
    sent_ms: u64,
    receives: u64,
    first_received_ms: Option<u64>,
    dead_letter_source: Option<String>,
    body: String,
}

/// Takes up to `max` visible messages, hidden from others for `visibility_timeout_s`.
///
/// Messages received as often as the redrive policy allows move to the dead-letter queue instead.
pub(super) fn take(
    turn: &mut Turn<'_>,
    queue: &Queue,
    max: usize,
    visibility_timeout_s: Option<u32>,
) -> Result<Vec<(Receipt, ReceivedMessage)>, SqsError> {
    let found = look(turn, queue, max)?;
    for seq in found.expired {
        turn.connection.prepare_cached("DELETE FROM messages WHERE seq = ?1")?.execute([seq])?;
    }
    if let Some(redrive) = &queue.spec.redrive {
        bury(turn, queue, redrive, &found.dead)?;
    }
    let timeout_s = visibility_timeout_s.unwrap_or(queue.spec.visibility_timeout_s);
    let visible_ms = turn.now_ms + u64::from(timeout_s) * 1000;
    let mut taken = Vec::with_capacity(found.ready.len());
    for message in found.ready {
        let receipt = Receipt { queue: queue.id, seq: message.seq, number: turn.next_receipt() };
        turn.connection
            .prepare_cached(
                "UPDATE messages SET receipt = ?2, visible_ms = ?3, receives = receives + 1,
                                     first_received_ms = coalesce(first_received_ms, ?4)
                 WHERE seq = ?1",
            )?
            .execute((message.seq, receipt.number, visible_ms, turn.now_ms))?;
        taken.push((receipt, message.received(receipt, turn.now_ms)));
    }
    if timeout_s == 0 {
        turn.stir(&queue.spec.name);
    }
    Ok(taken)
}

fn look(turn: &Turn<'_>, queue: &Queue, max: usize) -> Result<Found, SqsError> {
    let mut select = turn.connection.prepare_cached(
        "SELECT seq, id, group_id, sent_ms, receives, receives_before_redrive,
                first_received_ms, dead_letter_source, body
         FROM messages WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, seq",
    )?;
    let most_receives = queue.spec.redrive.as_ref().map(|it| it.max_receive_count);
    let mut rows = select.query((queue.id, turn.now_ms))?;
    let mut found = Found::default();
    while found.ready.len() < max
        && let Some(row) = rows.next()?
    {
        let (sent_ms, receives): (u64, u32) = (row.get(3)?, row.get(4)?);
        if sent_ms + queue.retention_ms() <= turn.now_ms {
            found.expired.push(row.get(0)?);
        } else if most_receives.is_some_and(|most| receives >= most) {
            found.dead.push(row.get(0)?);
        } else {
            found.ready.push(Stored::read(row)?);
        }
    }
    Ok(found)
}

/// Moves messages to the dead-letter queue, where they keep their identity, sent time and count.
fn bury(turn: &mut Turn<'_>, queue: &Queue, redrive: &Redrive, dead: &[i64]) -> Result<(), SqsError> {
    if dead.is_empty() {
        return Ok(());
    }
    let grave = queue::find(turn.connection, &redrive.dead_letter_queue)?;
    let mut update = turn.connection.prepare_cached(
        "UPDATE messages SET queue = ?2, visible_ms = ?3, dead_letter_source = ?4, receives = 0,
                             receives_before_redrive = receives_before_redrive + receives
         WHERE seq = ?1",
    )?;
    for seq in dead {
        update.execute((seq, grave.id, turn.now_ms, &queue.spec.name))?;
    }
    turn.stir(&grave.spec.name);
    Ok(())
}

/// Undoes a receive whose messages reached nobody, as if it had not happened.
pub(super) fn put_back(turn: &mut Turn<'_>, queue: &str, receipts: &[Receipt]) -> Result<(), SqsError> {
    let mut update = turn.connection.prepare_cached(
        "UPDATE messages SET visible_ms = ?4, receives = receives - 1,
             first_received_ms = CASE WHEN receives + receives_before_redrive > 1
                                      THEN first_received_ms END
         WHERE seq = ?1 AND queue = ?2 AND receipt = ?3",
    )?;
    for receipt in receipts {
        update.execute((receipt.seq, receipt.queue, receipt.number, turn.now_ms))?;
    }
    turn.stir(queue);
    Ok(())
}

/// When the next message of the queue becomes visible, if it holds any.
pub(super) fn next_visible_ms(turn: &Turn<'_>, queue: &Queue) -> Result<Option<u64>, SqsError> {
    let next = turn
        .connection
        .prepare_cached("SELECT min(visible_ms) FROM messages WHERE queue = ?1")?
        .query_row([queue.id], |row| row.get(0))?;
    Ok(next)
}

pub(super) fn delete(turn: &mut Turn<'_>, queue: &Queue, receipts: &[Receipt]) -> Result<(), SqsError> {
    let mut delete = turn
        .connection
        .prepare_cached("DELETE FROM messages WHERE seq = ?1 AND queue = ?2 AND receipt = ?3")?;
    for receipt in receipts {
        delete.execute((receipt.seq, queue.id, receipt.number))?;
    }
    Ok(())
}

/// Whether a receipt was the message's current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Current,
    Outdated,
}

/// Sets when a message in flight becomes visible; one that is visible already stays so.
pub(super) fn postpone(
    turn: &mut Turn<'_>,
    queue: &Queue,
    receipt: Receipt,
    after_ms: u64,
) -> Result<Held, SqsError> {
    let visible_ms: Option<u64> = turn
        .connection
        .prepare_cached("SELECT visible_ms FROM messages WHERE seq = ?1 AND queue = ?2 AND receipt = ?3")?
        .query_row((receipt.seq, queue.id, receipt.number), |row| row.get(0))
        .optional()?;
    let Some(visible_ms) = visible_ms else {
        return Ok(Held::Outdated);
    };
    if visible_ms > turn.now_ms {
        turn.connection
            .prepare_cached("UPDATE messages SET visible_ms = ?2 WHERE seq = ?1")?
            .execute((receipt.seq, turn.now_ms.saturating_add(after_ms)))?;
        turn.stir(&queue.spec.name);
    }
    Ok(Held::Current)
}

pub(super) fn count(turn: &mut Turn<'_>, queue: &Queue) -> Result<Counts, SqsError> {
    let counts = turn
        .connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
                    count(*) FILTER (WHERE visible_ms > ?2 AND receipt > 0),
                    count(*) FILTER (WHERE visible_ms > ?2 AND receipt = 0)
             FROM messages WHERE queue = ?1 AND sent_ms + ?3 > ?2",
        )?
        .query_row((queue.id, turn.now_ms, queue.retention_ms()), |row| {
            Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
        })?;
    Ok(counts)
}

impl Stored {
    fn read(row: &Row<'_>) -> Result<Stored, rusqlite::Error> {
        let (here, before): (u64, u64) = (row.get(4)?, row.get(5)?);
        Ok(Stored {
            seq: row.get(0)?,
            id: row.get(1)?,
            group_id: row.get(2)?,
            sent_ms: row.get(3)?,
            receives: before + here,
            first_received_ms: row.get(6)?,
            dead_letter_source: row.get(7)?,
            body: row.get(8)?,
        })
    }

    fn received(self, receipt: Receipt, now_ms: u64) -> ReceivedMessage {
        let first_received_ms = self.first_received_ms.unwrap_or(now_ms);
        let attributes = [
            ("SenderId", Some(ACCOUNT.to_owned())),
            ("SentTimestamp", Some(self.sent_ms.to_string())),
            ("ApproximateReceiveCount", Some((self.receives + 1).to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(first_received_ms.to_string())),
            ("MessageGroupId", self.group_id),
            ("DeadLetterQueueSourceArn", self.dead_letter_source.as_deref().map(arn)),
        ];
        ReceivedMessage {
            message_id: uuid_text(self.id),
            receipt_handle: receipt.to_string(),
            attributes: attributes
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            md5_of_body: md5_text(&self.body),
            body: self.body,
        }
    }
}

fn md5_text(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

fn uuid_text(id: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(id));
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
