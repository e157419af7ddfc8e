//! From a customer's conversions and touches to credits: picks each conversion's touches and asks the engine.

use attribution::{JourneysBuf, JourneysError, Model, ParameterError, primary_touch};
use domain::identity::NodeId;
use domain::run::{ModelCode, RunConfig};
use domain::time::Timestamp;
use store::{Credit, CreditedConversion, Fact, StoredConversion};

/// How a run credits.
pub(crate) struct Crediting {
    model: Model,
    window_ms: i64,
}

impl Crediting {
    pub(crate) fn of(config: &RunConfig) -> Result<Self, ParameterError> {
        let model = match config.model {
            ModelCode::FirstTouch => Model::FirstTouch,
            ModelCode::LastTouch => Model::LastTouch,
            ModelCode::Linear => Model::Linear,
            ModelCode::TimeDecay => Model::time_decay(config.half_life_ms())?,
            ModelCode::PositionBased => {
                let [first, middle, last] = config.position_weights;
                Model::position_based(first, middle, last)?
            }
        };
        Ok(Self { model, window_ms: config.window_ms() })
    }

    /// The credits of each conversion over those of `touches`, which are in order of time, that began in its window,
    /// both ends included.
    pub(crate) fn credit(
        &self,
        customer_id: Option<&NodeId>,
        conversions: &[StoredConversion],
        touches: &[Fact],
    ) -> Result<Vec<CreditedConversion>, JourneysError> {
        let mut journeys = JourneysBuf::new();
        for stored in conversions {
            let at = stored.conversion.occurred_at;
            let ages: Vec<u64> = self.window(at, touches).iter().map(|touch| age_ms(at, touch)).collect();
            journeys.push(stored.conversion.amount.minor, &ages)?;
        }
        let journeys = journeys.as_journeys();
        let mut amounts = vec![0; journeys.touches()];
        self.model.credit_into(journeys, &mut amounts);
        let mut weights = Vec::new();
        let credited = conversions.iter().zip(journeys.iter()).map(|(stored, journey)| {
            self.model.weights_into(journey.ages_ms, &mut weights);
            let touches = self.window(stored.conversion.occurred_at, touches);
            CreditedConversion {
                id: stored.id.clone(),
                customer_id: customer_id.cloned(),
                occurred_at: stored.conversion.occurred_at,
                amount: stored.conversion.amount,
                credits: credits(touches, &weights, &amounts[journey.span.clone()]),
            }
        });
        Ok(credited.collect())
    }

    fn window<'a>(&self, at: Timestamp, touches: &'a [Fact]) -> &'a [Fact] {
        let from = at.plus_ms(-self.window_ms);
        let first = touches.partition_point(|touch| touch.time < from);
        let end = touches.partition_point(|touch| touch.time <= at);
        &touches[first.min(end)..end]
    }
}

fn age_ms(at: Timestamp, touch: &Fact) -> u64 {
    u64::try_from(at.since(touch.time)).unwrap_or(0)
}

/// Touches that the model gives nothing are left out.
fn credits(touches: &[Fact], weights: &[u64], amounts: &[i64]) -> Vec<Credit> {
    let primary = primary_touch(amounts);
    let whole: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let share = |weight: u64| {
        let ppb = (u128::from(weight) * 1_000_000_000 + whole / 2) / whole.max(1);
        u64::try_from(ppb).unwrap_or(1_000_000_000)
    };
    let all = touches.iter().zip(weights).zip(amounts).enumerate();
    all.filter(|(_, ((_, weight), _))| **weight > 0)
        .map(|(index, ((touch, weight), amount))| Credit {
            interaction: touch.id.clone(),
            touched_at: touch.time,
            weight_ppb: share(*weight),
            amount_minor: *amount,
            is_primary: primary == Some(index),
            agent_id: touch.agent_id.clone(),
            team_id: touch.team_id.clone(),
            vendor_code: touch.vendor_code.clone(),
            channel: touch.channel.clone().unwrap_or_default(),
        })
        .collect()
}
