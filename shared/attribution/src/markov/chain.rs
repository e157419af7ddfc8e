//! Solving a chain for where its walks end.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use super::transitions::{Leaving, Order, State};
use super::{Effect, Effects};

/// Up to so many states are eliminated one by one, which takes the time of their cube however long walks last.
const MOST_ELIMINATED: usize = 1_024;

/// A walk is followed until what is still under way could change the result by no more than this part of it.
const NEGLIGIBLE: f64 = 1e-16;

/// How many steps are followed in all before it is given up: half a minute, at most.
const MOST_STEPS: usize = 20_000_000_000;

/// Walks so long that following them took too much, over too many states to eliminate them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unsolved {
    /// What part of the walks was still under way.
    pub left: f64,
}

impl fmt::Display for Unsolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journeys go in circles too long to be followed: {:.1e} of them had not ended", self.left)
    }
}

impl Error for Unsolved {}

/// A chain over numbered states.
pub(super) struct Chain {
    states: Vec<State>,
    /// How likely a walk begins with each state.
    starts: Vec<f64>,
    /// How likely each state is followed by which others.
    steps: Vec<Vec<(usize, f64)>>,
    /// How likely it is followed by a conversion, and by the end of a walk without one.
    converts: Vec<f64>,
    ends: Vec<f64>,
    /// What a visit to it is worth: the value of the conversions that left it, by its visits.
    worth: Vec<f64>,
    conversions: u64,
    nulls: u64,
    value_minor: i128,
}

impl Chain {
    pub(super) fn of(counts: &BTreeMap<State, Leaving>) -> Self {
        let number: BTreeMap<State, usize> =
            counts.keys().enumerate().map(|(number, state)| (*state, number)).collect();
        let all_starts: u64 = counts.values().map(|leaving| leaving.ends.starts).sum();
        let ratio = |part: &dyn Fn(&Leaving) -> u64| -> Vec<f64> {
            counts.values().map(|leaving| super::ratio(part(leaving), leaving.total())).collect()
        };
        let steps = |leaving: &Leaving| {
            let total = leaving.total();
            leaving.steps.iter().map(|(to, count)| (number[to], super::ratio(*count, total))).collect()
        };
        Self {
            starts: counts.values().map(|leaving| super::ratio(leaving.ends.starts, all_starts)).collect(),
            steps: counts.values().map(steps).collect(),
            converts: ratio(&|leaving| leaving.ends.conversions),
            ends: ratio(&|leaving| leaving.ends.nulls),
            worth: counts
                .values()
                .map(|leaving| leaving.ends.value_minor as f64 / leaving.total() as f64)
                .collect(),
            conversions: counts.values().map(|leaving| leaving.ends.conversions).sum(),
            nulls: counts.values().map(|leaving| leaving.ends.nulls).sum(),
            value_minor: counts.values().map(|leaving| leaving.ends.value_minor).sum(),
            states: counts.keys().copied().collect(),
        }
    }

    pub(super) fn effects(&self, order: Order, channels: usize) -> Result<Effects, Unsolved> {
        let solved = if order == Order::FIRST && self.states.len() <= MOST_ELIMINATED {
            self.by_elimination(channels)
        } else {
            self.by_channel(channels)?
        };
        let (conversion_probability, of) = solved;
        let Self { conversions, nulls, value_minor, .. } = *self;
        Ok(Effects { of, conversion_probability, conversions, nulls, value_minor })
    }

    /// Where each channel is one state: what is lost without it are the walks that reach it and convert after it.
    fn by_elimination(&self, channels: usize) -> (f64, Vec<Effect>) {
        let eliminated = Eliminated::of(self, |_| true);
        let visits = eliminated.visits(&self.starts);
        let conversion = eliminated.reached(&self.converts);
        let value = eliminated.reached(&self.worth);
        let of_all = [dot(&visits, &self.converts), dot(&visits, &self.worth)];
        let mut effects = vec![Effect::default(); channels];
        for (index, state) in self.states.iter().enumerate() {
            // Who comes by once comes by that often in all.
            let comes_by = visits[index] / eliminated.visits_to_itself(index);
            for channel in state.channels() {
                effects[usize::from(channel)] = Effect {
                    conversions: part(comes_by * conversion[index], of_all[0]),
                    value: part(comes_by * value[index], of_all[1]),
                };
            }
        }
        (of_all[0], effects)
    }

    /// Solves the chain once for each channel, without it.
    fn by_channel(&self, channels: usize) -> Result<(f64, Vec<Effect>), Unsolved> {
        let mut budget = MOST_STEPS;
        let visits = self.visits(|_| true, 0.0, &mut budget)?;
        let of_all = [dot(&visits, &self.converts), dot(&visits, &self.worth)];
        let mut without = |channel: usize| {
            let passes = |state: &State| state.channels().any(|passed| usize::from(passed) == channel);
            let passes: Vec<bool> = self.states.iter().map(passes).collect();
            if !passes.contains(&true) {
                return Ok(Effect::default());
            }
            let visits = self.visits(|state| !passes[state], of_all[0], &mut budget)?;
            let lost = |of_all: f64, each: &[f64]| part(of_all - dot(&visits, each), of_all);
            Ok(Effect { conversions: lost(of_all[0], &self.converts), value: lost(of_all[1], &self.worth) })
        };
        let effects = (0..channels).map(&mut without).collect::<Result<_, _>>()?;
        Ok((of_all[0], effects))
    }

    /// How often a walk visits each state, where walks that leave what is kept end there.
    ///
    /// All walks are followed together, step by step; those still under way can change no result by more than they are.
    fn visits(
        &self,
        keeps: impl Fn(usize) -> bool,
        conversions: f64,
        budget: &mut usize,
    ) -> Result<Vec<f64>, Unsolved> {
        let states = self.states.len();
        let mut visits = vec![0.0; states];
        let mut under_way: Vec<f64> =
            (0..states).map(|state| if keeps(state) { self.starts[state] } else { 0.0 }).collect();
        let steps: usize = self.steps.iter().map(|steps| steps.len() + 1).sum();
        let mut left = 1.0;
        while let Some(rest) = budget.checked_sub(steps.max(1)) {
            *budget = rest;
            for state in 0..states {
                let here = std::mem::replace(&mut under_way[state], 0.0);
                if here > 0.0 {
                    visits[state] += here;
                    for (to, probability) in &self.steps[state] {
                        if keeps(*to) {
                            under_way[*to] += here * probability;
                        }
                    }
                }
            }
            left = under_way.iter().sum();
            let found = if conversions > 0.0 { conversions } else { dot(&visits, &self.converts) };
            if left <= NEGLIGIBLE * found || left < f64::MIN_POSITIVE {
                return Ok(visits);
            }
        }
        if states <= MOST_ELIMINATED {
            return Ok(Eliminated::of(self, keeps).visits(&self.starts));
        }
        Err(Unsolved { left })
    }
}

/// The chain with its states eliminated one after another: walks skip an eliminated state and go on from where it leads.
///
/// This is Gaussian elimination as Grassmann, Taksar and Heyman do it: the pivot, how likely a state is left for another,
/// is a sum and not a difference, so that nothing cancels however long walks last.
struct Eliminated {
    states: usize,
    kept: Vec<bool>,
    /// Row by row. Right of the diagonal how likely a state is followed by which later one; left of it how often, for
    /// each visit to a later state, an earlier one is left from there.
    steps: Vec<f64>,
    /// How likely a state is left for a later one, or for the end.
    leaves: Vec<f64>,
}

impl Eliminated {
    fn of(chain: &Chain, keeps: impl Fn(usize) -> bool) -> Self {
        let states = chain.states.len();
        let kept: Vec<bool> = (0..states).map(keeps).collect();
        let mut steps = vec![0.0; states * states];
        let mut ends: Vec<f64> =
            chain.converts.iter().zip(&chain.ends).map(|(one, other)| one + other).collect();
        for (from, followed) in chain.steps.iter().enumerate().filter(|(from, _)| kept[*from]) {
            for (to, probability) in followed {
                if kept[*to] {
                    steps[from * states + to] = *probability;
                } else {
                    ends[from] += probability;
                }
            }
        }
        let mut leaves = vec![1.0; states];
        for out in (0..states).filter(|out| kept[*out]) {
            let (above, below) = steps.split_at_mut((out + 1) * states);
            let row = &above[out * states..];
            leaves[out] = row[out + 1..].iter().sum::<f64>() + ends[out];
            for (from, other) in below.chunks_exact_mut(states).enumerate() {
                if other[out] > 0.0 {
                    other[out] /= leaves[out];
                    let often = other[out];
                    let later = row[out + 1..].iter().zip(&mut other[out + 1..]);
                    later.for_each(|(step, other)| *other += often * step);
                    ends[out + 1 + from] += often * ends[out];
                }
            }
        }
        Self { states, kept, steps, leaves }
    }

    fn row(&self, state: usize) -> &[f64] {
        &self.steps[state * self.states..(state + 1) * self.states]
    }

    /// How often walks visit each state that begin so.
    fn visits(&self, starts: &[f64]) -> Vec<f64> {
        let mut visits: Vec<f64> =
            starts.iter().zip(&self.kept).map(|(start, kept)| if *kept { *start } else { 0.0 }).collect();
        for state in 0..self.states {
            visits[state] /= self.leaves[state];
            let here = visits[state];
            let later = self.row(state)[state + 1..].iter().zip(&mut visits[state + 1..]);
            later.for_each(|(step, later)| *later += here * step);
        }
        for state in (0..self.states).rev() {
            let here = visits[state];
            let earlier = self.row(state)[..state].iter().zip(&mut visits[..state]);
            earlier.for_each(|(often, earlier)| *earlier += here * often);
        }
        visits
    }

    /// What a walk from each state comes to, if a visit to each comes to so much.
    fn reached(&self, each: &[f64]) -> Vec<f64> {
        let mut reached = each.to_vec();
        self.follow(0, &mut reached);
        reached
    }

    /// How often a walk that begins with a state visits it.
    fn visits_to_itself(&self, state: usize) -> f64 {
        let mut visits = vec![0.0; self.states];
        visits[state] = 1.0;
        self.follow(state, &mut visits);
        visits[state]
    }

    /// As far as the states from `first` on need it.
    fn follow(&self, first: usize, reached: &mut [f64]) {
        for state in first..self.states {
            reached[state] += dot(&self.row(state)[first..state], &reached[first..state]);
        }
        for state in (first..self.states).rev() {
            let later = dot(&self.row(state)[state + 1..], &reached[state + 1..]);
            reached[state] = (reached[state] + later) / self.leaves[state];
        }
    }
}

fn dot(some: &[f64], others: &[f64]) -> f64 {
    some.iter().zip(others).map(|(one, other)| one * other).sum()
}

fn part(of: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { of / whole }
}
