//! How many channels a state should remember: as many as foretell best what journeys do that were not counted.

use rustc_hash::FxHashMap;

use super::transitions::{Order, State};
use crate::paths::{Channel, Outcome, Paths};

/// Into how many parts the paths are cut; each is foretold from the others.
const PARTS: usize = 5;

/// How well an order foretells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    pub order: Order,
    /// The mean of the logarithms of how likely each journey was held to be; the higher, the better.
    pub log_likelihood: f64,
}

/// How well each order up to `most` foretells journeys that it was not counted from; the first of the best is to be
/// chosen, [`best`].
///
/// What a state was never followed by is as likely as its shorter states hold it, by Witten and Bell's rule.
pub fn fits(paths: Paths<'_>, most: Order) -> Vec<Fit> {
    let orders = (1..=most.get()).filter_map(Order::new);
    orders.map(|order| Fit { order, log_likelihood: foretold(paths, order) }).collect()
}

/// The lowest order of those that foretell best.
pub fn best(fits: &[Fit]) -> Option<Order> {
    let better = |best: Fit, fit: &Fit| if fit.log_likelihood > best.log_likelihood { *fit } else { best };
    let (first, others) = fits.split_first()?;
    Some(others.iter().fold(*first, better).order)
}

fn foretold(paths: Paths<'_>, order: Order) -> f64 {
    let (mut sum, mut journeys) = (0.0, 0_u64);
    for part in 0..PARTS {
        let mut seen = Seen::new(order, paths.channels());
        let apart = |(index, _): &(usize, _)| index % PARTS == part;
        paths.iter().enumerate().filter(|path| !apart(path)).for_each(|(_, path)| seen.learn(path));
        for (_, (passed, outcome)) in paths.iter().enumerate().filter(apart) {
            sum += seen.log_likelihood(passed, outcome);
            journeys += outcome.journeys();
        }
    }
    if journeys == 0 { 0.0 } else { sum / journeys as f64 }
}

/// What can follow a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Channel(Channel),
    Conversion,
    Null,
}

#[derive(Default)]
struct Followed {
    times: u64,
    by: FxHashMap<Next, u64>,
}

/// What followed every state of up to so many channels.
struct Seen {
    order: Order,
    /// By how many channels a state remembers, from 1.
    states: Vec<FxHashMap<State, Followed>>,
    /// Whatever went before.
    anywhere: Followed,
    /// How many different things can follow.
    kinds: f64,
}

impl Seen {
    fn new(order: Order, channels: usize) -> Self {
        let states = (0..order.get()).map(|_| FxHashMap::default()).collect();
        Self { order, states, anywhere: Followed::default(), kinds: channels as f64 + 2.0 }
    }

    /// The states in which a journey is after some channels, from the shortest memory to the longest that they fill; at
    /// its beginning there is one.
    fn states_after(&self, passed: &[Channel]) -> impl Iterator<Item = State> + use<> {
        let recent = passed[passed.len().saturating_sub(usize::from(Order::MOST))..].to_vec();
        let filled = usize::from(self.order.get()).min(recent.len()).max(1);
        (1..=filled).map(move |memory| {
            let kept = recent.iter().skip(recent.len().saturating_sub(memory));
            kept.fold(State::NONE, |state, channel| state.after(*channel, Order::FOURTH))
        })
    }

    fn learn(&mut self, (passed, outcome): (&[Channel], Outcome)) {
        for (at, next, times) in steps(passed, outcome) {
            let states: Vec<State> = self.states_after(&passed[..at]).collect();
            let followed =
                self.states.iter_mut().zip(states).map(|(seen, state)| seen.entry(state).or_default());
            for followed in followed.chain([&mut self.anywhere]) {
                followed.times += times;
                *followed.by.entry(next).or_default() += times;
            }
        }
    }

    fn log_likelihood(&self, passed: &[Channel], outcome: Outcome) -> f64 {
        let likely = |(at, next, times)| times as f64 * self.likelihood(&passed[..at], next).ln();
        steps(passed, outcome).map(likely).sum()
    }

    fn likelihood(&self, passed: &[Channel], next: Next) -> f64 {
        let shortest = self.anywhere.likelihood(next, 1.0 / self.kinds);
        let states = self.states.iter().zip(self.states_after(passed));
        states.fold(shortest, |shorter, (seen, state)| match seen.get(&state) {
            Some(followed) => followed.likelihood(next, shorter),
            None => shorter,
        })
    }
}

impl Followed {
    /// As likely as it was, and as what was never seen is by `otherwise`, which counts as often as anything new came.
    fn likelihood(&self, next: Next, otherwise: f64) -> f64 {
        let (times, kinds) = (self.by.get(&next).copied().unwrap_or(0) as f64, self.by.len() as f64);
        if self.times == 0 { otherwise } else { (times + kinds * otherwise) / (self.times as f64 + kinds) }
    }
}

/// What followed after how many channels, and how often.
fn steps(passed: &[Channel], outcome: Outcome) -> impl Iterator<Item = (usize, Next, u64)> + use<'_> {
    let journeys = outcome.journeys();
    let channels =
        passed.iter().enumerate().map(move |(at, channel)| (at, Next::Channel(*channel), journeys));
    let ends = [(Next::Conversion, outcome.conversions), (Next::Null, outcome.nulls)];
    let ends = ends.into_iter().map(|(next, times)| (passed.len(), next, times));
    channels.chain(ends).filter(|(_, _, times)| *times > 0)
}
