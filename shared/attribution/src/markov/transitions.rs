//! What journeys did, counted.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Effects;
use super::chain::{Chain, Unsolved};
use crate::paths::{Channel, Outcome, Paths};

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

    /// The channels, oldest first.
    pub fn channels(self) -> impl Iterator<Item = Channel> {
        let lane = move |index: u32| u16::try_from(self.0 >> (16 * index) & 0xffff).unwrap_or(0);
        (0..u32::from(Order::MOST)).rev().filter_map(move |index| lane(index).checked_sub(1))
    }
}

/// What left one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaving {
    /// How many journeys began with it.
    pub starts: u64,
    pub conversions: u64,
    pub nulls: u64,
    pub value_minor: i128,
    /// How often which state followed; never itself, which changes nothing about where a walk ends.
    pub steps: BTreeMap<State, u64>,
}

/// How often journeys went from which state to which, and where they ended. Parts that were counted apart are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitions {
    order: Order,
    channels: usize,
    states: BTreeMap<State, Leaving>,
}

impl Transitions {
    /// Counts paths. Such without a channel, or that nobody went, count for nothing.
    pub fn count(order: Order, paths: Paths<'_>) -> Self {
        let dense = paths.channels() <= MOST_DENSE && order == Order::FIRST;
        let states = if dense { count_dense(paths) } else { count_sparse(order, paths) };
        Self { order, channels: paths.channels(), states }
    }

    pub fn order(&self) -> Order {
        self.order
    }

    /// Adds what was counted elsewhere.
    ///
    /// # Panics
    ///
    /// If it was counted by another order.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.order, other.order, "counts of one order");
        self.channels = self.channels.max(other.channels);
        for (state, leaving) in &other.states {
            let here = self.states.entry(*state).or_default();
            here.starts += leaving.starts;
            here.conversions += leaving.conversions;
            here.nulls += leaving.nulls;
            here.value_minor += leaving.value_minor;
            leaving.steps.iter().for_each(|(to, count)| *here.steps.entry(*to).or_default() += count);
        }
    }

    /// Solves the chain.
    pub fn effects(&self) -> Result<Effects, Unsolved> {
        Chain::of(&self.states).effects(self.order, self.channels)
    }

    /// How likely each step is: from a state, or the start, to a state, or to one of the two ends.
    pub fn probabilities(&self) -> impl Iterator<Item = (Place, Place, f64)> + '_ {
        let starts: u64 = self.states.values().map(|leaving| leaving.starts).sum();
        let begin = self.states.iter().map(move |(state, leaving)| {
            (Place::Start, Place::State(*state), super::ratio(leaving.starts, starts))
        });
        let leave = self.states.iter().flat_map(|(state, leaving)| {
            let ends = [(Place::Conversion, leaving.conversions), (Place::Null, leaving.nulls)];
            let steps = leaving.steps.iter().map(|(to, count)| (Place::State(*to), *count));
            let all = leaving.total();
            steps.chain(ends).map(move |(to, count)| (Place::State(*state), to, super::ratio(count, all)))
        });
        begin.chain(leave).filter(|(_, _, probability)| *probability > 0.0)
    }
}

/// Where a walk can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Start,
    State(State),
    Conversion,
    Null,
}

impl Leaving {
    pub(super) fn total(&self) -> u64 {
        self.conversions + self.nulls + self.steps.values().sum::<u64>()
    }

    fn end(&mut self, outcome: Outcome) {
        self.conversions += outcome.conversions;
        self.nulls += outcome.nulls;
        self.value_minor += i128::from(outcome.value_minor);
    }
}

/// Up to so many channels the steps of order 1 are counted in a square.
const MOST_DENSE: usize = 1_024;

/// Squares that journeys take turns with: where a step is counted that was counted just before, the processor would wait
/// for that.
const SQUARES: usize = 4;

/// Order 1: no state need be looked up. Steps to itself are counted too, and dropped at the end.
fn count_dense(paths: Paths<'_>) -> BTreeMap<State, Leaving> {
    let channels = paths.channels();
    let mut steps = vec![0_u64; channels * channels * SQUARES];
    let mut squares: Vec<&mut [u64]> = steps.chunks_mut((channels * channels).max(1)).collect();
    let mut ends = vec![Leaving::default(); channels];
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
    let mut states = BTreeMap::new();
    for (from, mut leaving) in ends.into_iter().enumerate() {
        let counted = |to: usize| squares.iter().map(|square| square[from * channels + to]).sum::<u64>();
        let others = (0..channels).filter(|to| *to != from);
        leaving.steps = others.map(|to| (state(to), counted(to))).filter(|(_, count)| *count > 0).collect();
        let entered =
            (0..channels).any(|other| squares.iter().any(|square| square[other * channels + from] > 0));
        if leaving.starts > 0 || entered {
            states.insert(state(from), leaving);
        }
    }
    states
}

fn count_sparse(order: Order, paths: Paths<'_>) -> BTreeMap<State, Leaving> {
    let mut ends: FxHashMap<State, Leaving> = FxHashMap::default();
    let mut steps: FxHashMap<(State, State), u64> = FxHashMap::default();
    for (passed, outcome) in paths.iter() {
        let journeys = outcome.journeys();
        if passed.is_empty() || journeys == 0 {
            continue;
        }
        // Until there are as many channels as a state remembers, there is no state yet; a shorter path is one.
        let (first, rest) = passed.split_at(passed.len().min(usize::from(order.0)));
        let mut at = first.iter().fold(State::NONE, |state, channel| state.after(*channel, order));
        ends.entry(at).or_default().starts += journeys;
        for channel in rest {
            let to = at.after(*channel, order);
            if to != at {
                *steps.entry((at, to)).or_default() += journeys;
            }
            at = to;
        }
        ends.entry(at).or_default().end(outcome);
    }
    let mut states: BTreeMap<State, Leaving> = ends.into_iter().collect();
    for ((from, to), count) in steps {
        states.entry(from).or_default().steps.insert(to, count);
        states.entry(to).or_default();
    }
    states
}
