//! Paths in columns: the channels that journeys passed, and what they came to.

use std::error::Error;
use std::fmt;

/// A channel: the number that the caller gives its name, below [`Paths::channels`].
pub type Channel = u16;

/// As many channels as there can be.
pub const MAX_CHANNELS: usize = 65_535;

/// What the journeys of one path came to. Each journey is one of them, or many that went the same way are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many ended in a conversion.
    pub conversions: u64,
    /// What those conversions were worth together, in minor units.
    pub value_minor: i64,
    /// How many ended in none.
    pub nulls: u64,
}

impl Outcome {
    /// One journey that ended in a conversion.
    pub const fn converted(value_minor: i64) -> Self {
        Self { conversions: 1, value_minor, nulls: 0 }
    }

    /// One journey that ended in none.
    pub const NULL: Self = Self { conversions: 0, value_minor: 0, nulls: 1 };

    /// How many journeys there were.
    pub(crate) const fn journeys(self) -> u64 {
        self.conversions + self.nulls
    }
}

/// Borrowed paths in compressed-row form, checked once when made.
///
/// Path `i` passed the channels `offsets[i]..offsets[i + 1]`, oldest first, and came to `outcomes[i]`.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'a> {
    offsets: &'a [u32],
    passed: &'a [Channel],
    outcomes: &'a [Outcome],
    channels: usize,
}

impl<'a> Paths<'a> {
    /// Checks that the offsets fit the other columns, and that each channel is one of so many.
    pub fn new(
        offsets: &'a [u32],
        passed: &'a [Channel],
        outcomes: &'a [Outcome],
        channels: usize,
    ) -> Result<Self, PathsError> {
        let counted = offsets.len() == outcomes.len() + 1;
        let ends = offsets.first().zip(offsets.last());
        let spans = ends.is_some_and(|(first, last)| *first == 0 && *last as usize == passed.len());
        if !(counted && spans && offsets.is_sorted()) {
            return Err(PathsError::Offsets);
        }
        if channels > MAX_CHANNELS || passed.iter().any(|channel| usize::from(*channel) >= channels) {
            return Err(PathsError::UnknownChannel);
        }
        Ok(Self { offsets, passed, outcomes, channels })
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there is no path at all.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// How many channels there are, passed or not.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How many channels all paths passed together: their touches.
    pub fn passed(&self) -> usize {
        self.passed.len()
    }

    /// The paths in the order given.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&'a [Channel], Outcome)> + use<'a> {
        let passed = self.passed;
        let ends = self.offsets.iter().skip(1);
        let mut start = 0;
        ends.zip(self.outcomes).map(move |(end, outcome)| {
            let end = *end as usize;
            let path = &passed[start..end];
            start = end;
            (path, *outcome)
        })
    }
}

/// Paths being collected; [`PathsBuf::as_paths`] lends them to the engine.
#[derive(Clone, Debug)]
pub struct PathsBuf {
    offsets: Vec<u32>,
    passed: Vec<Channel>,
    outcomes: Vec<Outcome>,
    channels: usize,
}

impl PathsBuf {
    /// No paths yet.
    pub fn new() -> Self {
        Self { offsets: vec![0], passed: Vec::new(), outcomes: Vec::new(), channels: 0 }
    }

    /// Adds a path, the oldest channel first.
    ///
    /// After an error the paths are as before.
    #[inline]
    pub fn push(&mut self, passed: &[Channel], outcome: Outcome) -> Result<(), PathsError> {
        let highest = passed.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1);
        if highest > MAX_CHANNELS {
            return Err(PathsError::UnknownChannel);
        }
        let end = u32::try_from(self.passed.len() + passed.len()).map_err(|_| PathsError::Full)?;
        self.channels = self.channels.max(highest);
        self.passed.extend_from_slice(passed);
        self.outcomes.push(outcome);
        self.offsets.push(end);
        Ok(())
    }

    /// Adds paths over the same channels.
    pub fn extend(&mut self, paths: Paths<'_>) -> Result<(), PathsError> {
        paths.iter().try_for_each(|(passed, outcome)| self.push(passed, outcome))
    }

    /// Forgets the paths and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.passed.clear();
        self.outcomes.clear();
        self.channels = 0;
    }

    /// Gives the channels other numbers: channel `c` becomes `numbers[c]`.
    ///
    /// # Panics
    ///
    /// If there are fewer numbers than channels.
    pub fn renumber(&mut self, numbers: &[Channel]) {
        self.passed.iter_mut().for_each(|channel| *channel = numbers[usize::from(*channel)]);
        self.channels = count_of(numbers, self.channels);
    }

    /// What was pushed.
    pub fn as_paths(&self) -> Paths<'_> {
        Paths {
            offsets: &self.offsets,
            passed: &self.passed,
            outcomes: &self.outcomes,
            channels: self.channels,
        }
    }
}

impl Default for PathsBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// How many channels there are once so many have these numbers.
pub(crate) fn count_of(numbers: &[Channel], channels: usize) -> usize {
    numbers.iter().take(channels).max().map_or(0, |highest| usize::from(*highest) + 1)
}

/// Why columns are not paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathsError {
    /// The offsets do not start at 0, fall, or do not match the other columns.
    Offsets,
    /// A channel's number is not below the number of channels, or that is above [`MAX_CHANNELS`].
    UnknownChannel,
    /// All paths together pass more channels than a 32-bit offset can count.
    Full,
}

impl fmt::Display for PathsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offsets => f.write_str(
                "offsets must rise from 0 to the number of channels passed, one more than there are outcomes",
            ),
            Self::UnknownChannel => write!(
                f,
                "channels must be numbered from 0, below their number, which is at most {MAX_CHANNELS}"
            ),
            Self::Full => write!(f, "paths may pass {} channels together", u32::MAX),
        }
    }
}

impl Error for PathsError {}
