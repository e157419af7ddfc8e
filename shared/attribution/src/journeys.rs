//! Journeys in columns: one row of offsets, one of ages, one of amounts.

use std::error::Error;
use std::fmt;
use std::ops::Range;

/// Most touches in one journey; keeps the sums of all models' weights within one word.
pub const MAX_TOUCHES: usize = 1 << 22;

/// Borrowed journeys in compressed-row form, checked once when made.
///
/// Journey `i` has the amount `amounts_minor[i]` and the touches
/// `offsets[i]..offsets[i + 1]` of `ages_ms`. A touch's credit stands at the
/// touch's own place, so one slice as long as `ages_ms` takes all credits.
#[derive(Clone, Copy, Debug)]
pub struct Journeys<'a> {
    offsets: &'a [u32],
    ages_ms: &'a [u64],
    amounts_minor: &'a [i64],
}

/// One conversion and the touches that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey<'a> {
    /// The conversion's amount in minor units of its currency; negative for a refund.
    pub amount_minor: i64,
    /// Milliseconds from each touch to the conversion, in canonical order: oldest first.
    pub ages_ms: &'a [u64],
    /// Where the touches' credits stand in the slice of all credits.
    pub span: Range<usize>,
}

impl<'a> Journeys<'a> {
    /// Checks that the offsets fit the other columns and that touches are oldest first.
    pub fn new(
        offsets: &'a [u32],
        ages_ms: &'a [u64],
        amounts_minor: &'a [i64],
    ) -> Result<Self, JourneysError> {
        let counted = offsets.len() == amounts_minor.len() + 1;
        let ends = offsets.first().zip(offsets.last());
        let spans = ends.is_some_and(|(first, last)| *first == 0 && at(*last) == ages_ms.len());
        if !(counted && spans && offsets.is_sorted()) {
            return Err(JourneysError::Offsets);
        }
        let journeys = Self { offsets, ages_ms, amounts_minor };
        for (index, journey) in journeys.iter().enumerate() {
            check(index, journey.ages_ms)?;
        }
        Ok(journeys)
    }

    /// Number of journeys.
    pub fn len(&self) -> usize {
        self.amounts_minor.len()
    }

    /// Whether there is no journey at all.
    pub fn is_empty(&self) -> bool {
        self.amounts_minor.is_empty()
    }

    /// Number of touches of all journeys: the length of the slice for their credits.
    pub fn touches(&self) -> usize {
        self.ages_ms.len()
    }

    /// The journeys in the order given.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Journey<'a>> + use<'a> {
        let ages_ms = self.ages_ms;
        let ends = self.offsets.iter().skip(1);
        let mut start = 0;
        ends.zip(self.amounts_minor).map(move |(end, amount_minor)| {
            let span = start..at(*end);
            start = span.end;
            Journey { amount_minor: *amount_minor, ages_ms: &ages_ms[span.clone()], span }
        })
    }
}

/// Journeys being collected; [`JourneysBuf::as_journeys`] lends them to the engine.
#[derive(Clone, Debug)]
pub struct JourneysBuf {
    offsets: Vec<u32>,
    ages_ms: Vec<u64>,
    amounts_minor: Vec<i64>,
}

impl JourneysBuf {
    /// No journeys yet, and no memory either.
    pub fn new() -> Self {
        Self::with_capacity(0, 0)
    }

    /// No journeys yet, but room for so many journeys and touches.
    pub fn with_capacity(journeys: usize, touches: usize) -> Self {
        let mut offsets = Vec::with_capacity(journeys + 1);
        offsets.push(0);
        Self { offsets, ages_ms: Vec::with_capacity(touches), amounts_minor: Vec::with_capacity(journeys) }
    }

    /// Adds a conversion with the ages of its touches, oldest first; no touches are allowed too.
    ///
    /// After an error the journeys are as before.
    pub fn push(&mut self, amount_minor: i64, ages_ms: &[u64]) -> Result<(), JourneysError> {
        check(self.amounts_minor.len(), ages_ms)?;
        let touches = self.ages_ms.len() + ages_ms.len();
        let end = u32::try_from(touches).map_err(|_| JourneysError::Full)?;
        self.offsets.push(end);
        self.ages_ms.extend_from_slice(ages_ms);
        self.amounts_minor.push(amount_minor);
        Ok(())
    }

    /// Forgets the journeys and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.ages_ms.clear();
        self.amounts_minor.clear();
    }

    /// What was pushed, for [`Model::credit_into`](crate::Model::credit_into).
    pub fn as_journeys(&self) -> Journeys<'_> {
        Journeys { offsets: &self.offsets, ages_ms: &self.ages_ms, amounts_minor: &self.amounts_minor }
    }
}

impl Default for JourneysBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// Why columns are not journeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JourneysError {
    /// The offsets do not start at 0, fall, or do not match the other columns.
    Offsets,
    /// A touch is followed by an older one.
    NotOldestFirst {
        /// Index of the journey.
        journey: usize,
    },
    /// A journey has more than [`MAX_TOUCHES`] touches.
    TooLong {
        /// Index of the journey.
        journey: usize,
    },
    /// All journeys together have more touches than a 32-bit offset can count.
    Full,
}

impl fmt::Display for JourneysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offsets => {
                f.write_str("offsets must rise from 0 to the number of ages, one more than there are amounts")
            }
            Self::NotOldestFirst { journey } => {
                write!(f, "the touches of journey {journey} must be oldest first")
            }
            Self::TooLong { journey } => {
                write!(f, "journey {journey} has more than {MAX_TOUCHES} touches")
            }
            Self::Full => write!(f, "journeys may have {} touches together", u32::MAX),
        }
    }
}

impl Error for JourneysError {}

fn check(journey: usize, ages_ms: &[u64]) -> Result<(), JourneysError> {
    if ages_ms.len() > MAX_TOUCHES {
        return Err(JourneysError::TooLong { journey });
    }
    if !ages_ms.is_sorted_by(|earlier, later| earlier >= later) {
        return Err(JourneysError::NotOldestFirst { journey });
    }
    Ok(())
}

#[inline]
fn at(offset: u32) -> usize {
    offset as usize
}
