//! The channels that this interface knows, and what we call them.

use schemars::JsonSchema;
use serde::Serialize;

macro_rules! touch_types {
    ($($member:ident = $code:literal,)+) => {
        /// How a lead was in touch.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[schemars(rename = "TouchpointType")]
        pub(crate) enum TouchType { $($member,)+ }

        impl TouchType {
            pub(crate) const ALL: &[TouchType] = &[$(TouchType::$member,)+];
            pub(crate) const CODES: &[&str] = &[$($code,)+];

            pub(crate) const fn code(self) -> &'static str {
                match self { $(TouchType::$member => $code,)+ }
            }
        }
    };
}

touch_types! {
    OrganicSearch = "organic_search",
    PaidSearch = "paid_search",
    SocialMedia = "social_media",
    Email = "email",
    DisplayAd = "display_ad",
    Referral = "referral",
    Direct = "direct",
    PartnerReferral = "partner_referral",
    BrokerReferral = "broker_referral",
    Affiliate = "affiliate",
    Webinar = "webinar",
    Event = "event",
    PhoneCall = "phone_call",
    Chat = "chat",
    Other = "other",
}

impl TouchType {
    /// Reads a code in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code().eq_ignore_ascii_case(text))
    }

    /// The same, or what is wrong with it.
    pub(crate) fn named(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("must be one of {}", Self::CODES.join(", ")))
    }

    /// What an interaction's channel is here.
    pub(crate) fn of_channel(channel: &str) -> Self {
        match channel {
            "call" => TouchType::PhoneCall,
            other => Self::parse(other).unwrap_or(TouchType::Other),
        }
    }

    /// What an interaction's channel is called everywhere else.
    pub(crate) const fn channel(self) -> &'static str {
        if matches!(self, TouchType::PhoneCall) { "call" } else { self.code() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_a_channel_and_comes_back_as_itself() {
        for kind in TouchType::ALL {
            assert_eq!(TouchType::of_channel(kind.channel()), *kind);
            assert!(domain::interaction::Channel::parse(kind.channel()).is_ok());
        }
        assert_eq!(TouchType::of_channel("carrier_pigeon"), TouchType::Other);
    }
}
