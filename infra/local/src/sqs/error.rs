//! What can go wrong, and how it is told to an SDK client.

use super::MESSAGE_LIMIT_BYTES;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqsError {
    #[error("The specified queue does not exist: {0}")]
    QueueDoesNotExist(String),
    #[error("The address {0} is not valid for this endpoint")]
    InvalidAddress(String),
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle")]
    ReceiptHandleIsInvalid(String),
    #[error("Value {value} for parameter {parameter} is invalid. Reason: {reason}")]
    InvalidParameter { parameter: &'static str, value: String, reason: String },
    #[error(
        "One or more parameters are invalid. Reason: Message must be shorter than \
         {MESSAGE_LIMIT_BYTES} bytes"
    )]
    MessageTooLong,
    #[error("The request must contain the parameter {0}")]
    MissingParameter(&'static str),
    #[error("Unknown Attribute {0}")]
    InvalidAttributeName(String),
    #[error("The local SQS does not support {0}")]
    Unsupported(String),
    #[error("The batch request doesn't contain any entries")]
    EmptyBatch,
    #[error("Maximum number of entries per request are 10. You have sent {0}")]
    TooManyEntries(usize),
    #[error("Two or more batch entries in the request have the same Id: {0}")]
    EntryIdsNotDistinct(String),
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores, and \
         be at most 80 letters long: {0}"
    )]
    InvalidEntryId(String),
    #[error("Batch requests cannot be longer than {MESSAGE_LIMIT_BYTES} bytes. You have sent {0} bytes")]
    BatchTooLong(usize),
    #[error("The request could not be read: {0}")]
    Unreadable(String),
    #[error("The queues' file could not be opened")]
    File(#[from] rusqlite::Error),
    #[error("The queues' thread could not be started")]
    Thread(#[from] std::io::Error),
    #[error("The queues could not answer; the log of the local stack tells why")]
    Unanswered,
}

impl SqsError {
    pub(super) fn is_clients(&self) -> bool {
        !matches!(self, SqsError::File(_) | SqsError::Thread(_) | SqsError::Unanswered)
    }

    /// The shape that `__type` names.
    pub(super) fn shape(&self) -> &'static str {
        match self {
            SqsError::QueueDoesNotExist(_) => "com.amazonaws.sqs#QueueDoesNotExist",
            SqsError::InvalidAddress(_) => "com.amazonaws.sqs#InvalidAddress",
            SqsError::ReceiptHandleIsInvalid(_) => "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            SqsError::InvalidParameter { .. } | SqsError::MessageTooLong => {
                "com.amazon.coral.service#InvalidParameterValueException"
            }
            SqsError::MissingParameter(_) => "com.amazon.coral.service#MissingRequiredParameterException",
            SqsError::InvalidAttributeName(_) => "com.amazonaws.sqs#InvalidAttributeName",
            SqsError::Unsupported(_) => "com.amazonaws.sqs#UnsupportedOperation",
            SqsError::EmptyBatch => "com.amazonaws.sqs#EmptyBatchRequest",
            SqsError::TooManyEntries(_) => "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            SqsError::EntryIdsNotDistinct(_) => "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            SqsError::InvalidEntryId(_) => "com.amazonaws.sqs#InvalidBatchEntryId",
            SqsError::BatchTooLong(_) => "com.amazonaws.sqs#BatchRequestTooLong",
            SqsError::Unreadable(_) => "com.amazon.coral.service#SerializationException",
            SqsError::File(_) | SqsError::Thread(_) | SqsError::Unanswered => {
                "com.amazon.coral.service#InternalFailure"
            }
        }
    }

    /// The code of the older query protocol, by which the Rust SDK types its errors.
    pub(super) fn code(&self) -> &'static str {
        match self {
            SqsError::QueueDoesNotExist(_) => "AWS.SimpleQueueService.NonExistentQueue",
            SqsError::InvalidAddress(_) => "InvalidAddress",
            SqsError::ReceiptHandleIsInvalid(_) => "ReceiptHandleIsInvalid",
            SqsError::InvalidParameter { .. } | SqsError::MessageTooLong => "InvalidParameterValue",
            SqsError::MissingParameter(_) => "MissingParameter",
            SqsError::InvalidAttributeName(_) => "InvalidAttributeName",
            SqsError::Unsupported(_) => "AWS.SimpleQueueService.UnsupportedOperation",
            SqsError::EmptyBatch => "AWS.SimpleQueueService.EmptyBatchRequest",
            SqsError::TooManyEntries(_) => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            SqsError::EntryIdsNotDistinct(_) => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            SqsError::InvalidEntryId(_) => "AWS.SimpleQueueService.InvalidBatchEntryId",
            SqsError::BatchTooLong(_) => "AWS.SimpleQueueService.BatchRequestTooLong",
            SqsError::Unreadable(_) => "SerializationException",
            SqsError::File(_) | SqsError::Thread(_) | SqsError::Unanswered => "InternalFailure",
        }
    }
}

/// Checks a number against the limits real SQS sets for it.
pub(super) fn within(
    parameter: &'static str,
    value: i64,
    limits: std::ops::RangeInclusive<u32>,
) -> Result<u32, SqsError> {
    u32::try_from(value).ok().filter(|number| limits.contains(number)).ok_or_else(|| {
        SqsError::InvalidParameter {
            parameter,
            value: value.to_string(),
            reason: format!("Must be between {} and {}", limits.start(), limits.end()),
        }
    })
}
