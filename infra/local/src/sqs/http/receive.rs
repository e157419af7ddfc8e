//! `ReceiveMessage` and `ChangeMessageVisibility`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::queue_name;
use crate::sqs::error::within;
use crate::sqs::message::{self, Held, ReceivedMessage};
use crate::sqs::poll::Order;
use crate::sqs::receipt::Receipt;
use crate::sqs::{Queues, SqsError, queue};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    wait_time_seconds: Option<i64>,
    visibility_timeout: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    messages: Vec<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    attributes: BTreeMap<String, String>,
}

/// The names a client may ask for; some of them our messages never have.
const ATTRIBUTES: [&str; 10] = [
    "All",
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

pub(super) async fn messages(queues: &Queues, request: ReceiveMessage) -> Result<Received, SqsError> {
    let queue = queue_name(&request.queue_url)?;
    let max = request.max_number_of_messages.unwrap_or(1);
    let max = within("MaxNumberOfMessages", max, 1..=10)?;
    let wait_s = request.wait_time_seconds.unwrap_or(0);
    let wait_s = within("WaitTimeSeconds", wait_s, 0..=20)?;
    let visibility_timeout_s = request
        .visibility_timeout
        .map(|timeout_s| within("VisibilityTimeout", timeout_s, 0..=43_200))
        .transpose()?;
    let names = [request.attribute_names, request.message_system_attribute_names].concat();
    if let Some(unknown) = names.iter().find(|it| !ATTRIBUTES.contains(&it.as_str())) {
        return Err(SqsError::InvalidAttributeName(unknown.clone()));
    }
    let order =
        Order { max: max as usize, visibility_timeout_s, wait: Duration::from_secs(u64::from(wait_s)) };
    let received = queues.poll(queue, order).await?;
    let messages = received.into_iter().map(|message| Message::new(message, &names)).collect();
    Ok(Received { messages })
}

impl Message {
    fn new(message: ReceivedMessage, names: &[String]) -> Message {
        let wanted = |name: &str| names.iter().any(|it| it == name || it == "All");
        Message {
            message_id: message.message_id,
            receipt_handle: message.receipt_handle,
            body: message.body,
            md5_of_body: message.md5_of_body,
            attributes: message.attributes.into_iter().filter(|(name, _)| wanted(name)).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

#[derive(Serialize)]
pub(super) struct VisibilityChanged {}

/// A receipt whose timeout ran out is accepted and changes nothing, one of a message deleted or
/// received again is refused: so does SQS, which never answers `MessageNotInflight`.
pub(super) async fn change_visibility(
    queues: &Queues,
    request: ChangeMessageVisibility,
) -> Result<VisibilityChanged, SqsError> {
    let name = queue_name(&request.queue_url)?.to_owned();
    let receipt: Receipt = request.receipt_handle.parse()?;
    let timeout_s = within("VisibilityTimeout", request.visibility_timeout, 0..=43_200)?;
    let held = queues
        .writer
        .run(move |turn| {
            let queue = queue::find(turn.connection, &name)?;
            message::postpone(turn, &queue, receipt, u64::from(timeout_s) * 1000)
        })
        .await?;
    match held {
        Held::Current => Ok(VisibilityChanged {}),
        Held::Outdated => Err(SqsError::InvalidParameter {
            parameter: "ReceiptHandle",
            value: request.receipt_handle,
            reason: "Message does not exist or is not available for visibility timeout change".to_owned(),
        }),
    }
}
