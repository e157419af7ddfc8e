//! What models count of paths, a block of them after another, and what that comes to.

use std::collections::BTreeMap;

use attribution::markov::{self, Effect, Order, Place, Transitions, Unsolved};
use attribution::shapley::{Coalitions, Rates};
use attribution::{
    Channel, ChannelWeights, MarkedModel, Marks, Model, Paths, PathsBuf, PathsError, split_into,
};
use rustc_hash::FxHashMap;

use crate::model::{Together, Way};

/// What a channel comes to: conversions, and the smallest units of value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    pub conversions: f64,
    pub minor: f64,
}

/// What one model counts.
pub(crate) enum Tally {
    Position(ByPosition),
    Marked(MarkedModel, Sums),
    Participation(Sums),
    Markov(Transitions),
    /// The order is found once all paths are there.
    MarkovOfAnyOrder(Box<PathsBuf>),
    Shapley(Coalitions),
    ShapleyRate(Box<Rates>, Total),
}

/// What all journeys that passed a channel came to.
#[derive(Default)]
pub(crate) struct Total {
    conversions: u64,
    minor: i128,
}

/// What a model says.
#[derive(Default)]
pub(crate) struct Said {
    /// By channel.
    pub parts: Vec<Part>,
    pub removal: Option<Vec<Effect>>,
    pub steps: Vec<(Place, Place, f64)>,
    /// What each channel weighs in a journey, where not its place or age decides.
    pub weights: Option<ChannelWeights>,
    pub remark: Remark,
}

/// What people should know of how it came about.
#[derive(Default)]
pub(crate) enum Remark {
    #[default]
    None,
    OrderFound(Order),
    Rates {
        negative: Vec<Channel>,
        taken_for_one: Vec<Channel>,
    },
}

impl Tally {
    pub(crate) fn of(way: Way) -> Self {
        match way {
            Way::Single(model) => Self::Position(ByPosition::of(model)),
            Way::Marked(model) => Self::Marked(model, Sums::default()),
            Way::Participation => Self::Participation(Sums::default()),
            Way::Together(Together::Markov(Some(order))) => Self::Markov(Transitions::new(order)),
            Way::Together(Together::Markov(None)) => Self::MarkovOfAnyOrder(Box::default()),
            Way::Together(Together::Shapley) => Self::Shapley(Coalitions::default()),
            Way::Together(Together::ShapleyRate) => Self::ShapleyRate(Box::default(), Total::default()),
        }
    }

    /// Counts more paths, over channels with these marks.
    pub(crate) fn add(&mut self, paths: Paths<'_>, marks: &[Marks]) -> Result<(), PathsError> {
        match self {
            Self::Position(counted) => counted.add(paths),
            Self::Marked(model, sums) => sums.add_marked(*model, paths, marks),
            Self::Participation(sums) => sums.add_to_each(paths),
            Self::Markov(counted) => counted.add(paths),
            Self::MarkovOfAnyOrder(all) => all.extend(paths)?,
            Self::Shapley(counted) => counted.add(paths),
            Self::ShapleyRate(counted, total) => {
                counted.add(paths);
                for (_, outcome) in paths.iter().filter(|(passed, _)| !passed.is_empty()) {
                    total.conversions += outcome.conversions;
                    total.minor += i128::from(outcome.value_minor);
                }
            }
        }
        Ok(())
    }

    /// What comes of it once channel `c` is called `numbers[c]`.
    pub(crate) fn said(mut self, numbers: &[Channel]) -> Result<Said, Unsolved> {
        match self {
            Self::Position(counted) => Ok(Said { parts: counted.parts(numbers), ..Said::default() }),
            Self::Marked(_, sums) | Self::Participation(sums) => {
                Ok(Said { parts: sums.parts(numbers), ..Said::default() })
            }
            Self::Markov(counted) => markov(&counted.renumbered(numbers)),
            Self::MarkovOfAnyOrder(ref mut all) => {
                all.renumber(numbers);
                let paths = all.as_paths();
                let order = markov::best(&markov::fits(paths, Order::FOURTH)).unwrap_or(Order::FIRST);
                let said = markov(&Transitions::count(order, paths))?;
                Ok(Said { remark: Remark::OrderFound(order), ..said })
            }
            Self::Shapley(counted) => {
                let parts = counted.renumbered(numbers).parts();
                // Its channels share each journey equally.
                let weights = Some(ChannelWeights::of(&vec![1.0; parts.len()]));
                let part = |part: &attribution::shapley::Part| Part {
                    conversions: part.conversions,
                    minor: part.value,
                };
                Ok(Said { parts: parts.iter().map(part).collect(), weights, ..Said::default() })
            }
            Self::ShapleyRate(counted, total) => {
                let found = counted.renumbered(numbers).shares();
                let part = |share: &f64| Part {
                    conversions: total.conversions as f64 * share,
                    minor: total.minor as f64 * share,
                };
                Ok(Said {
                    parts: found.shares.iter().map(part).collect(),
                    weights: Some(ChannelWeights::of(&found.shares)),
                    remark: Remark::Rates { negative: found.negative, taken_for_one: found.taken_for_one },
                    ..Said::default()
                })
            }
        }
    }
}

fn markov(counted: &Transitions) -> Result<Said, Unsolved> {
    let effects = counted.effects()?;
    let parts = effects.conversions().into_iter().zip(effects.values());
    Ok(Said {
        parts: parts.map(|(conversions, minor)| Part { conversions, minor }).collect(),
        steps: counted.probabilities(),
        weights: Some(ChannelWeights::of(&effects.of.iter().map(|effect| effect.value).collect::<Vec<_>>())),
        removal: Some(effects.of),
        remark: Remark::None,
    })
}

/// Weighs the touches of each path by where they stand. Paths of one length have the same weights, so that all is added
/// up in whole numbers before anything is divided.
pub(crate) struct ByPosition {
    model: Model,
    by_length: FxHashMap<usize, OfLength>,
}

#[derive(Default)]
struct OfLength {
    weights: Vec<u64>,
    conversions: Vec<u128>,
    minor: Vec<i128>,
}

impl ByPosition {
    fn of(model: Model) -> Self {
        Self { model, by_length: FxHashMap::default() }
    }

    fn add(&mut self, paths: Paths<'_>) {
        for of_length in self.by_length.values_mut() {
            of_length.make_room(paths.channels());
        }
        for (passed, outcome) in paths.iter().filter(|(_, outcome)| outcome.conversions > 0) {
            let of_length = self.by_length.entry(passed.len()).or_insert_with(|| {
                let mut of_length =
                    OfLength { weights: weights(self.model, passed.len()), ..OfLength::default() };
                of_length.make_room(paths.channels());
                of_length
            });
            for (channel, weight) in passed.iter().zip(&of_length.weights) {
                let channel = usize::from(*channel);
                of_length.conversions[channel] += u128::from(outcome.conversions) * u128::from(*weight);
                of_length.minor[channel] += i128::from(outcome.value_minor) * i128::from(*weight);
            }
        }
    }

    fn parts(&self, numbers: &[Channel]) -> Vec<Part> {
        let mut parts = vec![Part::default(); numbers.len()];
        for of_length in self.by_length.iter().collect::<BTreeMap<_, _>>().into_values() {
            let whole = of_length.weights.iter().sum::<u64>() as f64;
            let counted = of_length.conversions.iter().zip(&of_length.minor);
            for ((conversions, minor), number) in counted.zip(numbers) {
                let part = &mut parts[usize::from(*number)];
                part.conversions += *conversions as f64 / whole;
                part.minor += *minor as f64 / whole;
            }
        }
        parts
    }
}

impl OfLength {
    fn make_room(&mut self, channels: usize) {
        let room = channels.max(self.conversions.len());
        self.conversions.resize(room, 0);
        self.minor.resize(room, 0);
    }
}

/// The conversions of a path are shared among its touches in parts of this many for each, whole ones, so that nothing
/// depends on the order in which paths come.
pub(crate) const CONVERSION: i64 = 1 << 40;

/// Parts of [`CONVERSION`] and smallest units of value, by channel.
#[derive(Default)]
pub(crate) struct Sums(Vec<(i128, i128)>);

impl Sums {
    pub(crate) fn add(&mut self, channel: Channel, conversions: i128, minor: i128) {
        let channel = usize::from(channel);
        if self.0.len() <= channel {
            self.0.resize(channel + 1, (0, 0));
        }
        self.0[channel].0 += conversions;
        self.0[channel].1 += minor;
    }

    fn add_marked(&mut self, model: MarkedModel, paths: Paths<'_>, marks: &[Marks]) {
        let (mut of_path, mut weights) = (Vec::new(), Vec::new());
        let (mut conversions, mut minor) = (Vec::new(), Vec::new());
        for (passed, outcome) in paths.iter().filter(|(_, outcome)| outcome.conversions > 0) {
            of_path.clear();
            of_path.extend(passed.iter().map(|channel| marks[usize::from(*channel)]));
            model.weights_into(&of_path, &mut weights);
            conversions.resize(passed.len(), 0);
            minor.resize(passed.len(), 0);
            split_into(CONVERSION, &weights, &mut conversions);
            split_into(outcome.value_minor, &weights, &mut minor);
            for ((channel, share), minor) in passed.iter().zip(&conversions).zip(&minor) {
                self.add(*channel, i128::from(*share) * i128::from(outcome.conversions), i128::from(*minor));
            }
        }
    }

    fn add_to_each(&mut self, paths: Paths<'_>) {
        let mut passed_once = Vec::new();
        for (passed, outcome) in paths.iter().filter(|(_, outcome)| outcome.conversions > 0) {
            passed_once.clear();
            passed_once.extend_from_slice(passed);
            passed_once.sort_unstable();
            passed_once.dedup();
            for channel in &passed_once {
                let conversions = i128::from(CONVERSION) * i128::from(outcome.conversions);
                self.add(*channel, conversions, i128::from(outcome.value_minor));
            }
        }
    }

    pub(crate) fn parts(&self, numbers: &[Channel]) -> Vec<Part> {
        let mut parts = vec![Part::default(); numbers.len()];
        for ((conversions, minor), number) in self.0.iter().zip(numbers) {
            let part = &mut parts[usize::from(*number)];
            *part = Part { conversions: *conversions as f64 / CONVERSION as f64, minor: *minor as f64 };
        }
        parts
    }
}

/// What touches weigh by their places; equally where no place has a weight.
fn weights(model: Model, touches: usize) -> Vec<u64> {
    let mut weights = Vec::new();
    model.weights_into(&vec![0; touches], &mut weights);
    if weights.iter().all(|weight| *weight == 0) {
        weights.fill(1);
    }
    weights
}
