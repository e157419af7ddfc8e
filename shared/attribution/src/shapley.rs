//! What each channel adds to the conversions of any set of channels: Shapley values.
//!
//! A conversion counts for a set of channels if its journey passed no other. The value of that game is shared as Shapley
//! says, which comes to this: each journey's conversion in equal parts to the channels it passed, however often (Zhao,
//! Mahboobi-Bagheri, *Shapley value methods for attribution modeling*, 2018). So nothing is negative, the parts add up to
//! all there is, and no set of channels need be enumerated. Journeys that did not convert count for nothing.
//!
//! [`Coalitions`] counts, by whole numbers that add up in any order; what is computed of them has the same bits however
//! the journeys are cut into pieces. Where journeys without a conversion are to count, and the order in which channels
//! come does not matter, [`Rates`] takes the share of journeys that converted for the value of a set.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::paths::{Channel, Outcome, Paths, count_of};

/// Conversions, or their value, by how many channels shared each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shared {
    conversions: u64,
    value_minor: i128,
}

/// A channel's part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    pub conversions: f64,
    /// In minor units.
    pub value: f64,
}

/// How many conversions a channel shared, in its place among the channels that they passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    pub channel: Channel,
    /// From 0.
    pub place: usize,
    /// How many different channels the journeys passed.
    pub sharers: usize,
    pub conversions: u64,
    /// In minor units.
    pub value_minor: i128,
}

/// What journeys that converted came to, by channel, place among the channels they passed, and number of those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coalitions {
    channels: usize,
    shared: FxHashMap<(Channel, usize, usize), Shared>,
}

impl Coalitions {
    /// Counts paths: [`Self::add`] to nothing.
    pub fn count(paths: Paths<'_>) -> Self {
        let mut counted = Self::default();
        counted.add(paths);
        counted
    }

    /// Counts more paths. Such without a channel, or without a conversion, count for nothing.
    pub fn add(&mut self, paths: Paths<'_>) {
        self.channels = self.channels.max(paths.channels());
        let mut passed_once = Vec::new();
        for (passed, outcome) in paths.iter().filter(|(_, outcome)| outcome.conversions > 0) {
            distinct(passed, &mut passed_once);
            for (place, channel) in passed_once.iter().enumerate() {
                let here = self.shared.entry((*channel, place, passed_once.len())).or_default();
                here.conversions += outcome.conversions;
                here.value_minor += i128::from(outcome.value_minor);
            }
        }
    }

    /// What was counted, in order. So counts can be kept and sent.
    pub fn sharings(&self) -> Vec<Sharing> {
        let of = |((channel, place, sharers), shared): (&(Channel, usize, usize), &Shared)| Sharing {
            channel: *channel,
            place: *place,
            sharers: *sharers,
            conversions: shared.conversions,
            value_minor: shared.value_minor,
        };
        self.shared.iter().collect::<BTreeMap<_, _>>().into_iter().map(of).collect()
    }

    /// Counts so much more.
    pub fn add_sharing(&mut self, sharing: Sharing) {
        self.channels = self.channels.max(usize::from(sharing.channel) + 1);
        let here = self.shared.entry((sharing.channel, sharing.place, sharing.sharers.max(1))).or_default();
        here.conversions += sharing.conversions;
        here.value_minor += sharing.value_minor;
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.channels = self.channels.max(other.channels);
        for (of, shared) in &other.shared {
            let here = self.shared.entry(*of).or_default();
            here.conversions += shared.conversions;
            here.value_minor += shared.value_minor;
        }
    }

    /// The same with other numbers for the channels: channel `c` becomes `numbers[c]`.
    ///
    /// # Panics
    ///
    /// If there are fewer numbers than channels.
    pub fn renumbered(&self, numbers: &[Channel]) -> Self {
        let renumbered = |((channel, place, sharers), shared): (&(Channel, usize, usize), &Shared)| {
            ((numbers[usize::from(*channel)], *place, *sharers), *shared)
        };
        let shared: FxHashMap<_, _> = self.shared.iter().map(renumbered).collect();
        Self { channels: count_of(numbers, self.channels), shared }
    }

    /// Each channel's Shapley value.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::default(); self.channels];
        // By how many share, so that what is divided is as large as can be.
        let mut by_sharers: BTreeMap<(Channel, usize), Shared> = BTreeMap::new();
        for ((channel, _, sharers), shared) in &self.shared {
            let here = by_sharers.entry((*channel, *sharers)).or_default();
            here.conversions += shared.conversions;
            here.value_minor += shared.value_minor;
        }
        for ((channel, sharers), shared) in by_sharers {
            shared.add_to(&mut parts[usize::from(channel)], sharers);
        }
        parts
    }

    /// The same by the place that the channel had among those passed, from 0: what it adds as the first channel of a
    /// journey, as the second, and so on. The places of a channel add up to its Shapley value.
    pub fn parts_by_place(&self) -> BTreeMap<(Channel, usize), Part> {
        let mut parts: BTreeMap<(Channel, usize), Part> = BTreeMap::new();
        for ((channel, place, sharers), shared) in self.shared.iter().collect::<BTreeMap<_, _>>() {
            shared.add_to(parts.entry((*channel, *place)).or_default(), *sharers);
        }
        parts
    }
}

impl Shared {
    fn add_to(self, part: &mut Part, sharers: usize) {
        part.conversions += self.conversions as f64 / sharers as f64;
        part.value += self.value_minor as f64 / sharers as f64;
    }
}

/// Replaces `out` by the channels passed, each once, in the order in which they came first.
fn distinct(passed: &[Channel], out: &mut Vec<Channel>) {
    out.clear();
    for channel in passed {
        if !out.contains(channel) {
            out.push(*channel);
        }
    }
}

/// Among how many channels all sets are looked at; the rest are taken for one.
pub const MOST_APART: usize = 20;

/// Journeys by the set of channels they passed, and how many of them converted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    channels: usize,
    sets: FxHashMap<Vec<Channel>, Counted>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    conversions: u64,
    journeys: u64,
}

/// What [`Rates`] come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateShares {
    /// Each channel's share of all conversions, from 0 to 1.
    pub shares: Vec<f64>,
    /// Channels without which journeys converted more often: their share is 0, and that of the others what remains.
    pub negative: Vec<Channel>,
    /// Channels that were taken for one, since there are more than can be told apart.
    pub taken_for_one: Vec<Channel>,
}

impl Rates {
    /// Counts paths: [`Self::add`] to nothing.
    pub fn count(paths: Paths<'_>) -> Self {
        let mut counted = Self::default();
        counted.add(paths);
        counted
    }

    /// Counts more paths. Such without a channel count for nothing.
    pub fn add(&mut self, paths: Paths<'_>) {
        self.channels = self.channels.max(paths.channels());
        let mut set = Vec::new();
        for (passed, outcome) in paths.iter().filter(|(passed, _)| !passed.is_empty()) {
            distinct(passed, &mut set);
            set.sort_unstable();
            match self.sets.get_mut(&set) {
                Some(counted) => counted.add(outcome),
                None => self.sets.entry(set.clone()).or_default().add(outcome),
            }
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.channels = self.channels.max(other.channels);
        for (set, counted) in &other.sets {
            let here = self.sets.entry(set.clone()).or_default();
            here.conversions += counted.conversions;
            here.journeys += counted.journeys;
        }
    }

    /// The same with other numbers for the channels: channel `c` becomes `numbers[c]`.
    ///
    /// # Panics
    ///
    /// If there are fewer numbers than channels.
    pub fn renumbered(&self, numbers: &[Channel]) -> Self {
        let renumbered = |(set, counted): (&Vec<Channel>, &Counted)| {
            let mut set: Vec<Channel> = set.iter().map(|channel| numbers[usize::from(*channel)]).collect();
            set.sort_unstable();
            (set, *counted)
        };
        let sets: FxHashMap<_, _> = self.sets.iter().map(renumbered).collect();
        Self { channels: count_of(numbers, self.channels), sets }
    }

    /// Each channel's share, by the Shapley value of how often journeys converted that passed no channel out of a set.
    pub fn shares(&self) -> RateShares {
        let (numbers, taken_for_one) = self.numbered();
        let players = numbers.iter().map(|number| number + 1).max().unwrap_or(0);
        let rates = self.rates(&numbers, players);
        let values: Vec<f64> = (0..players).map(|player| shapley(&rates, players, player)).collect();
        let kept: f64 = values.iter().filter(|value| **value > 0.0).sum();
        let share = |number: &usize| {
            let sharers = numbers.iter().filter(|other| *other == number).count();
            let value = values[*number].max(0.0) / sharers as f64;
            if kept > 0.0 { value / kept } else { 0.0 }
        };
        let negative = (0..).zip(&numbers).filter(|(_, number)| values[**number] < 0.0);
        RateShares {
            shares: numbers.iter().map(share).collect(),
            negative: negative.map(|(channel, _)| channel).collect(),
            taken_for_one,
        }
    }

    /// Which player each channel is: the most travelled ones each their own, the others one together.
    fn numbered(&self) -> (Vec<usize>, Vec<Channel>) {
        let mut journeys = vec![0_u64; self.channels];
        for (set, counted) in &self.sets {
            set.iter().for_each(|channel| journeys[usize::from(*channel)] += counted.journeys);
        }
        if self.channels <= MOST_APART {
            return ((0..self.channels).collect(), Vec::new());
        }
        let mut by_travel: Vec<usize> = (0..self.channels).collect();
        by_travel.sort_by_key(|channel| (u64::MAX - journeys[*channel], *channel));
        let mut numbers = vec![MOST_APART - 1; self.channels];
        by_travel
            .iter()
            .take(MOST_APART - 1)
            .enumerate()
            .for_each(|(number, channel)| numbers[*channel] = number);
        let rest = (0..).zip(&numbers).filter(|(_, number)| **number == MOST_APART - 1);
        let rest = rest.map(|(channel, _)| channel).collect();
        (numbers, rest)
    }

    /// By set of players, one bit each: how often journeys converted that passed no other.
    fn rates(&self, numbers: &[usize], players: usize) -> Vec<f64> {
        let mut within = vec![(0_u64, 0_u64); 1 << players];
        for (set, counted) in &self.sets {
            let bits = set.iter().fold(0_usize, |bits, channel| bits | 1 << numbers[usize::from(*channel)]);
            within[bits].0 += counted.conversions;
            within[bits].1 += counted.journeys;
        }
        for player in 0..players {
            for set in (0..within.len()).filter(|set| set & 1 << player != 0) {
                let (conversions, journeys) = within[set ^ 1 << player];
                within[set].0 += conversions;
                within[set].1 += journeys;
            }
        }
        let rate = |(conversions, journeys): (u64, u64)| {
            if journeys == 0 { 0.0 } else { conversions as f64 / journeys as f64 }
        };
        within.into_iter().map(rate).collect()
    }
}

impl Counted {
    fn add(&mut self, outcome: Outcome) {
        self.conversions += outcome.conversions;
        self.journeys += outcome.journeys();
    }
}

/// `Σ |S|! (n − |S| − 1)! / n! · (v(S + player) − v(S))` over all sets without the player.
fn shapley(values: &[f64], players: usize, player: usize) -> f64 {
    // How likely a set of each size stands before the player in a random order.
    let mut weight = 1.0 / players as f64;
    let weights: Vec<f64> = (0..players)
        .map(|size| {
            let this = weight;
            weight *= (size + 1) as f64 / (players - size).saturating_sub(1).max(1) as f64;
            this
        })
        .collect();
    let without = (0..values.len()).filter(|set| set & 1 << player == 0);
    without
        .map(|set| {
            let before = set.count_ones() as usize;
            weights[before] * (values[set | 1 << player] - values[set])
        })
        .sum()
}
