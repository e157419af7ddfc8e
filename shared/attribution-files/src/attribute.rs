//! What channels come to by each model.

use std::io::Read;

use attribution::markov::{Effect, Place, Unsolved};
use attribution::{Channel, ChannelWeights, MarkedModel, Marks, Model, PathsBuf, split_into};

use crate::channels::Channels;
use crate::model::{Asked, Choice, Way};
use crate::numbers::{HUNDREDTHS, MILLIONTHS};
use crate::records::FileError;
use crate::rows::Layout;
use crate::table::{JourneyTable, PathTable};
use crate::tally::{CONVERSION, Part, Remark, Said, Sums, Tally};

/// What a channel comes to by one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelRow {
    pub model: String,
    pub channel: String,
    pub conversions: f64,
    /// In the unit of the file.
    pub value: f64,
    /// What would be lost without it, by models that say so.
    pub removal: Option<Effect>,
}

/// How likely a step of a chain is.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionRow {
    pub model: String,
    pub from: String,
    pub to: String,
    pub probability: f64,
}

/// Why a model says nothing.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0} asks how old touches are, which paths do not tell; journeys with times do")]
    NoTimes(String),
    #[error("{0} asks which channels were paid for, and none is named")]
    NonePaid(String),
    #[error("{0}: {1}")]
    Unsolved(String, #[source] Unsolved),
}

/// What came of all models. Channels are in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributed {
    pub channels: Vec<ChannelRow>,
    pub transitions: Vec<TransitionRow>,
    /// What people should know of how it came about.
    pub remarks: Vec<String>,
}

impl Attributed {
    /// What each model says of the paths of a file, which is read once and not held: the columns
    /// [`PATH_COLUMNS`](crate::PATH_COLUMNS), of which `value` and `nulls` may be missing, and others that are passed
    /// over. `passed` is told now and then how many bytes are behind.
    pub fn of_paths(
        asked: &Asked,
        file: impl Read,
        layout: &Layout,
        mut passed: impl FnMut(u64),
    ) -> Result<Self, AttributeError> {
        if let Some(choice) = asked.models.iter().find(|choice| choice.needs_times()) {
            return Err(AttributeError::NoTimes(choice.name.clone()));
        }
        check_paid(asked)?;
        let mut tallies: Vec<Tally> = asked.models.iter().map(|choice| Tally::of(choice.way)).collect();
        let mut table = PathTable::begin(file, layout)?;
        let mut block = PathsBuf::new();
        let mut more = true;
        while more {
            block.clear();
            more = table.read(&mut block)?;
            let marks = marks(asked, &table.channels);
            for tally in &mut tallies {
                tally.add(block.as_paths(), &marks).map_err(|error| FileError::Whole(error.to_string()))?;
            }
            passed(table.bytes());
        }
        let numbers = table.channels.sort();
        let mut all = Self::default();
        for (choice, tally) in asked.models.iter().zip(tallies) {
            let said =
                tally.said(&numbers).map_err(|error| AttributeError::Unsolved(choice.name.clone(), error))?;
            all.push(choice, &said, &table.channels, MILLIONTHS);
        }
        Ok(all)
    }

    /// What each model says of journeys. `credited` is told, model by model, the credits of all touches of all journeys
    /// that converted, in their order.
    pub fn of_journeys<E: From<AttributeError>>(
        asked: &Asked,
        table: &JourneyTable,
        mut credited: impl FnMut(&Choice, &[i64]) -> Result<(), E>,
    ) -> Result<Self, E> {
        check_paid(asked)?;
        let numbers: Vec<Channel> = table.channels.numbers().collect();
        let marks = marks(asked, &table.channels);
        let mut all = Self::default();
        let mut credits = vec![0; table.converted.as_journeys().touches()];
        for choice in &asked.models {
            let said = match choice.way {
                Way::Single(model) => {
                    model.credit_into(table.converted.as_journeys(), &mut credits);
                    Said { parts: by_touch(model, table, &credits), ..Said::default() }
                }
                Way::Marked(_) | Way::Participation | Way::Together(_) => {
                    let mut tally = Tally::of(choice.way);
                    let all = table.paths.as_paths();
                    tally
                        .add(all, &marks)
                        .map_err(|error| AttributeError::File(FileError::Whole(error.to_string())))?;
                    tally
                        .said(&numbers)
                        .map_err(|error| AttributeError::Unsolved(choice.name.clone(), error))?
                }
            };
            if let Some(weights) = &said.weights {
                credit_by_channel(weights, table, &mut credits);
            }
            if let Way::Marked(model) = choice.way {
                credit_by_marks(model, &marks, table, &mut credits);
            }
            all.push(choice, &said, &table.channels, HUNDREDTHS);
            if choice.credits() {
                credited(choice, &credits)?;
            }
        }
        Ok(all)
    }

    /// Adds what a model says of values in so many parts of a unit.
    fn push(&mut self, choice: &Choice, said: &Said, channels: &Channels, minor: i64) {
        let Choice { name: model, .. } = choice;
        let names = channels.names();
        let row = |(channel, (name, part)): (usize, (&String, &Part))| ChannelRow {
            model: model.clone(),
            channel: name.clone(),
            conversions: part.conversions,
            value: part.minor / minor as f64,
            removal: said.removal.as_ref().map(|effects| effects[channel]),
        };
        self.channels.extend(names.iter().zip(&said.parts).enumerate().map(row));
        let list = |of: &mut dyn Iterator<Item = Channel>, between: &str| {
            of.map(|channel| names[usize::from(channel)].as_str()).collect::<Vec<_>>().join(between)
        };
        let place = |place| match place {
            Place::Start => "(start)".to_owned(),
            Place::Conversion => "(conversion)".to_owned(),
            Place::Null => "(null)".to_owned(),
            Place::State(state) => list(&mut state.channels(), ","),
        };
        self.transitions.extend(said.steps.iter().map(|(from, to, probability)| TransitionRow {
            model: model.clone(),
            from: place(*from),
            to: place(*to),
            probability: *probability,
        }));
        match &said.remark {
            Remark::None => {}
            Remark::OrderFound(order) => {
                self.remarks.push(format!("{model}: order {} foretells best", order.get()));
            }
            Remark::Rates { negative, taken_for_one } => {
                let mut remark = |of: &[Channel], remark: &dyn Fn(&str) -> String| {
                    if !of.is_empty() {
                        self.remarks
                            .push(format!("{model}: {}", remark(&list(&mut of.iter().copied(), ", "))));
                    }
                };
                remark(negative, &|of| format!("journeys converted less often with {of}, which get nothing"));
                remark(taken_for_one, &|of| format!("{of} were taken for one channel"));
            }
        }
    }
}

fn check_paid(asked: &Asked) -> Result<(), AttributeError> {
    match asked.models.iter().find(|choice| asked.paid.is_empty() && choice.needs_paid()) {
        Some(choice) => Err(AttributeError::NonePaid(choice.name.clone())),
        None => Ok(()),
    }
}

/// The marks of all channels.
fn marks(asked: &Asked, channels: &Channels) -> Vec<Marks> {
    channels.names().iter().map(|name| asked.marks(name)).collect()
}

/// Adds up what touches were credited.
fn by_touch(model: Model, table: &JourneyTable, credits: &[i64]) -> Vec<Part> {
    let mut sums = Sums::default();
    let (mut weights, mut shares) = (Vec::new(), Vec::new());
    for (passed, journey) in table.credited() {
        model.weights_into(journey.ages_ms, &mut weights);
        shares.resize(weights.len(), 0);
        split_into(CONVERSION, &weights, &mut shares);
        for ((channel, share), credit) in passed.iter().zip(&shares).zip(&credits[journey.span]) {
            sums.add(*channel, i128::from(*share), i128::from(*credit));
        }
    }
    sums.parts(&table.channels.numbers().collect::<Vec<_>>())
}

fn credit_by_marks(model: MarkedModel, marks: &[Marks], table: &JourneyTable, credits: &mut [i64]) {
    let (mut of_journey, mut weights) = (Vec::new(), Vec::new());
    for (passed, journey) in table.credited() {
        of_journey.clear();
        of_journey.extend(passed.iter().map(|channel| marks[usize::from(*channel)]));
        model.weights_into(&of_journey, &mut weights);
        split_into(journey.amount_minor, &weights, &mut credits[journey.span]);
    }
}

fn credit_by_channel(weights: &ChannelWeights, table: &JourneyTable, credits: &mut [i64]) {
    let mut of_journey = Vec::new();
    for (passed, journey) in table.credited() {
        weights.weights_into(passed, &mut of_journey);
        split_into(journey.amount_minor, &of_journey, &mut credits[journey.span]);
    }
}
