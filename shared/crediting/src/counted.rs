//! Which touches count for a conversion.

use std::borrow::Cow;

use domain::run::{DirectTouches, RunConfig};
use domain::time::Timestamp;

use crate::Touch;

/// Those of a customer's touches, in canonical order, that count for what happened at this moment.
pub(crate) fn counted<'t>(config: &RunConfig, at: Timestamp, touches: &'t [Touch]) -> Cow<'t, [Touch]> {
    let within = window(config, at, touches);
    if config.is_one_window() {
        return Cow::Borrowed(within);
    }
    let is_within = |touch: &&Touch| touch.time >= config.window_start_of(&touch.channel, at);
    let mut counted: Vec<Touch> = within.iter().filter(is_within).cloned().collect();
    let is_direct = |touch: &Touch| config.direct_channels.contains(&touch.channel);
    let alone = config.direct_touches == DirectTouches::CountAlone;
    if alone && counted.iter().any(|touch| !is_direct(touch)) {
        counted.retain(|touch| !is_direct(touch));
    }
    if let Some(most) = config.most_touches {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        counted.drain(..counted.len().saturating_sub(most));
    }
    Cow::Owned(counted)
}

fn window<'t>(config: &RunConfig, at: Timestamp, touches: &'t [Touch]) -> &'t [Touch] {
    let from = config.window_start(at);
    let first = touches.partition_point(|touch| touch.time < from);
    let end = touches.partition_point(|touch| touch.time <= at);
    &touches[first.min(end)..end]
}
