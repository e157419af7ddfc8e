//! Where external ids come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A provider, or our own API. Closed: a newcomer is met by every match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Api,
    Convin,
    Telephony,
}

impl Source {
    pub const ALL: [Source; 3] = [Source::Api, Source::Convin, Source::Telephony];

    pub const fn code(self) -> &'static str {
        match self {
            Source::Api => "api",
            Source::Convin => "convin",
            Source::Telephony => "telephony",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.code().eq_ignore_ascii_case(text))
    }
}
