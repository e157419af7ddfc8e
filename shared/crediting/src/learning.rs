//! What channels are worth, learned from what all journeys came to.
//!
//! Journeys are counted in parts, of which each gives [`Counts`]; those add up to the same however the journeys were cut.
//! A journey is the channels of the touches that count for a conversion, or, of a customer who did not convert, of those
//! that would count if it did with its last touch.

use std::collections::BTreeMap;

use attribution::markov::{Order, Place, State, Step, Transitions};
use attribution::shapley::{Coalitions, Sharing};
use attribution::{Channel, ChannelWeights, MAX_CHANNELS, Outcome, PathsBuf};
use domain::learned::{Counts, Learned, Method, NothingLearned, Worth};
use domain::run::RunConfig;
use domain::time::Timestamp;

use crate::Touch;
use crate::counted::counted;
use crate::story::Story;

/// So many channels are told apart at most.
const MOST_CHANNELS: usize = 500;

/// Keys of counts that no channel is called.
const CONVERSIONS: &str = "=conversions";
const NULLS: &str = "=nulls";
const TOO_MANY: &str = "=too many channels";
const START: &str = "=start";
const CONVERSION: &str = "=conversion";
const NULL: &str = "=null";

/// Journeys that are being counted.
pub struct Lessons<'a> {
    config: &'a RunConfig,
    channels: BTreeMap<String, Channel>,
    paths: PathsBuf,
    /// A channel more than can be numbered was met.
    is_full: bool,
}

impl<'a> Lessons<'a> {
    pub fn of(config: &'a RunConfig) -> Self {
        Self { config, channels: BTreeMap::new(), paths: PathsBuf::new(), is_full: false }
    }

    /// Counts what a customer's touches had come to at the moment of a conversion.
    pub fn converted(&mut self, at: Timestamp, story: &Story) {
        self.count(at, story, Outcome::converted(0));
    }

    /// Counts a customer who did not convert.
    pub fn not_converted(&mut self, story: &Story) {
        if let Some(at) = story.last_touch() {
            self.count(at, story, Outcome::NULL);
        }
    }

    fn count(&mut self, end: Timestamp, story: &Story, outcome: Outcome) {
        let touches = counted(self.config, end, story);
        let passed: Option<Vec<Channel>> = touches.iter().map(|touch| self.channel(touch.step())).collect();
        let is_pushed = passed.is_some_and(|passed| self.paths.push(&passed, outcome).is_ok());
        self.is_full |= !is_pushed;
    }

    /// The number of a channel.
    fn channel(&mut self, name: &str) -> Option<Channel> {
        if let Some(known) = self.channels.get(name) {
            return Some(*known);
        }
        let next = self.channels.len();
        let number = Channel::try_from(next).ok().filter(|_| next < MAX_CHANNELS)?;
        self.channels.insert(name.to_owned(), number);
        Some(number)
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let paths = self.paths.as_paths();
        for (_, outcome) in paths.iter().filter(|(passed, _)| !passed.is_empty()) {
            counts.add(CONVERSIONS.to_owned(), outcome.conversions);
            counts.add(NULLS.to_owned(), outcome.nulls);
        }
        if self.is_full {
            counts.add(TOO_MANY.to_owned(), 1);
        }
        let mut names = vec![""; self.channels.len()];
        self.channels.iter().for_each(|(name, number)| names[usize::from(*number)] = name);
        let name = |channel: Channel| names[usize::from(channel)];
        match self.config.learning.method {
            Method::Markov => {
                for step in Transitions::count(order(self.config), paths).steps() {
                    let place = |place| match place {
                        Place::Start => START.to_owned(),
                        Place::State(state) => state.channels().map(name).collect::<Vec<_>>().join(","),
                        Place::Conversion => CONVERSION.to_owned(),
                        Place::Null => NULL.to_owned(),
                    };
                    counts.add(format!("{}>{}", place(step.from), place(step.to)), step.times);
                }
            }
            Method::Shapley => {
                // Those too that no conversion came by.
                names.iter().for_each(|name| counts.add(format!("{name}/0"), 0));
                for sharing in Coalitions::count(paths).sharings() {
                    counts.add(format!("{}/{}", name(sharing.channel), sharing.sharers), sharing.conversions);
                }
            }
        }
        counts
    }
}

fn order(config: &RunConfig) -> Order {
    Order::new(config.learning.order).unwrap_or(Order::FIRST)
}

/// What the counts of all parts come to.
pub fn learned(config: &RunConfig, counts: &Counts) -> Learned {
    let count = |what: &str| counts.0.get(what).copied().unwrap_or(0);
    let learned = Learned { conversions: count(CONVERSIONS), nulls: count(NULLS), ..Learned::default() };
    let names = names(counts);
    let worth = if count(TOO_MANY) > 0 || names.len() > MOST_CHANNELS {
        Err(NothingLearned::TooManyChannels)
    } else if learned.conversions < u64::from(config.learning.least_conversions) {
        Err(NothingLearned::TooFewConversions)
    } else {
        match config.learning.method {
            Method::Markov => removal_effects(order(config), &names, counts),
            Method::Shapley => Ok(shares(&names, counts)),
        }
    };
    match worth.and_then(|worth| worths(&names, &worth, config.learning.method)) {
        Ok(channels) => Learned { channels, ..learned },
        // How many journeys were counted then depends on how they were cut.
        Err(nothing @ NothingLearned::TooManyChannels) => {
            Learned { nothing: Some(nothing), ..Learned::default() }
        }
        Err(nothing) => Learned { nothing: Some(nothing), ..learned },
    }
}

/// The channels that were counted, in the order of their names, which numbers them alike whoever counted first.
fn names(counts: &Counts) -> Vec<&str> {
    let of_steps = counts.0.keys().filter(|what| what.contains('>')).flat_map(|what| what.split(['>', ',']));
    let of_sharings = counts.0.keys().filter_map(|what| Some(what.split_once('/')?.0));
    let mut names: Vec<&str> = of_steps.chain(of_sharings).filter(|name| !name.starts_with('=')).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn number(names: &[&str], name: &str) -> Option<Channel> {
    Channel::try_from(names.binary_search(&name).ok()?).ok()
}

fn removal_effects(order: Order, names: &[&str], counts: &Counts) -> Result<Vec<f64>, NothingLearned> {
    let place = |text: &str| match text {
        START => Some(Place::Start),
        CONVERSION => Some(Place::Conversion),
        NULL => Some(Place::Null),
        state => {
            let channels: Option<Vec<_>> = state.split(',').map(|name| number(names, name)).collect();
            Some(Place::State(State::of(&channels?)))
        }
    };
    let mut transitions = Transitions::new(order);
    for (what, times) in &counts.0 {
        if let Some((from, to)) = what.split_once('>')
            && let Some((from, to)) = place(from).zip(place(to))
        {
            transitions.add_step(Step { from, to, times: *times, value_minor: 0 });
        }
    }
    let effects = transitions.effects().map_err(|_| NothingLearned::Unsolved)?;
    Ok(effects.of.iter().map(|effect| effect.conversions).collect())
}

fn shares(names: &[&str], counts: &Counts) -> Vec<f64> {
    let mut coalitions = Coalitions::default();
    for (what, conversions) in &counts.0 {
        if let Some((name, sharers)) = what.split_once('/')
            && let Some((channel, sharers)) = number(names, name).zip(sharers.parse().ok())
        {
            let conversions = *conversions;
            coalitions.add_sharing(Sharing { channel, place: 0, sharers, conversions, value_minor: 0 });
        }
    }
    coalitions.parts().iter().map(|part| part.conversions).collect()
}

fn worths(names: &[&str], worth: &[f64], method: Method) -> Result<BTreeMap<String, Worth>, NothingLearned> {
    let all: f64 = worth.iter().sum();
    if all <= 0.0 {
        return Err(NothingLearned::NoChannelMatters);
    }
    let weights = ChannelWeights::of(worth);
    let of = |((name, worth), weight): ((&&str, &f64), &u64)| {
        let removal_ppb = (method == Method::Markov).then(|| billionths(*worth));
        ((*name).to_owned(), Worth { weight: *weight, share_ppb: billionths(worth / all), removal_ppb })
    };
    Ok(names.iter().zip(worth).zip(weights.whole()).map(of).collect())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a billion")]
fn billionths(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1e9).round() as u64
}

/// What was learned, as touches are weighed by it.
pub(crate) struct Taught {
    names: Vec<String>,
    weights: ChannelWeights,
}

impl Taught {
    pub(crate) fn of(learned: Option<&Learned>) -> Self {
        let channels = learned.map(|learned| &learned.channels);
        let (names, weights): (Vec<_>, Vec<_>) =
            channels.into_iter().flatten().map(|(name, worth)| (name.clone(), worth.weight)).unzip();
        Self { names, weights: weights.into() }
    }

    /// None if nothing was learned of any of these touches' channels, or only that they are worth nothing.
    pub(crate) fn weights(&self, touches: &[Touch]) -> Option<Vec<u64>> {
        let number = |touch: &Touch| {
            let known = self
                .names
                .binary_search_by(|name| name.as_str().cmp(touch.step()))
                .unwrap_or(self.names.len());
            Channel::try_from(known).unwrap_or(Channel::MAX)
        };
        let passed: Vec<Channel> = touches.iter().map(number).collect();
        let mut weights = Vec::new();
        self.weights.weights_into(&passed, &mut weights);
        weights.iter().any(|weight| *weight > 0).then_some(weights)
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{ExternalId, FactId, TenantId};
    use domain::learned::Learning;
    use domain::run::ModelCode;
    use domain::source::Source;

    use super::*;

    fn touch(channel: usize) -> Touch {
        let id = ExternalId::parse(&channel.to_string()).unwrap();
        let id = FactId::interaction(&TenantId::parse("demo").unwrap(), Source::Api, &id);
        Touch::on(id, Timestamp::from_ms(1), &format!("c{channel}"))
    }

    /// So many customers, each on a channel of its own, of whom every second converts.
    fn counted(config: &RunConfig, channels: impl Iterator<Item = usize>) -> Counts {
        let mut lessons = Lessons::of(config);
        for channel in channels {
            match channel % 2 {
                0 => lessons.converted(Timestamp::from_ms(2), &Story::of(vec![touch(channel)], Vec::new())),
                _ => lessons.not_converted(&Story::of(vec![touch(channel)], Vec::new())),
            }
        }
        lessons.counts()
    }

    #[test]
    fn however_many_channels_the_same_is_learned_of_the_parts_as_of_the_whole() {
        for method in Method::ALL {
            let learning = Learning { method, least_conversions: 1, ..Learning::default() };
            let config = RunConfig { learning, ..RunConfig::usual(ModelCode::DataDriven) };
            for (channels, is_too_many) in [(MOST_CHANNELS, false), (MOST_CHANNELS + 1, true)] {
                let whole = learned(&config, &counted(&config, 0..channels));
                let mut counts = Counts::default();
                for part in 0..7 {
                    counts.merge(counted(&config, (part..channels).step_by(7)));
                }
                assert_eq!(learned(&config, &counts), whole);
                assert_eq!(whole.nothing == Some(NothingLearned::TooManyChannels), is_too_many, "{method:?}");
                assert!(is_too_many || whole.channels.len() == channels);
            }
        }
    }
}
