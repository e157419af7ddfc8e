//! From a customer's conversions and touches to credits: picks each conversion's touches and asks the engine.

use attribution::{JourneysBuf, JourneysError, Model, ParameterError, primary_touch};
use domain::identity::NodeId;
use domain::ids::FactId;
use domain::interaction::Field;
use domain::run::{ModelCode, RunConfig};
use domain::time::Timestamp;
use store::{Credit, CreditedConversion, StoredConversion, StoredInteraction};

/// An interaction as a run sees it.
pub(crate) struct Touch {
    pub(crate) id: FactId,
    pub(crate) time: Timestamp,
    pub(crate) channel: String,
    agent_id: Option<String>,
    team_id: Option<String>,
    vendor_code: Option<String>,
    intent: Option<String>,
}

impl Touch {
    /// None as long as its start was not reported.
    pub(crate) fn of(stored: &StoredInteraction) -> Option<Self> {
        let interaction = &stored.interaction;
        let text = |field| interaction.text(field).map(str::to_owned);
        Some(Self {
            id: stored.id.clone(),
            time: interaction.started_at()?,
            channel: interaction.channel().to_owned(),
            agent_id: text(Field::AgentId),
            team_id: text(Field::TeamId),
            vendor_code: text(Field::VendorCode),
            intent: text(Field::PrimaryIntent),
        })
    }
}

/// How a run credits.
pub(crate) struct Crediting<'a> {
    model: Model,
    config: &'a RunConfig,
}

impl<'a> Crediting<'a> {
    pub(crate) fn of(config: &'a RunConfig) -> Result<Self, ParameterError> {
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
        Ok(Self { model, config })
    }

    /// The credits of each conversion over those of `touches`, which are in order of time, that began in its window,
    /// both ends included.
    pub(crate) fn credit(
        &self,
        customer_id: Option<&NodeId>,
        conversions: &[StoredConversion],
        touches: &[Touch],
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

    fn window<'t>(&self, at: Timestamp, touches: &'t [Touch]) -> &'t [Touch] {
        let from = self.config.window_start(at);
        let first = touches.partition_point(|touch| touch.time < from);
        let end = touches.partition_point(|touch| touch.time <= at);
        &touches[first.min(end)..end]
    }
}

fn age_ms(at: Timestamp, touch: &Touch) -> u64 {
    u64::try_from(at.since(touch.time)).unwrap_or(0)
}

/// Touches that the model gives nothing are left out.
fn credits(touches: &[Touch], weights: &[u64], amounts: &[i64]) -> Vec<Credit> {
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
            intent: touch.intent.clone(),
            channel: touch.channel.clone(),
        })
        .collect()
}
