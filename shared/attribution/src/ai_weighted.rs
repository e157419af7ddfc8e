//! Weights from what a model heard in each touch: how likely a purchase was, with what intent, in what mood, for how
//! long.
//!
//! The touches of a journey are taken as independent chances of a purchase. The chance that none of them led to one is
//! the product of all `1 − p_i`, so each touch's part in `−log(1 − P)` is `−log(1 − p_i)`: its hazard. The shares are
//! the Shapley value of that game. What else is known multiplies it.

use std::num::NonZeroU64;

use crate::ParameterError;
use crate::exp2::Decay;
use crate::log2::log2;

/// A certain purchase would leave nothing to the others, a certain failure would take everything from a touch.
const LEAST_PPB: u64 = 100_000;
const MOST_PPB: u64 = 990_000_000;
const BILLION: u64 = 1_000_000_000;

/// Fraction bits of the factor of duration, which is between a half and two.
const FACTOR_BITS: u32 = 16;

/// Fraction bits of a weight; the heaviest touch weighs 2^40.
const WEIGHT_BITS: u32 = 40;

/// What is known of a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// Milliseconds from the touch to the conversion.
    pub age_ms: u64,
    /// How likely a purchase was, in billionths.
    pub probability_ppb: Option<u64>,
    /// By how much its intent multiplies it, in thousandths.
    pub intent_permille: u16,
    /// By how much its mood multiplies it, in thousandths.
    pub sentiment_permille: u16,
    pub duration_seconds: Option<u64>,
}

/// Weighs the touches of a journey by their signals, and by their age as time decay does.
#[derive(Clone, Copy, Debug)]
pub struct AiWeighted {
    decay: Decay,
}

impl AiWeighted {
    /// With the half-life of a touch's weight, which must not be 0.
    pub fn new(half_life_ms: u64) -> Result<Self, ParameterError> {
        let half_life = NonZeroU64::new(half_life_ms).ok_or(ParameterError::NoHalfLife)?;
        Ok(Self { decay: Decay::new(half_life) })
    }

    /// The weights of one journey's touches, to [`split`](crate::split()) its amount by.
    ///
    /// None if fewer than half of the touches have a probability: what is known then says too little, and another
    /// model should be asked.
    pub fn weights(&self, touches: &[Signals]) -> Option<Vec<u64>> {
        let known: Vec<u64> = touches.iter().filter_map(|touch| touch.probability_ppb).map(clipped).collect();
        if known.len() * 2 < touches.len() {
            return None;
        }
        let mean = known.iter().sum::<u64>().checked_div(known.len() as u64).unwrap_or(LEAST_PPB);
        let usual = median(touches.iter().filter_map(|touch| touch.duration_seconds).collect());
        let youngest = touches.iter().map(|touch| touch.age_ms).min().unwrap_or_default();
        let strength = |touch: &Signals| {
            let chance = touch.probability_ppb.map_or(mean, clipped);
            let mood = u128::from(touch.intent_permille) * u128::from(touch.sentiment_permille);
            let talk = duration_factor(touch.duration_seconds, usual);
            let heard = (u128::from(hazard(chance)) * mood * u128::from(talk)) >> FACTOR_BITS;
            heard * u128::from(self.decay.weight(touch.age_ms - youngest))
        };
        Some(scaled(&touches.iter().map(strength).collect::<Vec<u128>>()))
    }
}

fn clipped(ppb: u64) -> u64 {
    ppb.clamp(LEAST_PPB, MOST_PPB)
}

/// `−log2(1 − p)` times 2^40.
fn hazard(ppb: u64) -> u64 {
    log2(BILLION) - log2(BILLION - ppb)
}

/// The middle one, or what lies between the two in the middle.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 { upper } else { values[values.len() / 2 - 1].midpoint(upper) })
}

/// `ln(1 + minutes) / ln(1 + usual minutes)`, at least a half and at most two; 1 where either is unknown.
fn duration_factor(seconds: Option<u64>, usual: Option<u64>) -> u64 {
    const ONE: u64 = 1 << FACTOR_BITS;
    let minutes = |seconds: u64| log2(seconds.saturating_add(60)) - log2(60);
    let factor = |seconds: u64, usual: u64| {
        let factor = (u128::from(minutes(seconds)) << FACTOR_BITS).checked_div(u128::from(minutes(usual)))?;
        Some(u64::try_from(factor).unwrap_or(u64::MAX).clamp(ONE / 2, ONE * 2))
    };
    seconds.zip(usual).and_then(|(seconds, usual)| factor(seconds, usual)).unwrap_or(ONE)
}

/// The same proportions with the heaviest at 2^40, to the nearest unit; equal ones if none has any strength.
fn scaled(strengths: &[u128]) -> Vec<u64> {
    let strongest = strengths.iter().copied().max().unwrap_or_default();
    let spare = (128 - strongest.leading_zeros()).saturating_sub(127 - WEIGHT_BITS);
    let whole = strongest >> spare;
    let weight = |strength: &u128| {
        let rounded = (((strength >> spare) << WEIGHT_BITS) + whole / 2).checked_div(whole);
        rounded.and_then(|weight| u64::try_from(weight).ok()).unwrap_or(1)
    };
    strengths.iter().map(weight).collect()
}
