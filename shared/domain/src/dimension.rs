//! By what reports have rows.

use serde::{Deserialize, Serialize};

use crate::interaction::{Field, Interaction};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Everything in one row: of credits, it also holds what is unattributed.
    Total,
    Agent,
    Vendor,
    Channel,
    Intent,
    Campaign,
    Partner,
    Broker,
}

impl Dimension {
    pub const ALL: [Dimension; 8] = [
        Dimension::Total,
        Dimension::Agent,
        Dimension::Vendor,
        Dimension::Channel,
        Dimension::Intent,
        Dimension::Campaign,
        Dimension::Partner,
        Dimension::Broker,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Dimension::Total => "total",
            Dimension::Agent => "agent",
            Dimension::Vendor => "vendor",
            Dimension::Channel => "channel",
            Dimension::Intent => "intent",
            Dimension::Campaign => "campaign",
            Dimension::Partner => "partner",
            Dimension::Broker => "broker",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.code() == code)
    }

    /// In which row an interaction stands; None for the row of those that have no value.
    pub fn value(self, interaction: &Interaction) -> Option<&str> {
        match self {
            Dimension::Total => None,
            Dimension::Agent => interaction.text(Field::AgentId),
            Dimension::Vendor => interaction.text(Field::VendorCode),
            Dimension::Channel => Some(interaction.channel()),
            Dimension::Intent => interaction.text(Field::PrimaryIntent),
            Dimension::Campaign => interaction.text(Field::UtmCampaign),
            Dimension::Partner => interaction.text(Field::PartnerId),
            Dimension::Broker => interaction.text(Field::BrokerId),
        }
    }
}
