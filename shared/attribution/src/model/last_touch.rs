//! All to the youngest touch: `w_n = 1`.

use crate::Journeys;

pub(super) fn credit(journeys: Journeys<'_>, out: &mut [i64]) {
    out.fill(0);
    for journey in journeys.iter() {
        if let Some(last) = out[journey.span].last_mut() {
            *last = journey.amount_minor;
        }
    }
}

pub(super) fn weights(ages_ms: &[u64], out: &mut Vec<u64>) {
    out.clear();
    out.resize(ages_ms.len(), 0);
    if let Some(last) = out.last_mut() {
        *last = 1;
    }
}
