//! Partners and brokers: who sends customers, and is paid for it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    Partner,
    Broker,
}

impl PartyKind {
    pub const ALL: [PartyKind; 2] = [PartyKind::Partner, PartyKind::Broker];

    pub const fn code(self) -> &'static str {
        match self {
            PartyKind::Partner => "partner",
            PartyKind::Broker => "broker",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code().eq_ignore_ascii_case(text))
    }
}

/// One of them, by the id that interactions name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party {
    pub kind: PartyKind,
    pub id: String,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.code(), self.id)
    }
}
