//! Which channels conversions would be lost without: removal effects of a Markov chain, solved exactly.
//!
//! A journey is a walk over states, which are its last `order` channels, from the start to a conversion or to none. How
//! often each step was taken gives its probability. The removal effect of a channel is the share of conversions that a
//! walker would not reach if every state with that channel led nowhere; of their value likewise, each conversion taken
//! for the mean of those that left the same state. Conversions are shared in proportion to the effects.
//!
//! Counts are whole numbers, add up in any order, and are put in order before anything is computed of them: the same
//! journeys give the same bits, however they are cut into pieces. Everything that is computed adds and multiplies
//! numbers above 0 only, so that nothing cancels out.
//!
//! E. Anderl et al., *Mapping the customer journey*, 2016, is where the model comes from; the estimator is the one that
//! ChannelAttribution approaches with more and more simulations.

mod chain;
mod fit;
mod transitions;

pub use chain::Unsolved;
pub use fit::{Fit, best, fits};
pub use transitions::{Order, Place, State, Step, Transitions};

/// What a channel is worth to the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// The share of conversions that would be lost without the channel, from 0 to 1.
    pub conversions: f64,
    /// The share of their value.
    pub value: f64,
}

/// The effects of all channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// By channel.
    pub of: Vec<Effect>,
    /// How likely a walker reaches a conversion: the share of journeys that did, if the chain is right.
    pub conversion_probability: f64,
    /// What was counted.
    pub conversions: u64,
    pub nulls: u64,
    pub value_minor: i128,
}

impl Effects {
    /// By how much the chain's conversion probability differs from the share of journeys that converted, which it equals
    /// for every order.
    pub fn residual(&self) -> f64 {
        let journeys = self.conversions + self.nulls;
        (self.conversion_probability - ratio(self.conversions, journeys)).abs()
    }

    /// Each channel's part of all conversions.
    pub fn conversions(&self) -> Vec<f64> {
        self.shared(|effect| effect.conversions, self.conversions as f64)
    }

    /// Each channel's part of their value, in minor units.
    pub fn values(&self) -> Vec<f64> {
        self.shared(|effect| effect.value, self.value_minor as f64)
    }

    /// In proportion to the effects; nothing if none has any.
    fn shared(&self, by: impl Fn(&Effect) -> f64, total: f64) -> Vec<f64> {
        let sum: f64 = self.of.iter().map(&by).sum();
        self.of.iter().map(|effect| if sum == 0.0 { 0.0 } else { total * (by(effect) / sum) }).collect()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
