//! Who sends deliveries. Closed: a newcomer is met by every match.

use domain::ids::ExternalId;
use domain::source::Source;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convin::Convin;
use crate::delivery::Delivery;
use crate::envelope::{Context, Malformed, Normalised};
use crate::signature::Secrets;
use crate::telephony::Telephony;
use crate::verified::{Rejected, Verified};

/// What differs between providers, and nothing else.
pub trait Adapter: Sync {
    /// Whether the delivery is the sender's: decided over its raw bytes, before anything in them is read.
    fn verify<'a>(&self, delivery: &'a Delivery<'_>, secrets: &Secrets) -> Result<Verified<'a>, Rejected>;

    /// What the delivery tells, in our words.
    fn normalise(&self, delivery: &Verified<'_>, context: &Context<'_>) -> Result<Normalised, Malformed>;

    /// Which call the delivery is about, as far as it says so, whatever of the rest makes sense: people look for what
    /// could not be taken in by its call.
    fn subject(&self, delivery: &Verified<'_>) -> Option<ExternalId>;

    /// The types of events that are taken in.
    fn event_types(&self) -> &'static [&'static str];
}

/// A sender of webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Convin,
    /// Any telephony system that speaks our envelope.
    Telephony,
}

impl Provider {
    pub const ALL: [Provider; 2] = [Provider::Convin, Provider::Telephony];

    /// As in paths, keys and messages.
    pub const fn code(self) -> &'static str {
        match self {
            Provider::Convin => "convin",
            Provider::Telephony => "telephony",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.code().eq_ignore_ascii_case(text))
    }

    /// Where the ids of its calls come from.
    pub const fn source(self) -> Source {
        match self {
            Provider::Convin => Source::Convin,
            Provider::Telephony => Source::Telephony,
        }
    }

    pub const fn adapter(self) -> &'static dyn Adapter {
        match self {
            Provider::Convin => &Convin,
            Provider::Telephony => &Telephony,
        }
    }
}
