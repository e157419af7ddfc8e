//! Fixed shares by position: with n touches and weights f, m, l the touches weigh
//! `f·(n−2), m, …, m, l·(n−2)`, whose sum is `(f + m + l)·(n−2)`; one touch gets
//! all, two share as f to l.

use std::num::NonZeroU64;

use super::linear;
use crate::Journeys;
use crate::reciprocal::Reciprocal;
use crate::split::{fits, signed, split_equally, split_into};

/// First, middle, last.
type Positions = [u32; 3];

pub(super) fn credit(positions: Positions, journeys: Journeys<'_>, out: &mut [i64]) {
    let Some(shares) = Shares::new(positions) else {
        return linear::credit(journeys, out);
    };
    let mut scratch = Vec::new();
    for journey in journeys.iter() {
        let (amount_minor, ages_ms) = (journey.amount_minor, journey.ages_ms);
        let out = &mut out[journey.span];
        if fits(amount_minor) {
            shares.credit(amount_minor, out);
        } else {
            weights(positions, ages_ms, &mut scratch);
            split_into(amount_minor, &scratch, out);
        }
    }
}

pub(super) fn weights(positions: Positions, ages_ms: &[u64], out: &mut Vec<u64>) {
    let [first, middle, last] = positions.map(u64::from);
    out.clear();
    match ages_ms.len() {
        0 => {}
        1 => out.push(1),
        2 if first + last == 0 => out.extend([1, 1]),
        2 => out.extend([first, last]),
        n if first + middle + last == 0 => out.resize(n, 1),
        n => {
            let between = (n - 2) as u64;
            out.resize(n, middle);
            out[0] = first * between;
            out[n - 1] = last * between;
        }
    }
}

/// Position weights made ready for many journeys.
struct Shares {
    first: u64,
    middle: u64,
    last: u64,
    of_all: Reciprocal,
    of_ends: Option<Reciprocal>,
}

impl Shares {
    /// `None` if all weights are 0.
    fn new(positions: Positions) -> Option<Self> {
        let [first, middle, last] = positions.map(u64::from);
        Some(Self {
            first,
            middle,
            last,
            of_all: Reciprocal::new(NonZeroU64::new(first + middle + last)?),
            of_ends: NonZeroU64::new(first + last).map(Reciprocal::new),
        })
    }

    #[inline]
    fn credit(&self, amount_minor: i64, out: &mut [i64]) {
        match out {
            [] => {}
            [only] => *only = amount_minor,
            [first, last] => self.credit_two(amount_minor, first, last),
            [first, middle @ .., last] => self.credit_many(amount_minor, first, middle, last),
        }
    }

    #[inline]
    fn credit_two(&self, amount_minor: i64, first: &mut i64, last: &mut i64) {
        let Some(of_ends) = &self.of_ends else {
            let mut halves = [0; 2];
            split_equally(amount_minor, &mut halves);
            [*first, *last] = halves;
            return;
        };
        let amount = amount_minor.unsigned_abs();
        let (first_quota, first_rest) = of_ends.quota(amount, self.first);
        let (last_quota, last_rest) = of_ends.quota(amount, self.last);
        let leftover = amount - first_quota - last_quota;
        let first_part = first_quota + u64::from(leftover > 0 && first_rest >= last_rest);
        *first = signed(first_part, amount_minor);
        *last = signed(amount - first_part, amount_minor);
    }

    /// Largest remainder over three groups, since all touches in between have the same remainder.
    ///
    /// A touch in between has the quota `amount·m / (S·b)`, with S the sum of the
    /// weights and b the number of such touches: the quotient by S is divided by
    /// b, and its remainder joins in. The ends' remainders are brought to the
    /// same denominator S·b.
    #[inline]
    fn credit_many(&self, amount_minor: i64, first: &mut i64, middle: &mut [i64], last: &mut i64) {
        let amount = amount_minor.unsigned_abs();
        let between = middle.len() as u64;
        let sum = self.first + self.middle + self.last;
        let (first_quota, first_rest) = self.of_all.quota(amount, self.first);
        let (last_quota, last_rest) = self.of_all.quota(amount, self.last);
        let (middle_share, share_rest) = self.of_all.quota(amount, self.middle);
        let (middle_quota, units) = (middle_share / between, middle_share % between);
        let first_rest = first_rest * between;
        let last_rest = last_rest * between;
        let middle_rest = units * sum + share_rest;

        let leftover = amount - first_quota - last_quota - middle_quota * between;
        let ahead_of_first =
            u64::from(last_rest > first_rest) + between * u64::from(middle_rest > first_rest);
        let ahead_of_last =
            u64::from(first_rest >= last_rest) + between * u64::from(middle_rest >= last_rest);
        let first_extra = u64::from(ahead_of_first < leftover);
        let last_extra = u64::from(ahead_of_last < leftover);
        let middle_extra = leftover - first_extra - last_extra;

        *first = signed(first_quota + first_extra, amount_minor);
        for (index, credit) in (0..).zip(middle) {
            let extra = u64::from(index < middle_extra);
            *credit = signed(middle_quota + extra, amount_minor);
        }
        *last = signed(last_quota + last_extra, amount_minor);
    }
}
