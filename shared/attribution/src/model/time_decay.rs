//! Half as much per half-life: `w_i = 2^(−(age_i − youngest age) / half_life)`.
//!
//! Only proportions matter, so the youngest touch always weighs 1: no journey is
//! too old to have weights, and moving it in time changes nothing.

use std::num::NonZeroU64;

use crate::Journeys;
use crate::exp2::Decay;
use crate::reciprocal::Reciprocal;
use crate::split::{fits, split_few, split_into};

pub(super) fn credit(half_life_ms: NonZeroU64, journeys: Journeys<'_>, out: &mut [i64]) {
    let decay = Decay::new(half_life_ms);
    let mut scratch = Vec::new();
    for journey in journeys.iter() {
        let (amount_minor, ages_ms) = (journey.amount_minor, journey.ages_ms);
        let out = &mut out[journey.span];
        if !fits(amount_minor) {
            long(&decay, amount_minor, ages_ms, &mut scratch, out);
            continue;
        }
        match ages_ms.len() {
            0 => {}
            1 => out[0] = amount_minor,
            2 => short::<2>(&decay, amount_minor, ages_ms, out),
            3 => short::<3>(&decay, amount_minor, ages_ms, out),
            4 => short::<4>(&decay, amount_minor, ages_ms, out),
            5 => short::<5>(&decay, amount_minor, ages_ms, out),
            6 => short::<6>(&decay, amount_minor, ages_ms, out),
            7 => short::<7>(&decay, amount_minor, ages_ms, out),
            8 => short::<8>(&decay, amount_minor, ages_ms, out),
            _ => long(&decay, amount_minor, ages_ms, &mut scratch, out),
        }
    }
}

pub(super) fn weights(half_life_ms: NonZeroU64, ages_ms: &[u64], out: &mut Vec<u64>) {
    fill(&Decay::new(half_life_ms), ages_ms, out);
}

fn fill(decay: &Decay, ages_ms: &[u64], out: &mut Vec<u64>) {
    let youngest = ages_ms.iter().copied().min().unwrap_or_default();
    out.clear();
    out.extend(ages_ms.iter().map(|age| decay.weight(age - youngest)));
}

fn long(decay: &Decay, amount_minor: i64, ages_ms: &[u64], scratch: &mut Vec<u64>, out: &mut [i64]) {
    fill(decay, ages_ms, scratch);
    split_into(amount_minor, scratch, out);
}

/// A journey whose length the compiler knows, so that it runs without branches.
#[inline]
fn short<const N: usize>(decay: &Decay, amount_minor: i64, ages_ms: &[u64], out: &mut [i64]) {
    let ages_ms: &[u64; N] = ages_ms.first_chunk().expect("the journey has N touches");
    let (mut weights, mut quotas, mut remainders) = ([0; N], [0; N], [0; N]);
    let mut sum = 0;
    for (weight, age) in weights.iter_mut().zip(ages_ms) {
        *weight = decay.weight(age - ages_ms[N - 1]);
        sum += *weight;
    }
    let sum = NonZeroU64::new(sum).expect("the youngest touch weighs more than 0");
    let scratch = (&mut quotas[..], &mut remainders[..]);
    split_few(amount_minor, &weights, &Reciprocal::new(sum), scratch, out);
}
