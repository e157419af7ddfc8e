//! Which touches count for a conversion.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use domain::run::{DirectTouches, PathTransform, RunConfig};
use domain::time::Timestamp;

use crate::Touch;
use crate::story::{Story, begin};

/// Those of a customer's touches, in canonical order, that count for what happened at this moment.
pub(crate) fn counted<'t>(config: &RunConfig, end: Timestamp, story: &'t Story) -> Cow<'t, [Touch]> {
    let within = within(config, end, story);
    if config.is_one_window() {
        return Cow::Borrowed(within);
    }
    let is_within = |touch: &&Touch| touch.time >= config.window_start_of(&touch.channel, end);
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
    transform(config.path_transform, &mut counted);
    Cow::Owned(counted)
}

fn within<'t>(config: &RunConfig, end: Timestamp, story: &'t Story) -> &'t [Touch] {
    let from = begin(config, end, story);
    let first = story.touches.partition_point(|touch| touch.time < from);
    let last = story.touches.partition_point(|touch| touch.time <= end);
    &story.touches[first.min(last)..last]
}

fn transform(transform: PathTransform, touches: &mut Vec<Touch>) {
    match transform {
        PathTransform::Unique => {}
        PathTransform::Exposure => touches.dedup_by(|later, first| later.channel == first.channel),
        PathTransform::First => keep_first(touches),
        PathTransform::Frequency => {
            let mut passed: BTreeMap<String, usize> = BTreeMap::new();
            for touch in touches.iter() {
                *passed.entry(touch.channel.clone()).or_default() += 1;
            }
            keep_first(touches);
            for touch in touches {
                let times = passed.get(&touch.channel).copied().unwrap_or_default();
                touch.step = Some(format!("{}({times})", touch.channel));
            }
        }
    }
}

fn keep_first(touches: &mut Vec<Touch>) {
    let mut met = BTreeSet::new();
    touches.retain(|touch| met.insert(touch.channel.clone()));
}
