//! Which models there are for files, and what they are called.

use std::collections::BTreeSet;
use std::str::FromStr;

use attribution::markov::Order;
use attribution::{Class, Ends, MarkedModel, Marks, Milestones, Model};

const HOUR_MS: u64 = 3_600_000;

/// A week, as Google and Adobe have it.
const USUAL_HALF_LIFE_HOURS: u64 = 168;

/// What is asked of a file.
#[derive(Clone, Debug)]
pub struct Asked {
    pub models: Vec<Choice>,
    /// The channels by which customers came on their own.
    pub direct: BTreeSet<String>,
    /// The channels that were paid for.
    pub paid: BTreeSet<String>,
}

impl Asked {
    /// These models, where the channel `direct` is direct and none was paid for.
    pub fn of(models: Vec<Choice>) -> Self {
        Self { models, direct: BTreeSet::from(["direct".to_owned()]), paid: BTreeSet::new() }
    }

    pub(crate) fn marks(&self, channel: &str) -> Marks {
        let mark = |of: &BTreeSet<String>, mark| if of.contains(channel) { mark } else { Marks::NONE };
        mark(&self.direct, Marks::DIRECT).and(mark(&self.paid, Marks::PAID))
    }
}

/// A model as somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As typed, in upper case.
    pub name: String,
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By where touches stand in their journey, or how old they are.
    Single(Model),
    /// By what their channels are.
    Marked(MarkedModel),
    /// All to each channel. This adds up to more than there was, and nobody is credited by it.
    Participation,
    Together(Together),
}

/// By what all journeys say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// None where the order is to be found.
    Markov(Option<Order>),
    Shapley,
    ShapleyRate,
}

impl Choice {
    /// What can be asked for, with what can follow a colon.
    pub const ALL: [&str; 18] = [
        "FIRST_TOUCH",
        "LAST_TOUCH",
        "LAST_NON_DIRECT",
        "FIRST_PAID",
        "LAST_PAID",
        "LINEAR",
        "TIME_DECAY[:HALF_LIFE_HOURS]",
        "POSITION_BASED[:FIRST/MIDDLE/LAST]",
        "J",
        "INVERSE_J",
        "U",
        "W",
        "FULL_PATH",
        "CUSTOM:FIRST,SECOND,.../MIDDLE/...,LAST",
        "PARTICIPATION",
        "MARKOV[:1 to 4, or AUTO]",
        "SHAPLEY",
        "SHAPLEY_RATE",
    ];

    /// Whether it asks for the times of touches.
    pub(crate) fn needs_times(&self) -> bool {
        matches!(self.way, Way::Single(Model::TimeDecay { .. }))
    }

    /// Whether it asks which channels were paid for.
    pub(crate) fn needs_paid(&self) -> bool {
        matches!(self.way, Way::Marked(MarkedModel::First(Class::Paid) | MarkedModel::Last(Class::Paid)))
    }

    /// Whether it says what touches are credited.
    pub(crate) fn credits(&self) -> bool {
        self.way != Way::Participation
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let name = typed.to_uppercase();
        let (model, parameter) = match name.split_once(':') {
            Some((model, parameter)) => (model, Some(parameter)),
            None => (name.as_str(), None),
        };
        let way = match (model, parameter) {
            ("FIRST_TOUCH", None) => Some(Way::Single(Model::FirstTouch)),
            ("LAST_TOUCH", None) => Some(Way::Single(Model::LastTouch)),
            ("LAST_NON_DIRECT", None) => Some(Way::Marked(MarkedModel::Last(Class::NotDirect))),
            ("FIRST_PAID", None) => Some(Way::Marked(MarkedModel::First(Class::Paid))),
            ("LAST_PAID", None) => Some(Way::Marked(MarkedModel::Last(Class::Paid))),
            ("LINEAR", None) => Some(Way::Single(Model::Linear)),
            ("TIME_DECAY", hours) => time_decay(hours),
            ("POSITION_BASED", None) => Some(Way::Single(Model::POSITION_40_20_40)),
            ("POSITION_BASED", Some(shares)) => position_based(shares),
            ("J", None) => Some(Way::Single(Model::J)),
            ("INVERSE_J", None) => Some(Way::Single(Model::INVERSE_J)),
            ("U", None) => Some(Way::Marked(MarkedModel::Milestones(Milestones::U))),
            ("W", None) => Some(Way::Marked(MarkedModel::Milestones(Milestones::W))),
            ("FULL_PATH", None) => Some(Way::Marked(MarkedModel::Milestones(Milestones::FULL_PATH))),
            ("CUSTOM", Some(shares)) => custom(shares),
            ("PARTICIPATION", None) => Some(Way::Participation),
            ("MARKOV", None) => Some(Way::Together(Together::Markov(Some(Order::FIRST)))),
            ("MARKOV", Some("AUTO")) => Some(Way::Together(Together::Markov(None))),
            ("MARKOV", Some(order)) => markov(order),
            ("SHAPLEY", None) => Some(Way::Together(Together::Shapley)),
            ("SHAPLEY_RATE", None) => Some(Way::Together(Together::ShapleyRate)),
            _ => None,
        };
        let way = way.ok_or_else(|| format!("must be one of {}", Self::ALL.join(", ")))?;
        Ok(Self { name, way })
    }
}

fn time_decay(hours: Option<&str>) -> Option<Way> {
    let hours = hours.map_or(Some(USUAL_HALF_LIFE_HOURS), |hours| hours.parse().ok())?;
    Some(Way::Single(Model::time_decay(hours.checked_mul(HOUR_MS)?).ok()?))
}

fn markov(order: &str) -> Option<Way> {
    let order = Order::new(order.parse().ok()?)?;
    Some(Way::Together(Together::Markov(Some(order))))
}

fn position_based(shares: &str) -> Option<Way> {
    let shares: Vec<u32> = shares.split('/').map(share).collect::<Option<_>>()?;
    let [first, middle, last] = *shares.as_slice() else { return None };
    Some(Way::Single(Model::position_based(first, middle, last).ok()?))
}

fn custom(shares: &str) -> Option<Way> {
    let parts: Vec<&str> = shares.split('/').collect();
    let [first, middle, last] = *parts.as_slice() else { return None };
    let ends = |shares: &str| {
        let shares: Vec<u32> = shares.split(',').map(share).collect::<Option<_>>()?;
        Ends::new(&shares)
    };
    Some(Way::Single(Model::Custom { first: ends(first)?, middle: share(middle)?, last: ends(last)? }))
}

fn share(text: &str) -> Option<u32> {
    text.parse().ok().filter(|share| *share <= 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_asked_for_by_name_and_parameter_in_any_case() {
        let way = |typed: &str| typed.parse::<Choice>().map(|choice| choice.way);
        assert_eq!(way("linear"), Ok(Way::Single(Model::Linear)));
        assert_eq!(way("markov:3"), Ok(Way::Together(Together::Markov(Order::new(3)))));
        assert_eq!(way("MARKOV:auto"), Ok(Way::Together(Together::Markov(None))));
        assert_eq!(way("TIME_DECAY"), way("time_decay:168"));
        assert_eq!(way("position_based:40/20/40"), Ok(Way::Single(Model::POSITION_40_20_40)));
        assert_eq!(way("J"), way("POSITION_BASED:20/20/60"));
        assert_eq!(way("U"), Ok(Way::Marked(MarkedModel::Milestones(Milestones::U))));
        let ends = |shares: &[u32]| Ends::new(shares).unwrap();
        let custom = Model::Custom { first: ends(&[30, 10]), middle: 20, last: ends(&[40]) };
        assert_eq!(way("custom:30,10/20/40"), Ok(Way::Single(custom)));
        assert_eq!("markov:2".parse::<Choice>().unwrap().name, "MARKOV:2");
        let wrong = ["", "MARKOV:5", "MARKOV:", "SHAPLEY:2", "TIME_DECAY:0", "POSITION_BASED:0/0/0", "GUESS"];
        for wrong in wrong.into_iter().chain(["CUSTOM", "CUSTOM:1/2", "CUSTOM:1,2,3,4,5/1/1", "U:1"]) {
            assert!(way(wrong).unwrap_err().contains("MARKOV[:1 to 4"), "{wrong}");
        }
    }
}
