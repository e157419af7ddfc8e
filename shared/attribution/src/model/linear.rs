//! The same to every touch: `w_i = 1`.

use std::array;

use crate::Journeys;
use crate::split::{signed, split_equally};

/// Most journeys are no longer than this.
const LANES: usize = 8;

/// Row k gives one leftover unit to each of the first k touches: all remainders tie.
static LEFTOVER: [[i64; LANES]; LANES] = leftover();

/// Writes a fixed number of credits per journey, whatever its length.
///
/// Credits written past a journey's end belong to later journeys, which write
/// over them. It costs less than a loop of a length that the processor cannot
/// foresee.
pub(super) fn credit(journeys: Journeys<'_>, out: &mut [i64]) {
    for journey in journeys.iter() {
        let touches = journey.ages_ms.len();
        match out[journey.span.start..].first_chunk_mut() {
            Some(lanes) if touches <= LANES => *lanes = short(journey.amount_minor, touches),
            _ => split_equally(journey.amount_minor, &mut out[journey.span]),
        }
    }
}

/// The equal parts of a short journey, and whatever follows them.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a remainder is below its divisor, the number of touches"
)]
fn short(amount_minor: i64, touches: usize) -> [i64; LANES] {
    let touches = touches.max(1) as u64;
    let amount = amount_minor.unsigned_abs();
    let part = signed(amount / touches, amount_minor);
    let units = &LEFTOVER[(amount % touches) as usize];
    // All ones for a negative amount, by which a unit of 1 becomes one of −1.
    let sign = amount_minor >> 63;
    array::from_fn(|lane| part + ((units[lane] ^ sign) - sign))
}

const fn leftover() -> [[i64; LANES]; LANES] {
    let mut table = [[0; LANES]; LANES];
    let mut units = 0;
    while units < LANES {
        let mut lane = 0;
        while lane < units {
            table[units][lane] = 1;
            lane += 1;
        }
        units += 1;
    }
    table
}

pub(super) fn weights(ages_ms: &[u64], out: &mut Vec<u64>) {
    out.clear();
    out.resize(ages_ms.len(), 1);
}
