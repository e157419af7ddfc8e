//! Who takes part in the story.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

pub(super) struct Agent {
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) vendor: &'static str,
}

impl Agent {
    /// How well they sell, of a hundred: a rule that gives each another, and always the same.
    pub(super) fn skill(&self) -> u32 {
        let letters = self.name.bytes().fold(7_u32, |sum, letter| sum.wrapping_mul(31) + u32::from(letter));
        letters % 101
    }
}

const fn agent(name: &'static str, team: &'static str, vendor: &'static str) -> Agent {
    Agent { name, team, vendor }
}

pub(super) const AGENTS: [Agent; 40] = [
    agent("maya", "north", "brightline"),
    agent("noah", "north", "brightline"),
    agent("amara", "north", "brightline"),
    agent("luca", "north", "brightline"),
    agent("ines", "north", "brightline"),
    agent("omar", "north", "brightline"),
    agent("freya", "north", "brightline"),
    agent("jonas", "north", "brightline"),
    agent("priya", "south", "brightline"),
    agent("diego", "south", "brightline"),
    agent("lena", "south", "brightline"),
    agent("kofi", "south", "brightline"),
    agent("nadia", "south", "brightline"),
    agent("tomas", "south", "brightline"),
    agent("aiko", "south", "brightline"),
    agent("samir", "south", "brightline"),
    agent("elena", "renewals", "apex-voice"),
    agent("marcus", "renewals", "apex-voice"),
    agent("zara", "renewals", "apex-voice"),
    agent("henrik", "renewals", "apex-voice"),
    agent("leila", "renewals", "apex-voice"),
    agent("paolo", "renewals", "apex-voice"),
    agent("tessa", "renewals", "apex-voice"),
    agent("viktor", "renewals", "apex-voice"),
    agent("grace", "service", "apex-voice"),
    agent("hassan", "service", "apex-voice"),
    agent("clara", "service", "apex-voice"),
    agent("mateo", "service", "apex-voice"),
    agent("yuki", "service", "northstar"),
    agent("erik", "service", "northstar"),
    agent("sofia", "service", "northstar"),
    agent("dev", "service", "northstar"),
    agent("rosa", "brokers", "northstar"),
    agent("felix", "brokers", "northstar"),
    agent("hana", "brokers", "northstar"),
    agent("ivan", "brokers", "northstar"),
    agent("chloe", "brokers", "northstar"),
    agent("amir", "brokers", "northstar"),
    agent("bianca", "brokers", "northstar"),
    agent("oscar", "brokers", "northstar"),
];

/// Besides calls.
pub(super) const CHANNELS: [&str; 5] = ["paid_search", "organic_search", "email", "web_chat", "referral"];

pub(super) struct Intent {
    pub(super) name: &'static str,
    /// Of a purchase, in hundredths.
    pub(super) probability: RangeInclusive<u32>,
}

impl Intent {
    pub(super) fn outcome(&self, probability: u32) -> &'static str {
        match probability {
            70.. => "sale",
            45..70 => "callback",
            _ => "no_sale",
        }
    }
}

pub(super) const INTENTS: [Intent; 6] = [
    Intent { name: "purchase_inquiry", probability: 45..=95 },
    Intent { name: "pricing", probability: 30..=80 },
    Intent { name: "renewal", probability: 40..=90 },
    Intent { name: "support", probability: 5..=40 },
    Intent { name: "complaint", probability: 1..=25 },
    Intent { name: "cancellation", probability: 1..=30 },
];

pub(super) struct Person {
    pub(super) phone: String,
    /// Not everybody tells one.
    pub(super) email: Option<String>,
}

impl Person {
    pub(super) fn number(number: u32) -> Self {
        let area = [212, 312, 415, 617, 713][number as usize % 5];
        let email = (!number.is_multiple_of(3)).then(|| format!("customer.{number}@example.com"));
        Self { phone: format!("+1{area}555{number:04}"), email }
    }

    /// By what they are known outside calls, what they use online first.
    pub(super) fn identifiers(&self) -> Vec<Value> {
        let email = self.email.iter().map(|email| json!({ "type": "email", "value": email }));
        email.chain([json!({ "type": "phone", "value": self.phone })]).collect()
    }
}
