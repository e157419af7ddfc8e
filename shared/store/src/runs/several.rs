//! Runs that credit by several models at once.
//!
//! Such a run finds its conversions and touches once, and credits by each model. Whoever reads it sees it as a run of one of
//! them: of the first under its own id, of another under that and the model's code, `run_…:LINEAR`.

use domain::learned::Learned;
use domain::run::{ModelCode, RunConfig, Totals};
use domain::signals::IntentFactors;
use domain::tenant::Settings;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Run;

/// What a run says of a model that it is not shown as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beside {
    model: ModelCode,
    #[serde(default, skip_serializing_if = "IntentFactors::is_empty")]
    intent_factors: IntentFactors,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
    #[serde(default)]
    totals: Totals,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved_at: Option<Timestamp>,
}

impl Run {
    /// The same run crediting by these models too, as the tenant has set them; no model is there twice.
    #[must_use]
    pub fn and_by(mut self, models: &[ModelCode], settings: &Settings) -> Self {
        for model in models {
            if !self.models().contains(model) {
                let RunConfig { intent_factors, .. } = RunConfig::of(*model, settings);
                let (learned, totals, approved_at) = (None, Totals::default(), None);
                self.beside.push(Beside { model: *model, intent_factors, learned, totals, approved_at });
            }
        }
        self
    }

    /// The id under which it is found as it is shown.
    pub fn id(&self) -> String {
        match self.shown {
            0 => self.run_id.clone(),
            _ => format!("{}:{}", self.run_id, self.config.model.code()),
        }
    }

    /// All models that it credits by, the first first.
    pub fn models(&self) -> Vec<ModelCode> {
        let first = self.clone().into_first();
        let beside = first.beside.iter().map(|beside| beside.model);
        std::iter::once(first.config.model).chain(beside).collect()
    }

    /// The run as one of each of its models.
    pub fn each(&self) -> Vec<Run> {
        (0..=self.beside.len()).map(|shown| self.clone().into_first().shown_as(shown)).collect()
    }

    /// The run as one of this model; None if it is none.
    #[must_use]
    pub fn of_model(&self, model: ModelCode) -> Option<Run> {
        self.each().into_iter().find(|run| run.config.model == model)
    }

    /// The run as the one that learns, if it does.
    #[must_use]
    pub fn learner(&self) -> Option<Run> {
        self.each().into_iter().find(|run| run.config.learns())
    }

    /// Whether what else customers had done decides what any of its models credits.
    pub fn asks_for_conversions(&self) -> bool {
        self.each().iter().any(|run| run.config.asks_for_conversions())
    }

    /// The run, shown as its first, with what it came to by each of its models.
    #[must_use]
    pub fn came_to(&self, totals: &[Totals]) -> Self {
        let mut run = self.clone().into_first();
        let mut totals = totals.iter().cloned();
        run.totals = totals.next().unwrap_or_default();
        run.beside.iter_mut().zip(totals).for_each(|(beside, totals)| beside.totals = totals);
        run
    }

    /// Forgets what an execution found by any model.
    pub(super) fn forgets(&mut self) {
        self.totals = Totals::default();
        self.learned = None;
        for beside in &mut self.beside {
            beside.totals = Totals::default();
            beside.learned = None;
        }
    }

    #[must_use]
    pub(super) fn into_first(self) -> Self {
        let shown = self.shown;
        Self { shown: 0, ..self.swapped(shown) }
    }

    /// Of one that is shown as its first.
    fn shown_as(self, shown: usize) -> Self {
        Self { shown, ..self.swapped(shown) }
    }

    /// What is said of the model of this number stands where the first's is, and the other way round.
    fn swapped(mut self, number: usize) -> Self {
        if let Some(beside) = number.checked_sub(1).and_then(|place| self.beside.get_mut(place)) {
            std::mem::swap(&mut self.config.model, &mut beside.model);
            std::mem::swap(&mut self.config.intent_factors, &mut beside.intent_factors);
            std::mem::swap(&mut self.learned, &mut beside.learned);
            std::mem::swap(&mut self.totals, &mut beside.totals);
            std::mem::swap(&mut self.approved_at, &mut beside.approved_at);
        }
        self
    }
}

/// The id of the run itself, and the model that an id asks for.
pub(super) fn named(id: &str) -> (&str, Option<&str>) {
    id.split_once(':').map_or((id, None), |(run_id, model)| (run_id, Some(model)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let config = RunConfig::usual(ModelCode::Linear);
        let run = Run::new("run_1".to_owned(), String::new(), config, Timestamp::from_ms(1), 1);
        run.and_by(&[ModelCode::AiWeighted, ModelCode::DataDriven, ModelCode::Linear], &Settings::default())
    }

    #[test]
    fn a_run_is_shown_as_one_of_each_of_its_models() {
        let run = run();
        let models = [ModelCode::Linear, ModelCode::AiWeighted, ModelCode::DataDriven];
        let shown = run.each();
        assert_eq!(shown.iter().map(|run| run.config.model).collect::<Vec<_>>(), models);
        assert_eq!(
            shown.iter().map(Run::id).collect::<Vec<_>>(),
            ["run_1", "run_1:AI_WEIGHTED", "run_1:DATA_DRIVEN"]
        );
        for one in &shown {
            assert_eq!(
                (one.models(), one.each(), one.clone().into_first()),
                (models.to_vec(), shown.clone(), run.clone())
            );
            let alone = RunConfig {
                intent_factors: one.config.intent_factors.clone(),
                ..RunConfig::usual(one.config.model)
            };
            assert_eq!(one.config.digest(), alone.digest());
        }
        assert_eq!(run.learner().map(|run| run.id()).as_deref(), Some("run_1:DATA_DRIVEN"));
        assert_eq!(run.of_model(ModelCode::J), None);
    }

    #[test]
    fn what_is_found_by_one_model_is_said_of_that_alone() {
        let mut learner = run().learner().unwrap();
        learner.learned = Some(Learned { conversions: 3, ..Learned::default() });
        let stored: Run =
            serde_json::from_value(serde_json::to_value(learner.into_first()).unwrap()).unwrap();
        let learned: Vec<_> =
            stored.each().into_iter().map(|run| run.learned.map(|learned| learned.conversions)).collect();
        assert_eq!(learned, [None, None, Some(3)]);
        let again = stored.started(1, Timestamp::from_ms(2));
        assert!(again.each().iter().all(|run| run.learned.is_none()));
    }
}
