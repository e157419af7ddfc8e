//! All to the oldest touch: `w_1 = 1`.

use crate::Journeys;

pub(super) fn credit(journeys: Journeys<'_>, out: &mut [i64]) {
    out.fill(0);
    for journey in journeys.iter() {
        if let Some(first) = out[journey.span].first_mut() {
            *first = journey.amount_minor;
        }
    }
}

pub(super) fn weights(ages_ms: &[u64], out: &mut Vec<u64>) {
    out.clear();
    out.resize(ages_ms.len(), 0);
    if let Some(first) = out.first_mut() {
        *first = 1;
    }
}
