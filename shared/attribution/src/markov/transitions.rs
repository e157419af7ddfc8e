//! What journeys did, counted.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Effects;
use super::chain::{Chain, Unsolved};
use crate::paths::{Channel, Outcome, Paths, count_of};

/// How many channels a state remembers, from 1 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order(u8);

impl Order {
    pub const MOST: u8 = 4;
    pub const FIRST: Self = Self(1);
    pub const FOURTH: Self = Self(Self::MOST);

    pub const fn new(order: u8) -> Option<Self> {
        if order >= 1 && order <= Self::MOST { Some(Self(order)) } else { None }
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The last channels of a journey, the latest in the lowest 16 bits; each is 1 more than its number, and 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State(u64);

impl State {
    pub(super) const NONE: Self = Self(0);

    /// The state after one more channel.
    #[inline]
    pub(super) fn after(self, channel: Channel, order: Order) -> Self {
        let kept = u64::MAX >> (64 - 16 * u32::from(order.0));
        Self((self.0 << 16 | (u64::from(channel) + 1)) & kept)
    }

    /// The state in which a walk is that passed these channels last, oldest first; of more than a state holds, the last.
    pub fn of(channels: &[Channel]) -> Self {
        channels.iter().fold(Self::NONE, |state, channel| state.after(*channel, Order::FOURTH))
    }

    /// The channels, oldest first.
    pub fn channels(self) -> impl Iterator<Item = Channel> {
        let lane = move |index: u32| u16::try_from(self.0 >> (16 * index) & 0xffff).unwrap_or(0);
        (0..u32::from(Order::MOST)).rev().filter_map(move |index| lane(index).checked_sub(1))
    }
}

/// What left one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaving {
    pub ends: Ends,
    /// How often which state followed; never itself, which changes nothing about where a walk ends.
    pub steps: BTreeMap<State, u64>,
}

/// How often journeys began with a state, and how they ended in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub starts: u64,
    pub conversions: u64,
    pub nulls: u64,
    pub value_minor: i128,
}

/// How often journeys went from which state to which, and where they ended. Parts that were counted apart are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitions {
    order: Order,
    channels: usize,
    ends: FxHashMap<State, Ends>,
    steps: FxHashMap<(State, State), u64>,
}

impl Transitions {
    /// Nothing yet.
    pub fn new(order: Order) -> Self {
        Self { order, channels: 0, ends: FxHashMap::default(), steps: FxHashMap::default() }
    }

    /// Counts paths: [`Self::add`] to nothing.
    pub fn count(order: Order, paths: Paths<'_>) -> Self {
        let mut counted = Self::new(order);
        counted.add(paths);
        counted
    }

    pub fn order(&self) -> Order {
        self.order
    }

    /// Counts more paths. Such without a channel, or that nobody went, count for nothing.
    pub fn add(&mut self, paths: Paths<'_>) {
        self.channels = self.channels.max(paths.channels());
        let square = paths.channels() * paths.channels();
        if self.order == Order::FIRST && square <= MOST_DENSE.min(paths.passed().max(LEAST_DENSE)) {
            self.add_dense(paths);
        } else {
            self.add_sparse(paths);
        }
    }

    /// Adds what was counted elsewhere.
    ///
    /// # Panics
    ///
    /// If it was counted by another order.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.order, other.order, "counts of one order");
        self.channels = self.channels.max(other.channels);
        other.ends.iter().for_each(|(state, ends)| self.ends.entry(*state).or_default().add(*ends));
        other.steps.iter().for_each(|(step, count)| *self.steps.entry(*step).or_default() += count);
    }

    /// The same with other numbers for the channels: channel `c` becomes `numbers[c]`.
    ///
    /// Results have the same bits for the same numbers; who numbers channels as they come can so have them in an order
    /// that does not depend on that.
    ///
    /// # Panics
    ///
    /// If there are fewer numbers than channels.
    pub fn renumbered(&self, numbers: &[Channel]) -> Self {
        let state = |state: &State| {
            let channels = state.channels().map(|channel| numbers[usize::from(channel)]);
            channels.fold(State::NONE, |state, channel| state.after(channel, Order::FOURTH))
        };
        Self {
            order: self.order,
            channels: count_of(numbers, self.channels),
            ends: self.ends.iter().map(|(of, ends)| (state(of), *ends)).collect(),
            steps: self.steps.iter().map(|((from, to), count)| ((state(from), state(to)), *count)).collect(),
        }
    }

    /// What was counted, in order: how often a step was taken, from the start, between states, to one of the two ends. So
    /// counts can be kept and sent.
    pub fn steps(&self) -> Vec<Step> {
        let ends = self.ends.iter().flat_map(|(state, ends)| {
            let state = Place::State(*state);
            [
                Step { from: Place::Start, to: state, times: ends.starts, value_minor: 0 },
                Step {
                    from: state,
                    to: Place::Conversion,
                    times: ends.conversions,
                    value_minor: ends.value_minor,
                },
                Step { from: state, to: Place::Null, times: ends.nulls, value_minor: 0 },
            ]
        });
        let between = self.steps.iter().map(|((from, to), times)| Step {
            from: Place::State(*from),
            to: Place::State(*to),
            times: *times,
            value_minor: 0,
        });
        let mut all: Vec<Step> = ends.chain(between).filter(|step| step.times > 0).collect();
        all.sort_by_key(|step| (step.from, step.to));
        all
    }

    /// Counts a step so often more. Steps that no walk takes, such as one back to the start, count for nothing.
    pub fn add_step(&mut self, step: Step) {
        for place in [step.from, step.to] {
            if let Place::State(state) = place {
                let highest = state.channels().map(|channel| usize::from(channel) + 1).max();
                self.channels = self.channels.max(highest.unwrap_or(0));
            }
        }
        let Step { times, value_minor, .. } = step;
        let ends = match (step.from, step.to) {
            (Place::Start, Place::State(at)) => (at, Ends { starts: times, ..Ends::default() }),
            (Place::State(at), Place::Conversion) => {
                (at, Ends { conversions: times, value_minor, ..Ends::default() })
            }
            (Place::State(at), Place::Null) => (at, Ends { nulls: times, ..Ends::default() }),
            (Place::State(from), Place::State(to)) if from != to => {
                *self.steps.entry((from, to)).or_default() += times;
                return;
            }
            _ => return,
        };
        self.ends.entry(ends.0).or_default().add(ends.1);
    }

    /// Solves the chain.
    pub fn effects(&self) -> Result<Effects, Unsolved> {
        Chain::of(&self.by_state()).effects(self.order, self.channels)
    }

    /// How likely each step is: from a state, or the start, to a state, or to one of the two ends.
    pub fn probabilities(&self) -> Vec<(Place, Place, f64)> {
        let starts: u64 = self.ends.values().map(|ends| ends.starts).sum();
        let by_state = self.by_state();
        let begin = by_state.iter().map(|(state, leaving)| {
            (Place::Start, Place::State(*state), super::ratio(leaving.ends.starts, starts))
        });
        let leave = by_state.iter().flat_map(|(state, leaving)| {
            let ends = [(Place::Conversion, leaving.ends.conversions), (Place::Null, leaving.ends.nulls)];
            let steps = leaving.steps.iter().map(|(to, count)| (Place::State(*to), *count));
            let all = leaving.total();
            steps.chain(ends).map(move |(to, count)| (Place::State(*state), to, super::ratio(count, all)))
        });
        begin.chain(leave).filter(|(_, _, probability)| *probability > 0.0).collect()
    }

    /// What was counted, in order.
    fn by_state(&self) -> BTreeMap<State, Leaving> {
        let leaving =
            |(state, ends): (&State, &Ends)| (*state, Leaving { ends: *ends, steps: BTreeMap::new() });
        let mut states: BTreeMap<State, Leaving> = self.ends.iter().map(leaving).collect();
        for ((from, to), count) in &self.steps {
            states.entry(*from).or_default().steps.insert(*to, *count);
            states.entry(*to).or_default();
        }
        states
    }

    /// Order 1: no state need be looked up for each step. Steps to itself are counted too, and dropped at the end.
    fn add_dense(&mut self, paths: Paths<'_>) {
        let channels = paths.channels();
        let mut steps = vec![0_u64; channels * channels * SQUARES];
        let mut squares: Vec<&mut [u64]> = steps.chunks_mut((channels * channels).max(1)).collect();
        let mut ends = vec![Ends::default(); channels];
        for (index, (passed, outcome)) in paths.iter().enumerate() {
            let (Some((first, rest)), journeys @ 1..) = (passed.split_first(), outcome.journeys()) else {
                continue;
            };
            let square = &mut *squares[index % SQUARES];
            let mut at = usize::from(*first);
            ends[at].starts += journeys;
            for channel in rest {
                let to = usize::from(*channel);
                square[at * channels + to] += journeys;
                at = to;
            }
            ends[at].end(outcome);
        }
        let state = |channel: usize| State(channel as u64 + 1);
        for (from, ends) in ends.into_iter().enumerate().filter(|(_, ends)| *ends != Ends::default()) {
            self.ends.entry(state(from)).or_default().add(ends);
        }
        for (from, to) in (0..channels).flat_map(|from| (0..channels).map(move |to| (from, to))) {
            let count: u64 = squares.iter().map(|square| square[from * channels + to]).sum();
            if count > 0 && from != to {
                *self.steps.entry((state(from), state(to))).or_default() += count;
            }
        }
    }

    fn add_sparse(&mut self, paths: Paths<'_>) {
        let order = self.order;
        for (passed, outcome) in paths.iter() {
            let journeys = outcome.journeys();
            if passed.is_empty() || journeys == 0 {
                continue;
            }
            // Until there are as many channels as a state remembers, there is no state yet; a shorter path is one.
            let (first, rest) = passed.split_at(passed.len().min(usize::from(order.0)));
            let mut at = first.iter().fold(State::NONE, |state, channel| state.after(*channel, order));
            self.ends.entry(at).or_default().starts += journeys;
            for channel in rest {
                let to = at.after(*channel, order);
                if to != at {
                    *self.steps.entry((at, to)).or_default() += journeys;
                }
                at = to;
            }
            self.ends.entry(at).or_default().end(outcome);
        }
    }
}

/// Steps of order 1 are counted in a square up to so many fields, and unless it has more than channels are passed; it may
/// have this many in any case.
const MOST_DENSE: usize = 1 << 20;
const LEAST_DENSE: usize = 1 << 12;

/// Squares that journeys take turns with: where a step is counted that was counted just before, the processor would wait
/// for that.
const SQUARES: usize = 4;

/// Where a walk can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Start,
    State(State),
    Conversion,
    Null,
}

/// How often journeys took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub from: Place,
    pub to: Place,
    pub times: u64,
    /// Of a step to a conversion: what those were worth together, in minor units.
    pub value_minor: i128,
}

impl Leaving {
    pub(super) fn total(&self) -> u64 {
        self.ends.conversions + self.ends.nulls + self.steps.values().sum::<u64>()
    }
}

impl Ends {
    fn end(&mut self, outcome: Outcome) {
        self.conversions += outcome.conversions;
        self.nulls += outcome.nulls;
        self.value_minor += i128::from(outcome.value_minor);
    }

    fn add(&mut self, other: Self) {
        self.starts += other.starts;
        self.conversions += other.conversions;
        self.nulls += other.nulls;
        self.value_minor += other.value_minor;
    }
}
