//! From what channels are worth to what touches are.

use crate::paths::Channel;

/// What the channel weighs that is worth most.
const MOST: u64 = 1 << 40;

/// What each channel weighs in a journey that passed it, however often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelWeights(Vec<u64>);

impl ChannelWeights {
    /// In proportion to what each channel is worth, such as its removal effect, to the nearest 2^-40 of the most. What is
    /// worth less than nothing weighs nothing.
    pub fn of(worth: &[f64]) -> Self {
        let most = worth.iter().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^40")]
        let weight =
            |worth: &f64| if most > 0.0 { (worth.max(0.0) / most * MOST as f64).round() as u64 } else { 0 };
        Self(worth.iter().map(weight).collect())
    }

    /// What each channel weighs, from 0 to 2^40: whoever keeps these weighs later as today.
    pub fn whole(&self) -> &[u64] {
        &self.0
    }

    /// Replaces `out` by the weights of one journey's touches, to [`split`](crate::split()) its amount by: each channel
    /// weighs what it is worth once, and its touches share that equally. All weights are 0 if no channel is worth
    /// anything.
    pub fn weights_into(&self, passed: &[Channel], out: &mut Vec<u64>) {
        let weight = |channel: &Channel| {
            let touches = passed.iter().filter(|other| *other == channel).count() as u64;
            let whole = self.0.get(usize::from(*channel)).copied().unwrap_or(0);
            (whole + touches / 2) / touches
        };
        out.clear();
        out.extend(passed.iter().map(weight));
    }
}

impl From<Vec<u64>> for ChannelWeights {
    /// The inverse of [`ChannelWeights::whole`].
    fn from(whole: Vec<u64>) -> Self {
        Self(whole)
    }
}
