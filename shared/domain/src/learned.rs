//! What a data-driven model learned from the journeys of a run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run learns what channels are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    pub method: Method,
    /// How many channels a state of the chain remembers, from 1 to 4; for MARKOV.
    pub order: u8,
    /// With fewer conversions that a touch led to, nothing is learned.
    pub least_conversions: u32,
}

/// As many as it takes until single conversions no longer decide what a channel is worth.
pub const LEAST_CONVERSIONS: u32 = 100;

impl Default for Learning {
    fn default() -> Self {
        Self { method: Method::Markov, order: 1, least_conversions: LEAST_CONVERSIONS }
    }
}

/// By what channels are worth something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// By the conversions that would be lost without them: removal effects of a Markov chain.
    #[default]
    Markov,
    /// By what they add to the conversions of any set of channels: Shapley values.
    Shapley,
}

impl Method {
    pub const ALL: [Method; 2] = [Method::Markov, Method::Shapley];

    pub const fn code(self) -> &'static str {
        match self {
            Method::Markov => "MARKOV",
            Method::Shapley => "SHAPLEY",
        }
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.code().eq_ignore_ascii_case(text))
    }
}

/// Whole numbers by what was counted. Those of the parts add up to those of the whole, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

impl Counts {
    pub fn add(&mut self, what: String, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub fn merge(&mut self, other: Counts) {
        other.0.into_iter().for_each(|(what, times)| self.add(what, times));
    }
}

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Conversions that a touch led to.
    pub conversions: u64,
    /// Customers who had touches and did not convert.
    pub nulls: u64,
    /// Why nothing was learned: every touch weighs the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing: Option<NothingLearned>,
    /// By channel; empty if nothing was learned.
    pub channels: BTreeMap<String, Worth>,
}

/// What a channel is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// What its touches weigh in a journey, all together.
    pub weight: u64,
    /// Its share of all conversions, in billionths.
    pub share_ppb: u64,
    /// The share of conversions that would be lost without it, in billionths; by MARKOV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_ppb: Option<u64>,
}

/// Why nothing was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NothingLearned {
    /// Fewer conversions than the configuration asks for.
    TooFewConversions,
    /// No channel is worth anything: without any of them, as many would convert.
    NoChannelMatters,
    /// More channels than can be told apart.
    TooManyChannels,
    /// Journeys go in circles too long to be followed.
    Unsolved,
}
