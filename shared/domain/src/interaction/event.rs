//! What a delivery tells, in our words.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::ids::ExternalId;
use crate::time::Timestamp;

/// The kinds of telling, in the order of a call's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    Started,
    Ended,
    Transcript,
    Intent,
    /// Posted to our own API, by the tenant.
    Api,
    /// Set right by the tenant, whoever told it before.
    Corrected,
}

impl Section {
    pub const ALL: [Section; 6] = [
        Section::Started,
        Section::Ended,
        Section::Transcript,
        Section::Intent,
        Section::Api,
        Section::Corrected,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Section::Started => "started",
            Section::Ended => "ended",
            Section::Transcript => "transcript",
            Section::Intent => "intent",
            Section::Api => "api",
            Section::Corrected => "corrected",
        }
    }

    /// Later stages of a call's life win over earlier ones told for the same moment.
    const fn rank(self) -> u8 {
        match self {
            Section::Started => 1,
            Section::Ended => 2,
            Section::Transcript => 3,
            Section::Intent => 4,
            Section::Api => 9,
            Section::Corrected => 10,
        }
    }
}

/// Everything that can be told about an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Channel,
    StartedAt,
    EndedAt,
    DurationSeconds,
    Direction,
    Language,
    VendorCode,
    AgentId,
    TeamId,
    Participants,
    CustomerIds,
    LeadIds,
    Emails,
    Phones,
    TranscriptUrl,
    PrimaryIntent,
    SecondaryIntents,
    PurchaseProbability,
    Outcome,
    OutcomePrediction,
    Sentiment,
    RawMetadata,
    PartnerId,
    BrokerId,
    ReferralCode,
    SessionId,
    UtmSource,
    UtmMedium,
    UtmCampaign,
    UtmContent,
    UtmTerm,
    /// Taken back as a whole: it counts for nothing any more.
    Withdrawn,
}

impl Field {
    pub const ALL: [Field; 32] = [
        Field::Channel,
        Field::StartedAt,
        Field::EndedAt,
        Field::DurationSeconds,
        Field::Direction,
        Field::Language,
        Field::VendorCode,
        Field::AgentId,
        Field::TeamId,
        Field::Participants,
        Field::CustomerIds,
        Field::LeadIds,
        Field::Emails,
        Field::Phones,
        Field::TranscriptUrl,
        Field::PrimaryIntent,
        Field::SecondaryIntents,
        Field::PurchaseProbability,
        Field::Outcome,
        Field::OutcomePrediction,
        Field::Sentiment,
        Field::RawMetadata,
        Field::PartnerId,
        Field::BrokerId,
        Field::ReferralCode,
        Field::SessionId,
        Field::UtmSource,
        Field::UtmMedium,
        Field::UtmCampaign,
        Field::UtmContent,
        Field::UtmTerm,
        Field::Withdrawn,
    ];

    /// Two letters, since every byte of a stored item is billed at every write.
    pub const fn code(self) -> &'static str {
        match self {
            Field::Channel => "ch",
            Field::StartedAt => "st",
            Field::EndedAt => "en",
            Field::DurationSeconds => "du",
            Field::Direction => "di",
            Field::Language => "la",
            Field::VendorCode => "vn",
            Field::AgentId => "ag",
            Field::TeamId => "tm",
            Field::Participants => "pa",
            Field::CustomerIds => "ci",
            Field::LeadIds => "li",
            Field::Emails => "em",
            Field::Phones => "ph",
            Field::TranscriptUrl => "tu",
            Field::PrimaryIntent => "pi",
            Field::SecondaryIntents => "si",
            Field::PurchaseProbability => "pp",
            Field::Outcome => "ou",
            Field::OutcomePrediction => "op",
            Field::Sentiment => "se",
            Field::RawMetadata => "rm",
            Field::PartnerId => "pt",
            Field::BrokerId => "br",
            Field::ReferralCode => "rc",
            Field::SessionId => "ss",
            Field::UtmSource => "us",
            Field::UtmMedium => "um",
            Field::UtmCampaign => "up",
            Field::UtmContent => "uc",
            Field::UtmTerm => "ut",
            Field::Withdrawn => "wd",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.code() == code)
    }

    /// As the API calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Channel => "channel",
            Field::StartedAt => "started_at",
            Field::EndedAt => "ended_at",
            Field::DurationSeconds => "duration_seconds",
            Field::Direction => "direction",
            Field::Language => "language",
            Field::VendorCode => "vendor_code",
            Field::AgentId => "agent_id",
            Field::TeamId => "team_id",
            Field::Participants => "participants",
            Field::CustomerIds | Field::LeadIds | Field::Emails | Field::Phones => "customer_identifiers",
            Field::TranscriptUrl => "transcript_url",
            Field::PrimaryIntent => "primary_intent",
            Field::SecondaryIntents => "secondary_intents",
            Field::PurchaseProbability => "purchase_probability",
            Field::Outcome => "outcome",
            Field::OutcomePrediction => "outcome_prediction",
            Field::Sentiment => "sentiment",
            Field::RawMetadata => "raw_metadata",
            Field::PartnerId => "partner_id",
            Field::BrokerId => "broker_id",
            Field::ReferralCode => "referral_code",
            Field::SessionId => "session_id",
            Field::UtmSource => "utm_source",
            Field::UtmMedium => "utm_medium",
            Field::UtmCampaign => "utm_campaign",
            Field::UtmContent => "utm_content",
            Field::UtmTerm => "utm_term",
            Field::Withdrawn => "withdrawn",
        }
    }
}

/// A fact: text (JSON text for objects, decimal text for probabilities), a whole number or moment, or a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Value::Integer(time.ms())
    }
}

/// When a fact was told: by the sender's time, then the stage of the call, then what was told.
///
/// The last part makes the order total. Two different tellings at the same moment have no right order, but they
/// must have the same one everywhere; equal tellings are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    time: Timestamp,
    rank: u8,
    hash: u64,
}

impl Version {
    pub fn time(self) -> Timestamp {
        self.time
    }

    /// The kind of telling it was; None for one that a later version of this code knows.
    pub fn section(self) -> Option<Section> {
        Section::ALL.into_iter().find(|section| section.rank() == self.rank)
    }

    /// Reads what [`Version`]'s `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let time = Timestamp::from_ms(parts.next()?.parse().ok()?);
        let rank = parts.next()?.parse().ok()?;
        let hash = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Self { time, rank, hash })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{:x}", self.time.ms(), self.rank, self.hash)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("is not a version"))
    }
}

/// One telling about one interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    pub external_id: ExternalId,
    pub section: Section,
    /// When the sender says this happened.
    pub time: Timestamp,
    /// What is told; `None` takes a fact back, an absent field says nothing.
    pub facts: BTreeMap<Field, Option<Value>>,
}

impl CallEvent {
    pub fn version(&self) -> Version {
        let mut hash = Sha256::new();
        for (field, value) in &self.facts {
            hash.update(field.code());
            match value {
                None => hash.update([0]),
                Some(Value::Integer(number)) => {
                    hash.update([1]);
                    hash.update(number.to_be_bytes());
                }
                Some(Value::Text(text)) => {
                    hash.update([2]);
                    update_text(&mut hash, text);
                }
                Some(Value::List(items)) => {
                    hash.update([3]);
                    hash.update((items.len() as u64).to_be_bytes());
                    items.iter().for_each(|item| update_text(&mut hash, item));
                }
            }
        }
        let digest = hash.finalize();
        let hash = digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        Version { time: self.time, rank: self.section.rank(), hash }
    }
}

fn update_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}
