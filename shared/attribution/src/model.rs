//! The closed set of models. A new one is a file here, a member, and what the compiler then asks for.

mod custom;
mod first_touch;
mod last_touch;
mod linear;
mod position_based;
mod time_decay;

pub use custom::Ends;

use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;

use crate::Journeys;

/// How a conversion's amount is shared among the touches that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// All to the oldest touch.
    FirstTouch,
    /// All to the youngest touch.
    LastTouch,
    /// The same to every touch.
    Linear,
    /// Half as much for every half-life that a touch is older.
    TimeDecay {
        /// Milliseconds in which a touch's weight halves.
        half_life_ms: NonZeroU64,
    },
    /// Fixed shares for the first and the last touch, and one for all in between together.
    ///
    /// Only proportions matter. Two touches share as `first` to `last`; where
    /// all weights that apply are 0, the split is equal.
    PositionBased {
        /// Weight of the oldest touch.
        first: u32,
        /// Weight of all touches between the oldest and the youngest together.
        middle: u32,
        /// Weight of the youngest touch.
        last: u32,
    },
    /// The same with own shares for several touches at each end.
    ///
    /// Of a journey with fewer touches than that, shares in the middle are left out; where all that apply are 0, the split
    /// is equal.
    Custom {
        /// Shares of the oldest touches.
        first: Ends,
        /// Share of all touches in between together.
        middle: u32,
        /// Shares of the youngest touches.
        last: Ends,
    },
}

impl Model {
    /// The usual position-based model.
    pub const POSITION_40_20_40: Self = Self::PositionBased { first: 40, middle: 20, last: 40 };
    /// Most to the last touch.
    pub const J: Self = Self::PositionBased { first: 20, middle: 20, last: 60 };
    /// Most to the first touch.
    pub const INVERSE_J: Self = Self::PositionBased { first: 60, middle: 20, last: 20 };

    /// Time decay with a half-life in milliseconds, which must not be 0.
    pub const fn time_decay(half_life_ms: u64) -> Result<Self, ParameterError> {
        match NonZeroU64::new(half_life_ms) {
            Some(half_life_ms) => Ok(Self::TimeDecay { half_life_ms }),
            None => Err(ParameterError::NoHalfLife),
        }
    }

    /// Position-based with own weights, of which at least one must not be 0.
    pub const fn position_based(first: u32, middle: u32, last: u32) -> Result<Self, ParameterError> {
        if first == 0 && middle == 0 && last == 0 {
            return Err(ParameterError::NoPosition);
        }
        Ok(Self::PositionBased { first, middle, last })
    }

    /// Credits every touch of every journey; `out` holds one credit per touch, in their order.
    ///
    /// The credits of a journey with touches add up to its amount exactly; a
    /// journey without touches has no credits. For each journey they equal
    /// [`split`](crate::split()) of the amount by [`Self::weights_into`].
    ///
    /// # Panics
    ///
    /// If `out` is not as long as [`Journeys::touches`].
    pub fn credit_into(&self, journeys: Journeys<'_>, out: &mut [i64]) {
        assert_eq!(journeys.touches(), out.len(), "one credit per touch");
        match *self {
            Self::FirstTouch => first_touch::credit(journeys, out),
            Self::LastTouch => last_touch::credit(journeys, out),
            Self::Linear => linear::credit(journeys, out),
            Self::TimeDecay { half_life_ms } => time_decay::credit(half_life_ms, journeys, out),
            Self::PositionBased { first, middle, last } => {
                position_based::credit([first, middle, last], journeys, out)
            }
            Self::Custom { ref first, middle, ref last } => {
                custom::credit((first, middle, last), journeys, out)
            }
        }
    }

    /// Replaces `out` by the weights of one journey's touches, to explain its credits with.
    ///
    /// A touch's exact share is its weight over the sum of the weights.
    pub fn weights_into(&self, ages_ms: &[u64], out: &mut Vec<u64>) {
        match *self {
            Self::FirstTouch => first_touch::weights(ages_ms, out),
            Self::LastTouch => last_touch::weights(ages_ms, out),
            Self::Linear => linear::weights(ages_ms, out),
            Self::TimeDecay { half_life_ms } => time_decay::weights(half_life_ms, ages_ms, out),
            Self::PositionBased { first, middle, last } => {
                position_based::weights([first, middle, last], ages_ms, out)
            }
            Self::Custom { ref first, middle, ref last } => {
                custom::weights((first, middle, last), ages_ms, out)
            }
        }
    }
}

/// Why there is no such model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// A half-life of 0.
    NoHalfLife,
    /// All position weights are 0.
    NoPosition,
    /// More touches at one end have their own share than [`Ends::MOST`].
    TooManyPositions,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHalfLife => "the half-life must be longer than 0 milliseconds",
            Self::NoPosition => "at least one of the position weights must be above 0",
            Self::TooManyPositions => "at most 4 touches at each end can have shares of their own",
        })
    }
}

impl Error for ParameterError {}
