//! What a run sees of an interaction.

use domain::dimension::Dimension;
use domain::ids::FactId;
use domain::interaction::Field;
use domain::run::{RunConfig, Seen};
use domain::signals::sentiment_permille;
use domain::time::Timestamp;
use store::StoredInteraction;

/// An interaction as a run sees it.
#[derive(Clone, Debug)]
pub struct Touch {
    pub id: FactId,
    pub time: Timestamp,
    pub channel: String,
    pub(crate) agent_id: Option<String>,
    pub(crate) team_id: Option<String>,
    pub(crate) vendor_code: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) campaign: Option<String>,
    pub(crate) partner_id: Option<String>,
    pub(crate) broker_id: Option<String>,
    pub(crate) probability_ppb: Option<u64>,
    pub(crate) sentiment_permille: u16,
    pub(crate) duration_seconds: Option<u64>,
    /// What it is on the path of channels, if that is not its channel.
    pub(crate) step: Option<String>,
}

impl Touch {
    /// None as long as its start was not reported.
    pub fn of(stored: &StoredInteraction) -> Option<Self> {
        let interaction = &stored.interaction;
        let text = |field| interaction.text(field).map(str::to_owned);
        Some(Self {
            id: stored.id.clone(),
            time: interaction.started_at()?,
            channel: interaction.channel().to_owned(),
            agent_id: text(Field::AgentId),
            team_id: text(Field::TeamId),
            vendor_code: text(Field::VendorCode),
            intent: text(Field::PrimaryIntent),
            campaign: text(Field::UtmCampaign),
            partner_id: text(Field::PartnerId),
            broker_id: text(Field::BrokerId),
            probability_ppb: interaction.purchase_probability_ppb(),
            sentiment_permille: sentiment_permille(interaction.text(Field::Sentiment)),
            duration_seconds: interaction.duration_seconds().and_then(|seconds| u64::try_from(seconds).ok()),
            step: None,
        })
    }

    /// Of which nothing else is known.
    #[cfg(test)]
    pub(crate) fn on(id: FactId, time: Timestamp, channel: &str) -> Self {
        Self {
            id,
            time,
            channel: channel.to_owned(),
            agent_id: None,
            team_id: None,
            vendor_code: None,
            intent: None,
            campaign: None,
            partner_id: None,
            broker_id: None,
            probability_ppb: None,
            sentiment_permille: 1_000,
            duration_seconds: None,
            step: None,
        }
    }

    /// What it has in a dimension, if anything.
    pub fn value(&self, dimension: Dimension) -> Option<&str> {
        match dimension {
            Dimension::Total => None,
            Dimension::Agent => self.agent_id.as_deref(),
            Dimension::Vendor => self.vendor_code.as_deref(),
            Dimension::Channel => Some(&self.channel),
            Dimension::Intent => self.intent.as_deref(),
            Dimension::Campaign => self.campaign.as_deref(),
            Dimension::Partner => self.partner_id.as_deref(),
            Dimension::Broker => self.broker_id.as_deref(),
        }
    }

    /// As a path of channels knows it.
    pub(crate) fn step(&self) -> &str {
        self.step.as_deref().unwrap_or(&self.channel)
    }

    /// Whether it counts, its time apart.
    pub fn counts(&self, config: &RunConfig) -> bool {
        config.counts(Seen {
            channel: &self.channel,
            campaign: self.campaign.as_deref(),
            vendor_code: self.vendor_code.as_deref(),
        })
    }
}
