//! `GetQueueUrl`, `GetQueueAttributes` and `ListQueues`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::queue_name;
use crate::sqs::message::{self, Counts};
use crate::sqs::queue::{self, QueueSpec};
use crate::sqs::{Queues, SqsError, arn};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetQueueUrl {
    queue_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    queue_url: String,
}

pub(super) async fn url(queues: &Queues, request: GetQueueUrl) -> Result<QueueUrl, SqsError> {
    let queue_url = queues.url(&request.queue_name);
    queues.writer.run(move |turn| queue::find(turn.connection, &request.queue_name)).await?;
    Ok(QueueUrl { queue_url })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    queue_urls: Vec<String>,
}

pub(super) async fn list(queues: &Queues, request: ListQueues) -> Result<QueueUrls, SqsError> {
    let names = queues.writer.run(|turn| queue::names(turn.connection)).await?;
    let queue_urls = names
        .iter()
        .filter(|name| name.starts_with(&request.queue_name_prefix))
        .map(|name| queues.url(name))
        .collect();
    Ok(QueueUrls { queue_urls })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attributes {
    attributes: BTreeMap<&'static str, String>,
}

pub(super) async fn attributes(queues: &Queues, request: GetQueueAttributes) -> Result<Attributes, SqsError> {
    let name = queue_name(&request.queue_url)?.to_owned();
    let (spec, counts) = queues
        .writer
        .run(move |turn| {
            let queue = queue::find(turn.connection, &name)?;
            let counts = message::count(turn, &queue)?;
            Ok((queue.spec, counts))
        })
        .await?;
    let all = describe(&spec, counts);
    let mut attributes = BTreeMap::new();
    for name in &request.attribute_names {
        match all.iter().find(|(known, _)| known == name) {
            Some((known, value)) => {
                attributes.extend(value.clone().map(|value| (*known, value)));
            }
            None if name == "All" => {
                let present = all.iter().cloned();
                attributes.extend(present.filter_map(|(known, value)| Some((known, value?))));
            }
            None => return Err(SqsError::InvalidAttributeName(name.clone())),
        }
    }
    Ok(Attributes { attributes })
}

/// Every attribute the local SQS knows; a queue without redrive has no policy to tell.
fn describe(spec: &QueueSpec, counts: Counts) -> [(&'static str, Option<String>); 8] {
    let policy = spec.redrive.as_ref().map(|redrive| {
        json!({
            "deadLetterTargetArn": arn(&redrive.dead_letter_queue),
            "maxReceiveCount": redrive.max_receive_count,
        })
        .to_string()
    });
    let number = |number: u64| Some(number.to_string());
    [
        ("ApproximateNumberOfMessages", number(counts.visible)),
        ("ApproximateNumberOfMessagesNotVisible", number(counts.in_flight)),
        ("ApproximateNumberOfMessagesDelayed", number(counts.delayed)),
        ("DelaySeconds", number(spec.delay_s.into())),
        ("MessageRetentionPeriod", number(spec.retention_s.into())),
        ("QueueArn", Some(arn(&spec.name))),
        ("RedrivePolicy", policy),
        ("VisibilityTimeout", number(spec.visibility_timeout_s.into())),
    ]
}
