//! `DeleteMessage` and `DeleteMessageBatch`.

use serde::{Deserialize, Serialize};

use super::batch::{BatchAnswer, FailedEntry, check_ids};
use super::queue_name;
use crate::sqs::receipt::Receipt;
use crate::sqs::{Queues, SqsError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Serialize)]
pub(super) struct Deleted {}

pub(super) async fn message(queues: &Queues, request: DeleteMessage) -> Result<Deleted, SqsError> {
    let queue = queue_name(&request.queue_url)?;
    queues.delete(queue, vec![request.receipt_handle]).await?;
    Ok(Deleted {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessageBatch {
    queue_url: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    id: String,
    receipt_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletedEntry {
    id: String,
}

pub(super) async fn batch(
    queues: &Queues,
    request: DeleteMessageBatch,
) -> Result<BatchAnswer<DeletedEntry>, SqsError> {
    let queue = queue_name(&request.queue_url)?;
    check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let (mut successful, mut receipts, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for Entry { id, receipt_handle } in request.entries {
        match receipt_handle.parse::<Receipt>() {
            Ok(_) => {
                successful.push(DeletedEntry { id });
                receipts.push(receipt_handle);
            }
            Err(error) => failed.push(FailedEntry::new(id, &error)),
        }
    }
    queues.delete(queue, receipts).await?;
    Ok(BatchAnswer { successful, failed })
}
