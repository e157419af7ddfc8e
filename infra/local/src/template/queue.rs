//! Queues.

use super::TemplateError;
use super::node::Node;
use crate::sqs::{QueueSpec, Redrive};

pub(super) fn read(properties: &Node<'_>) -> Result<QueueSpec, TemplateError> {
    properties.only(&[
        "QueueName",
        "VisibilityTimeout",
        "DelaySeconds",
        "MessageRetentionPeriod",
        "RedrivePolicy",
        "RedriveAllowPolicy",
        "SqsManagedSseEnabled",
    ])?;
    let mut queue = QueueSpec::new(properties.required("QueueName")?.text()?);
    for (name, setting) in [
        ("VisibilityTimeout", &mut queue.visibility_timeout_s),
        ("DelaySeconds", &mut queue.delay_s),
        ("MessageRetentionPeriod", &mut queue.retention_s),
    ] {
        if let Some(value) = properties.field(name) {
            *setting = value.number()?;
        }
    }
    if let Some(policy) = properties.field("RedrivePolicy") {
        queue.redrive = Some(read_redrive(&policy)?);
    }
    Ok(queue)
}

fn read_redrive(policy: &Node<'_>) -> Result<Redrive, TemplateError> {
    policy.only(&["deadLetterTargetArn", "maxReceiveCount"])?;
    Ok(Redrive {
        dead_letter_queue: policy.required("deadLetterTargetArn")?.queue()?,
        max_receive_count: policy.required("maxReceiveCount")?.number()?,
    })
}
