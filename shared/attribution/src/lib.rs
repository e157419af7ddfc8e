//! The attribution engine: shares each conversion's amount among the touches that led to it.
//!
//! A pure library on its own: amounts and ages in, credits out. It knows
//! neither tenants nor channels nor storage, and must never depend on IO, a
//! clock, randomness, an async runtime, AWS or another crate of this workspace.
//! No floating-point number comes near an amount, so the same input gives the
//! same bytes on every machine, however it is cut into pieces. What channels are
//! worth to a data-driven model is a fraction, computed of whole counts in one
//! order by operations that are exact to the last bit everywhere, and rounded to
//! a whole weight before anything is split.
//!
//! ```
//! use attribution::{JourneysBuf, Model, primary_touch};
//!
//! const HOUR_MS: u64 = 3_600_000;
//! let mut journeys = JourneysBuf::new();
//! // 1,500.00 in minor units; touches 72, 24 and 0 hours before the conversion, oldest first.
//! journeys.push(150_000, &[72 * HOUR_MS, 24 * HOUR_MS, 0])?;
//!
//! let mut credits = [0; 3];
//! Model::POSITION_40_20_40.credit_into(journeys.as_journeys(), &mut credits);
//! assert_eq!(credits, [60_000, 30_000, 60_000]);
//!
//! let model = Model::time_decay(24 * HOUR_MS)?;
//! model.credit_into(journeys.as_journeys(), &mut credits);
//! assert_eq!(credits, [11_538, 46_154, 92_308]);
//! assert_eq!(primary_touch(&credits), Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formulae
//!
//! A is the amount in minor units, n the number of touches in canonical order
//! (time, then id; the caller settles it), `age_i` the milliseconds from touch i
//! to the conversion. A model gives weights `w_i`, whose sum is W.
//!
//! | what | formula | unit | source |
//! |---|---|---|---|
//! | credit | `A · w_i / W` rounded towards 0; the units left over go one by one to the largest remainders, ties to the earlier touch | minor units | Hamilton's method: A. Hamilton 1792; Balinski and Young, *Fair Representation*, 1982 |
//! | `FirstTouch` | `w_1 = 1`, others 0 | | |
//! | `LastTouch` | `w_n = 1`, others 0 | | |
//! | `Linear` | `w_i = 1` | | |
//! | `TimeDecay` | `w_i = 2^(−(age_i − age_n) / half_life)`, rounded to a multiple of 2^-40 | ages and half-life in ms | exponential decay as in Adobe Analytics and Google Ads, both with 7 days by default |
//! | `AiWeighted` | `w_i = −log(1 − p_i) · intent · sentiment · duration · 2^(−(age_i − age_n) / half_life)`, scaled to 2^40 at most; p within 10^-4 and 0.99, a missing one the mean of the others; duration `ln(1 + min) / ln(1 + median min)` within 1/2 and 2 | factors in thousandths | independent hazards: the Shapley value of `−log(1 − P)` |
//! | [`markov`] | channel c: `1 − P(conversion without c) / P(conversion)`, where walks end that would enter a state with c; likewise of the value | from 0 to 1 | Anderl et al. 2016; [`markov`] says how |
//! | [`shapley`] | channel c: `Σ conversions of paths that passed c / number of channels they passed` | conversions | Zhao et al. 2018, arXiv:1804.05327 |
//! | [`ChannelWeights`] | `w_i` = what its channel is worth / touches of that channel, in 2^-40 of the most | | |
//! | `PositionBased` | n = 1: all; n = 2: `f : l`; else `f·(n−2), m, …, m, l·(n−2)` | | 40/20/40 as in Adobe Analytics ("U-shaped") and Google Ads; 20/20/60 (J) and 60/20/20 (inverse J) in the former |
//! | `Custom` | `f_i·b, m, …, m, l_i·b` with b touches in between; without any, `f_i, l_i` of the outermost | | custom in Adobe Analytics |
//! | `MarkedModel` first, last | `w = 1` for the oldest or youngest touch of the class; of all if none is of it | | last non-direct click as in Google Analytics |
//! | `MarkedModel` milestones | `Σ shares of a touch's milestones · b`, others `m`; with b other touches, at least 1 | | U, W and full path as in HubSpot and Marketo Measure |
//!
//! So a credit is less than one minor unit away from its exact share, the
//! credits of a journey with touches add up to A. A refund splits what remains
//! by the weights of the original and books the difference ([`reduce`]): no
//! touch ever earns by a refund, and a full one leaves nothing.
//!
//! # Where to start reading
//!
//! [`split`](split()) is the rule that everything follows; the models are quick
//! ways to the same credits, which the property tests hold them to. Then
//! [`Model`], with one file per member, and [`Journeys`], the form it takes its
//! input in; [`MarkedModel`], which asks what touches were, and [`AiWeighted`],
//! which weighs what was heard in each. The data-driven models, [`markov`] and
//! [`shapley`], look at the [`Paths`] of all journeys together, and say what each
//! channel is worth. `exp2`, `log2` and `reciprocal` are arithmetic for speed and
//! for the same bits everywhere.

mod ai_weighted;
mod channel_weights;
mod exp2;
mod journeys;
mod log2;
mod marked_model;
pub mod markov;
mod marks;
mod model;
mod paths;
mod primary;
mod reciprocal;
mod refund;
pub mod shapley;
mod split;

pub use ai_weighted::{AiWeighted, Signals};
pub use channel_weights::ChannelWeights;
pub use journeys::{Journey, Journeys, JourneysBuf, JourneysError, MAX_TOUCHES};
pub use marked_model::{Class, MarkedModel, Milestones};
pub use marks::Marks;
pub use model::{Ends, Model, ParameterError};
pub use paths::{Channel, MAX_CHANNELS, Outcome, Paths, PathsBuf, PathsError};
pub use primary::primary_touch;
pub use refund::reduce;
pub use split::{split, split_into};
