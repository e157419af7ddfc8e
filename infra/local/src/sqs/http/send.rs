//! `SendMessage` and `SendMessageBatch`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::batch::{BatchAnswer, FailedEntry, check_ids};
use super::queue_name;
use crate::sqs::error::within;
use crate::sqs::message::{MESSAGE_LIMIT_BYTES, NewMessage};
use crate::sqs::{Queues, SqsError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessage {
    queue_url: String,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: Map<String, Value>,
    #[serde(default)]
    message_system_attributes: Map<String, Value>,
}

#[derive(Serialize)]
pub(super) struct Sent {
    #[serde(rename = "MessageId")]
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_message_body: String,
}

pub(super) async fn message(queues: &Queues, request: SendMessage) -> Result<Sent, SqsError> {
    let queue = queue_name(&request.queue_url)?;
    let attributes = [&request.message_attributes, &request.message_system_attributes];
    let message = NewMessage {
        delay_s: checked_delay(request.delay_seconds)?,
        body: request.message_body,
        group_id: request.message_group_id,
    };
    refuse_attributes(attributes)?;
    let sent = queues.send(queue, vec![message]).await?;
    let sent = sent.into_iter().next().ok_or(SqsError::Unanswered)?;
    Ok(Sent { message_id: sent.message_id, md5_of_message_body: sent.md5_of_body })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    id: String,
    message_body: String,
    delay_seconds: Option<i64>,
    message_group_id: Option<String>,
    #[serde(default)]
    message_attributes: Map<String, Value>,
    #[serde(default)]
    message_system_attributes: Map<String, Value>,
}

#[derive(Serialize)]
pub(super) struct SentEntry {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    sent: Sent,
}

pub(super) async fn batch(
    queues: &Queues,
    request: SendMessageBatch,
) -> Result<BatchAnswer<SentEntry>, SqsError> {
    let queue = queue_name(&request.queue_url)?;
    check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let bodies = request.entries.iter().map(|entry| entry.message_body.len());
    let bytes: usize = bodies.sum();
    if bytes > MESSAGE_LIMIT_BYTES {
        return Err(SqsError::BatchTooLong(bytes));
    }
    let (mut ids, mut messages, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in request.entries {
        let id = entry.id.clone();
        match entry.message() {
            Ok(message) => {
                ids.push(id);
                messages.push(message);
            }
            Err(error) => failed.push(FailedEntry::new(id, &error)),
        }
    }
    let sent = queues.send(queue, messages).await?;
    let successful = ids
        .into_iter()
        .zip(sent)
        .map(|(id, sent)| SentEntry {
            id,
            sent: Sent { message_id: sent.message_id, md5_of_message_body: sent.md5_of_body },
        })
        .collect();
    Ok(BatchAnswer { successful, failed })
}

impl Entry {
    fn message(self) -> Result<NewMessage, SqsError> {
        refuse_attributes([&self.message_attributes, &self.message_system_attributes])?;
        let message = NewMessage {
            delay_s: checked_delay(self.delay_seconds)?,
            body: self.message_body,
            group_id: self.message_group_id,
        };
        message.check()?;
        Ok(message)
    }
}

fn checked_delay(delay_s: Option<i64>) -> Result<Option<u32>, SqsError> {
    delay_s.map(|delay_s| within("DelaySeconds", delay_s, 0..=900)).transpose()
}

/// Dropping attributes silently would lose what a sender meant to say.
fn refuse_attributes(attributes: [&Map<String, Value>; 2]) -> Result<(), SqsError> {
    match attributes.into_iter().flat_map(Map::keys).next() {
        Some(name) => Err(SqsError::Unsupported(format!("message attributes, such as {name}"))),
        None => Ok(()),
    }
}
