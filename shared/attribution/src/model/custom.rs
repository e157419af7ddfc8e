//! Own shares for the first touches and the last, and one for all in between together.
//!
//! Of a journey with fewer touches than there are shares, those in the middle are left out.

use crate::Journeys;
use crate::split::split_into;

/// Shares of as many touches at one end of a journey as have their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ends {
    shares: [u32; Self::MOST],
    count: usize,
}

impl Ends {
    /// No end has more.
    pub const MOST: usize = 4;

    /// Shares in the order of the touches, oldest first; nothing if they are more than [`Self::MOST`].
    pub fn new(shares: &[u32]) -> Option<Self> {
        let mut ends = Self { count: shares.len(), ..Self::default() };
        ends.shares.get_mut(..shares.len())?.copy_from_slice(shares);
        Some(ends)
    }

    /// The shares.
    pub fn shares(&self) -> &[u32] {
        &self.shares[..self.count]
    }
}

/// First, middle, last.
pub(super) type Positions<'a> = (&'a Ends, u32, &'a Ends);

pub(super) fn credit(positions: Positions<'_>, journeys: Journeys<'_>, out: &mut [i64]) {
    let mut scratch = Vec::new();
    for journey in journeys.iter() {
        weights(positions, journey.ages_ms, &mut scratch);
        split_into(journey.amount_minor, &scratch, &mut out[journey.span]);
    }
}

pub(super) fn weights((first, middle, last): Positions<'_>, ages_ms: &[u64], out: &mut Vec<u64>) {
    let touches = ages_ms.len();
    // The outermost of both ends stay, as many at one end as at the other if they must; an odd one is the first's.
    let from_last = last.count.min(touches / 2);
    let from_first = first.count.min(touches - from_last);
    let from_last = last.count.min(touches - from_first);
    let between = touches - from_first - from_last;
    let times = between.max(1) as u64;
    out.clear();
    out.extend(first.shares[..from_first].iter().map(|share| u64::from(*share) * times));
    out.resize(from_first + between, u64::from(middle));
    out.extend(last.shares()[last.count - from_last..].iter().map(|share| u64::from(*share) * times));
    if out.iter().all(|weight| *weight == 0) {
        out.fill(1);
    }
}
