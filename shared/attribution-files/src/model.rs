//! Which models there are for files, and what they are called.

use std::str::FromStr;

use attribution::Model;
use attribution::markov::Order;

const HOUR_MS: u64 = 3_600_000;

/// A week, as Google and Adobe have it.
const USUAL_HALF_LIFE_HOURS: u64 = 168;

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
    pub const ALL: [&str; 8] = [
        "FIRST_TOUCH",
        "LAST_TOUCH",
        "LINEAR",
        "TIME_DECAY[:HALF_LIFE_HOURS]",
        "POSITION_BASED[:FIRST/MIDDLE/LAST]",
        "MARKOV[:1 to 4, or AUTO]",
        "SHAPLEY",
        "SHAPLEY_RATE",
    ];

    /// Whether it asks for the times of touches.
    pub(crate) fn needs_times(&self) -> bool {
        matches!(self.way, Way::Single(Model::TimeDecay { .. }))
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
            ("LINEAR", None) => Some(Way::Single(Model::Linear)),
            ("TIME_DECAY", hours) => time_decay(hours),
            ("POSITION_BASED", None) => Some(Way::Single(Model::POSITION_40_20_40)),
            ("POSITION_BASED", Some(shares)) => position_based(shares),
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
    let shares: Vec<u32> = shares.split('/').map(|share| share.parse().ok()).collect::<Option<_>>()?;
    let [first, middle, last] = *shares.as_slice() else { return None };
    let most = 1_000_000;
    let fit = shares.iter().all(|share| *share <= most);
    Some(Way::Single(Model::position_based(first, middle, last).ok().filter(|_| fit)?))
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
        assert_eq!("markov:2".parse::<Choice>().unwrap().name, "MARKOV:2");
        for wrong in ["", "MARKOV:5", "MARKOV:", "SHAPLEY:2", "TIME_DECAY:0", "POSITION_BASED:0/0/0", "GUESS"]
        {
            assert!(way(wrong).unwrap_err().contains("MARKOV[:1 to 4"), "{wrong}");
        }
    }
}
