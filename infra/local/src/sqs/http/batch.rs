//! What every batch operation has in common.

use std::collections::HashSet;

use serde::Serialize;

use crate::sqs::SqsError;

/// The answer to a batch: each entry on its own succeeds or fails.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchAnswer<T> {
    pub(super) successful: Vec<T>,
    pub(super) failed: Vec<FailedEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FailedEntry {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

impl FailedEntry {
    pub(super) fn new(id: String, error: &SqsError) -> FailedEntry {
        FailedEntry { id, sender_fault: error.is_clients(), code: error.code(), message: error.to_string() }
    }
}

/// Refuses a batch as a whole where SQS does.
pub(super) fn check_ids<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), SqsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut seen = HashSet::new();
    let mut sent = 0;
    for id in ids {
        sent += 1;
        if id.is_empty() || id.len() > 80 || !id.chars().all(allowed) {
            return Err(SqsError::InvalidEntryId(id.to_owned()));
        }
        if !seen.insert(id) {
            return Err(SqsError::EntryIdsNotDistinct(id.to_owned()));
        }
    }
    match sent {
        0 => Err(SqsError::EmptyBatch),
        1..=10 => Ok(()),
        more => Err(SqsError::TooManyEntries(more)),
    }
}
