//! What a customer did.

use attribution::{Marks, Milestones};
use domain::ids::FactId;
use domain::money::Money;
use domain::run::{AfterConversion, Milestone, RunConfig};
use domain::time::Timestamp;
use store::StoredConversion;

use crate::Touch;

/// A customer's touches, and what else a journey may be told by; each in canonical order.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub(crate) touches: Vec<Touch>,
    conversions: Vec<Reached>,
}

impl Story {
    /// In any order. The conversions are asked for by [`RunConfig::asks_for_conversions`].
    pub fn of(mut touches: Vec<Touch>, mut conversions: Vec<Reached>) -> Self {
        touches.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        conversions.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Self { touches, conversions }
    }

    /// When the last touch was.
    pub fn last_touch(&self) -> Option<Timestamp> {
        self.touches.last().map(|touch| touch.time)
    }
}

/// A conversion as others of its customer see it.
#[derive(Clone, Debug)]
pub struct Reached {
    pub id: FactId,
    at: Timestamp,
    event_type: String,
    amount: Money,
}

impl Reached {
    /// None of what pays another one back.
    pub fn of(stored: &StoredConversion) -> Option<Self> {
        let conversion = &stored.conversion;
        (conversion.refund_of.is_none() && conversion.amount.minor >= 0).then(|| Self {
            id: stored.id.clone(),
            at: conversion.occurred_at,
            event_type: conversion.event_type.clone(),
            amount: conversion.amount,
        })
    }
}

/// From when on touches count for what the journey ends at. Conversions of one moment are the end of the same journey.
pub(crate) fn begin(config: &RunConfig, end: Timestamp, story: &Story) -> Timestamp {
    let window = config.window_start(end);
    let before = story.conversions.iter().filter(|reached| reached.at < end);
    match config.after_conversion {
        AfterConversion::Continue => window,
        AfterConversion::Reset => before
            .filter(|reached| config.wants(&reached.event_type, reached.amount))
            .map(|reached| reached.at.plus_ms(1))
            .fold(window, Timestamp::max),
    }
}

/// What each of the touches that count made of the customer. One that came to be a lead several times on the journey is one
/// since the first.
pub(crate) fn milestones(
    config: &RunConfig,
    end: Timestamp,
    (story, touches): (&Story, &[Touch]),
) -> Vec<Marks> {
    let mut marks = vec![Marks::NONE; touches.len()];
    let within = begin(config, end, story)..=end;
    let reached: Vec<_> = story.conversions.iter().filter(|reached| within.contains(&reached.at)).collect();
    for (milestone, mark) in [(Milestone::Lead, Marks::LEAD), (Milestone::Opportunity, Marks::OPPORTUNITY)] {
        let is_it = |reached: &&&Reached| config.milestones.of(&reached.event_type) == Some(milestone);
        let Some(first) = reached.iter().find(is_it) else { continue };
        let up_to = touches.partition_point(|touch| touch.time <= first.at);
        if let Some(last) = up_to.checked_sub(1).and_then(|last| marks.get_mut(last)) {
            *last = last.and(mark);
        }
    }
    marks
}

/// Which milestones that have a share a touch holds, one of so many.
pub(crate) fn held(shares: &Milestones, marks: Marks, (index, touches): (usize, usize)) -> Vec<Milestone> {
    let of = [
        (Milestone::First, shares.first, index == 0),
        (Milestone::Lead, shares.lead, marks.has(Marks::LEAD)),
        (Milestone::Opportunity, shares.opportunity, marks.has(Marks::OPPORTUNITY)),
        (Milestone::Customer, shares.customer, index + 1 == touches),
    ];
    of.into_iter().filter(|(_, share, holds)| *share > 0 && *holds).map(|(milestone, ..)| milestone).collect()
}
