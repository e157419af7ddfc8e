//! The shares that some models are given, as clients say them.

use api::fields::Whole;
use domain::json::{self, Reader};
use domain::rule::{Refusal, Rule};
use domain::run::CustomWeights;
use schemars::JsonSchema;
use serde_json::value::RawValue;

/// What touches get of 100, by where they stand; all together add up to 100
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(super) struct CustomWeightsRequest {
    /// The first touches, from the first on; none has a share of its own unless given
    #[schemars(length(max = 4), example = [30, 10])]
    first: Option<Vec<Whole<0, 100>>>,
    /// All touches in between together; 0 unless given
    #[schemars(example = 20)]
    middle: Option<Whole<0, 100>>,
    /// The last touches, up to the last; none has a share of its own unless given
    #[schemars(length(max = 4), example = [40])]
    last: Option<Vec<Whole<0, 100>>>,
}

pub(super) fn take_custom(config: &mut Reader<'_>) -> Option<CustomWeights> {
    let otherwise = Refusal::of(Rule::WeightsAddUp, "must add up to 100 all together");
    CustomWeights::take(config, "custom_weights", share, (100, otherwise))
}

fn share(raw: &RawValue) -> Result<u32, Refusal> {
    Ok(u32::try_from(json::integer(0..=100)(raw)?).unwrap_or_default())
}

pub(super) fn positions(raw: &RawValue) -> Result<[u32; 3], Refusal> {
    let problem = "must be three whole numbers that add up to 100: first, middle, last";
    let parts: [&RawValue; 3] = serde_json::from_str(raw.get()).map_err(|_| problem)?;
    let mut weights = [0; 3];
    for (weight, part) in weights.iter_mut().zip(parts) {
        let read = json::integer(0..=100)(part);
        let whole = read.map_err(|refusal| Refusal { problem: problem.to_owned(), ..refusal })?;
        *weight = u32::try_from(whole).unwrap_or_default();
    }
    let adds_up = weights.iter().sum::<u32>() == 100;
    adds_up.then_some(weights).ok_or_else(|| Refusal::of(Rule::WeightsAddUp, problem))
}
