//! What a reader makes of a merged interaction. Every answer is a pure function of it.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;

use super::{Field, Interaction, Section, Value};
use crate::identifier::{Identifier, IdentifierType};
use crate::json;
use crate::time::Timestamp;

/// A way of being in contact: 1 to 32 of `a-z 0-9 _`; `call` for telephone calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a channel: 1 to 32 letters, digits or _")]
pub struct NotAChannel;

impl Channel {
    /// Reads a channel in any case.
    pub fn parse(text: &str) -> Result<Self, NotAChannel> {
        let text = text.to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(NotAChannel)
        }
    }

    pub fn call() -> Self {
        Self("call".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    pub const ALL: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

    pub const fn code(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.code().eq_ignore_ascii_case(text))
    }
}

/// How far an interaction has come, as far as we were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "InteractionStatus", rename_all = "snake_case")]
pub enum Status {
    /// Its start was not told yet.
    Incomplete,
    InProgress,
    Completed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Incomplete => "incomplete",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
        })
    }
}

/// Which type of identifier a field holds, if any.
pub(super) fn identifier_type(field: Field) -> Option<IdentifierType> {
    match field {
        Field::CustomerIds => Some(IdentifierType::CustomerId),
        Field::LeadIds => Some(IdentifierType::LeadId),
        Field::Emails => Some(IdentifierType::Email),
        Field::Phones => Some(IdentifierType::Phone),
        Field::Channel
        | Field::StartedAt
        | Field::EndedAt
        | Field::DurationSeconds
        | Field::Direction
        | Field::Language
        | Field::VendorCode
        | Field::AgentId
        | Field::TeamId
        | Field::Participants
        | Field::TranscriptUrl
        | Field::PrimaryIntent
        | Field::SecondaryIntents
        | Field::PurchaseProbability
        | Field::Outcome
        | Field::OutcomePrediction
        | Field::Sentiment
        | Field::RawMetadata
        | Field::PartnerId
        | Field::BrokerId
        | Field::ReferralCode
        | Field::SessionId
        | Field::UtmSource
        | Field::UtmMedium
        | Field::UtmCampaign
        | Field::UtmContent
        | Field::UtmTerm
        | Field::Withdrawn => None,
    }
}

impl Field {
    /// The field that holds identifiers of a type.
    pub const fn of_identifiers(kind: IdentifierType) -> Field {
        match kind {
            IdentifierType::CustomerId => Field::CustomerIds,
            IdentifierType::LeadId => Field::LeadIds,
            IdentifierType::Email => Field::Emails,
            IdentifierType::Phone => Field::Phones,
        }
    }
}

pub(super) fn identifiers_in(field: Field, value: Option<&Value>) -> Vec<Identifier> {
    match (identifier_type(field), value) {
        (Some(kind), Some(Value::List(values))) => {
            values.iter().map(|value| Identifier::stored(kind, value.clone())).collect()
        }
        _ => Vec::new(),
    }
}

impl Interaction {
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.fact(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self, field: Field) -> Option<i64> {
        match self.fact(field) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn list(&self, field: Field) -> &[String] {
        match self.fact(field) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    fn told_at(&self, section: Section) -> Option<Timestamp> {
        self.sections.get(&section).map(|state| state.version.time())
    }

    /// When it began: as told, else when the start was reported. None until a start was reported, or set right.
    pub fn started_at(&self) -> Option<Timestamp> {
        let reported = self.told_at(Section::Started);
        let corrected = || self.sections.get(&Section::Corrected)?.cells.get(&Field::StartedAt);
        if reported.is_none() && !self.sections.contains_key(&Section::Api) && corrected().is_none() {
            return None;
        }
        self.integer(Field::StartedAt).map(Timestamp::from_ms).or(reported)
    }

    /// When it began, as a report to our API told.
    pub fn posted_start(&self) -> Option<Timestamp> {
        let told = self.sections.get(&Section::Api)?.cells.get(&Field::StartedAt)?;
        match told.value {
            Some(Value::Integer(ms)) => Some(Timestamp::from_ms(ms)),
            _ => None,
        }
    }

    /// When it ended: as told, else when the end was reported.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.integer(Field::EndedAt).map(Timestamp::from_ms).or_else(|| self.told_at(Section::Ended))
    }

    /// As reported, else from start to end; never negative.
    pub fn duration_seconds(&self) -> Option<i64> {
        self.integer(Field::DurationSeconds).or_else(|| {
            let (start, end) = (self.started_at()?, self.ended_at()?);
            (end >= start).then(|| end.since(start) / crate::time::SECOND_MS)
        })
    }

    pub fn status(&self) -> Status {
        let over = self.ended_at().is_some() || self.sections.contains_key(&Section::Api);
        match self.started_at() {
            None => Status::Incomplete,
            Some(_) if over => Status::Completed,
            Some(_) => Status::InProgress,
        }
    }

    /// Whether it was taken back as a whole.
    pub fn is_withdrawn(&self) -> bool {
        self.integer(Field::Withdrawn).is_some()
    }

    pub fn channel(&self) -> &str {
        self.text(Field::Channel).unwrap_or("call")
    }

    /// The purchase probability in billionths; what is finer than that is cut off.
    pub fn purchase_probability_ppb(&self) -> Option<u64> {
        json::in_billionths(self.text(Field::PurchaseProbability)?)
    }

    /// Who the contact was with, as told last.
    pub fn identifiers(&self) -> BTreeSet<Identifier> {
        IdentifierType::ALL
            .into_iter()
            .map(Field::of_identifiers)
            .flat_map(|field| identifiers_in(field, self.fact(field)))
            .collect()
    }

    /// The strongest identifier: the one whose customer this interaction belongs to.
    pub fn anchor(&self) -> Option<Identifier> {
        self.identifiers().into_iter().next()
    }
}
