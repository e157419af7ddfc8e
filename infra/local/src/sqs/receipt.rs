//! Receipt handles: which message, in which queue, by which receive.

use std::fmt;
use std::str::FromStr;

use super::SqsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: i64,
    pub(super) seq: i64,
    /// Never given out twice, so only the latest receive of a message holds its current one.
    pub(super) number: i64,
}

impl Receipt {
    pub(super) fn parse_all(handles: &[String]) -> Result<Vec<Receipt>, SqsError> {
        handles.iter().map(|handle| handle.parse()).collect()
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crae-{}-{}-{}", self.queue, self.seq, self.number)
    }
}

impl FromStr for Receipt {
    type Err = SqsError;

    fn from_str(handle: &str) -> Result<Self, SqsError> {
        let parse = || {
            let mut parts = handle.strip_prefix("crae-")?.split('-');
            let receipt = Receipt {
                queue: parts.next()?.parse().ok()?,
                seq: parts.next()?.parse().ok()?,
                number: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(receipt)
        };
        parse().ok_or_else(|| SqsError::ReceiptHandleIsInvalid(handle.to_owned()))
    }
}
