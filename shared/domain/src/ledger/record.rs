//! Records: what each touch earned of a conversion.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RecordStatus, Settlement};
use crate::ids::{FactId, FactKind};
use crate::party::{Party, PartyKind};
use crate::time::Timestamp;

/// What one touch earned of a conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    #[serde(rename = "i")]
    pub touch: FactId,
    #[serde(rename = "t")]
    pub touched_at: Timestamp,
    #[serde(rename = "h")]
    pub channel: String,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub partner_id: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub broker_id: Option<String>,
    /// The share that the model gave it, in billionths.
    #[serde(rename = "w")]
    pub share_ppb: u64,
    /// By what refunds are shared out: the model's shares, until hands moved money between records.
    #[serde(rename = "v")]
    pub(super) weights: [u64; 2],
    #[serde(rename = "a")]
    pub revenue_minor: i64,
    #[serde(rename = "m")]
    pub commission_minor: i64,
    #[serde(rename = "s")]
    pub status: RecordStatus,
    /// The dispute that it stands still for, and what it was before.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) contested: Option<(String, RecordStatus)>,
    /// The commission that was paid out; what a refund took back since is owed to the tenant.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub paid_minor: Option<i64>,
}

impl Record {
    /// The commission that is still to be paid; negative where more was paid than is left.
    pub fn owed_minor(&self) -> i64 {
        self.commission_minor - self.paid_minor.unwrap_or_default()
    }

    pub fn parties(&self) -> impl Iterator<Item = Party> + use<> {
        let partner = self.partner_id.clone().map(|id| Party { kind: PartyKind::Partner, id });
        let broker = self.broker_id.clone().map(|id| Party { kind: PartyKind::Broker, id });
        partner.into_iter().chain(broker)
    }

    pub fn is_of(&self, party: &Party) -> bool {
        let named = match party.kind {
            PartyKind::Partner => &self.partner_id,
            PartyKind::Broker => &self.broker_id,
        };
        named.as_ref() == Some(&party.id)
    }
}

/// A record's name, which leads to where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    pub occurred_at: Timestamp,
    pub conversion: FactId,
    pub touch: FactId,
}

impl RecordId {
    pub fn of(settlement: &Settlement, record: &Record) -> Self {
        Self {
            occurred_at: settlement.occurred_at,
            conversion: settlement.conversion.clone(),
            touch: record.touch.clone(),
        }
    }

    /// None for what cannot be the id of a record.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("atr_").filter(|digits| digits.is_ascii())?;
        let (at, facts) = digits.split_at_checked(12)?;
        let (conversion, touch) = facts.split_at_checked(32)?;
        let id = Self {
            occurred_at: Timestamp::from_ms(i64::from_str_radix(at, 16).ok()?),
            conversion: FactId::from_bare(FactKind::Conversion, conversion)?,
            touch: FactId::from_bare(FactKind::Interaction, touch)?,
        };
        // One record has one name.
        Some(id).filter(|id| id.to_string() == text)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "atr_{:012x}{}{}", self.occurred_at.ms(), self.conversion.bare(), self.touch.bare())
    }
}

/// What one touch is to get, as a model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earning {
    pub touch: FactId,
    pub touched_at: Timestamp,
    pub channel: String,
    pub campaign: Option<String>,
    pub partner_id: Option<String>,
    pub broker_id: Option<String>,
    pub share_ppb: u64,
    pub revenue_minor: i64,
    pub commission_minor: i64,
}
