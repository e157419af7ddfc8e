//! Runs and credits as they leave.

use std::collections::BTreeMap;

use api::views::{Amount, Moment};
use domain::learned::{Learned, Method, NothingLearned, Worth};
use domain::money::{Currency, Money};
use domain::run::{
    AfterConversion, CustomWeights, DirectTouches, ModelCode, PathTransform, RunConfig, RunStatus, Total,
};
use domain::time::Day;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::Run;

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MoneyView {
    currency: Currency,
    amount: Amount,
}

impl MoneyView {
    /// One of a run's totals, in every currency.
    pub(crate) fn totals(run: &Run, of: fn(&Total) -> i64) -> Vec<Self> {
        let view = |(currency, total): (&Currency, &Total)| Self {
            currency: *currency,
            amount: Amount(Money { minor: of(total), currency: *currency }),
        };
        run.totals.0.iter().map(view).collect()
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigView {
    #[schemars(example = 72)]
    time_window_hours: u32,
    include_channels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_channels: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    channel_window_hours: BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_campaigns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_campaigns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_vendors: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_vendors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10)]
    max_touches: Option<u32>,
    #[serde(skip_serializing_if = "is_usual")]
    direct_touches: DirectTouches,
    #[serde(skip_serializing_if = "is_usual")]
    after_conversion: AfterConversion,
    #[serde(skip_serializing_if = "is_usual")]
    path_transform: PathTransform,
    event_types: Option<Vec<String>>,
    min_purchase_amount: Option<Amount>,
    min_purchase_currency: Option<Currency>,
    #[schemars(with = "Option<Day>")]
    start_date: Option<String>,
    #[schemars(with = "Option<Day>")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 24)]
    half_life_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = [40, 20, 40])]
    position_weights: Option<[u32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_weights: Option<CustomWeightsView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["signup"])]
    lead_event_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["quote"])]
    opportunity_event_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["direct"])]
    direct_channels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = ["paid_search"])]
    paid_channels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_method: Option<Method>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1)]
    markov_order: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 100)]
    min_conversions: Option<u32>,
    /// By how much an intent, or the first word of one, multiplies a touch's weight.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    intent_factors: BTreeMap<String, f64>,
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What touches get of 100, by where they stand.
#[derive(Debug, Serialize, JsonSchema)]
struct CustomWeightsView {
    #[schemars(example = [30, 10])]
    first: Vec<u32>,
    #[schemars(example = 20)]
    middle: u32,
    #[schemars(example = [40])]
    last: Vec<u32>,
}

impl From<&CustomWeights> for CustomWeightsView {
    fn from(weights: &CustomWeights) -> Self {
        let CustomWeights { first, middle, last } = weights.clone();
        Self { first, middle, last }
    }
}

impl ConfigView {
    pub(crate) fn of(config: &RunConfig) -> Self {
        let learning = config.learns().then_some(config.learning);
        let milestones = config.has_milestones().then_some(&config.milestones);
        Self {
            learning_method: learning.map(|learning| learning.method),
            markov_order: learning
                .filter(|learning| learning.method == Method::Markov)
                .map(|learning| learning.order),
            min_conversions: learning.map(|learning| learning.least_conversions),
            time_window_hours: config.window_hours,
            include_channels: config.include_channels.clone(),
            exclude_channels: config.exclude_channels.clone(),
            channel_window_hours: config.channel_window_hours.clone(),
            direct_touches: config.direct_touches,
            after_conversion: config.after_conversion,
            path_transform: config.path_transform,
            custom_weights: (config.model == ModelCode::Custom)
                .then(|| CustomWeightsView::from(&config.custom_weights)),
            lead_event_types: milestones.map(|events| events.lead.clone()),
            opportunity_event_types: milestones.map(|events| events.opportunity.clone()),
            include_campaigns: config.campaigns.include.clone(),
            exclude_campaigns: config.campaigns.exclude.clone(),
            include_vendors: config.vendors.include.clone(),
            exclude_vendors: config.vendors.exclude.clone(),
            max_touches: config.most_touches,
            event_types: config.event_types.clone(),
            min_purchase_amount: config.minimum.map(Amount),
            min_purchase_currency: config.minimum.map(|least| least.currency),
            start_date: config.start_date.clone(),
            end_date: config.end_date.clone(),
            half_life_hours: matches!(config.model, ModelCode::TimeDecay | ModelCode::AiWeighted)
                .then_some(config.half_life_hours),
            intent_factors: config
                .intent_factors
                .0
                .iter()
                .map(|(intent, permille)| (intent.clone(), f64::from(*permille) / 1000.0))
                .collect(),
            direct_channels: (config.model == ModelCode::LastNonDirect
                || config.direct_touches == DirectTouches::CountAlone)
                .then(|| config.direct_channels.clone()),
            paid_channels: matches!(config.model, ModelCode::FirstPaid | ModelCode::LastPaid)
                .then(|| config.paid_channels.clone()),
            position_weights: (config.model == ModelCode::PositionBased).then_some(config.position_weights),
        }
    }
}

/// What a run of DATA_DRIVEN learned from the journeys of its days, before it credited any.
#[derive(Debug, Serialize, JsonSchema)]
struct LearnedView {
    /// Journeys that ended in a conversion.
    #[schemars(example = 400)]
    conversions: u64,
    /// Customers whose touches led to none.
    #[schemars(example = 1100)]
    not_converted: u64,
    /// Why nothing was learned and every touch weighs the same, as with LINEAR; null if something was.
    nothing_learned: Option<NothingLearned>,
    channels: Vec<ChannelWorth>,
}

/// What a channel turned out to be worth.
#[derive(Debug, Serialize, JsonSchema)]
struct ChannelWorth {
    #[schemars(example = &"call")]
    channel: String,
    /// Its share of all conversions, from 0 to 1; its touches weigh so much in a journey, all together.
    #[schemars(with = "f64", example = 0.25)]
    share: Box<RawValue>,
    /// The share of conversions that would be lost without it, from 0 to 1; null unless learned by MARKOV.
    #[schemars(with = "Option<f64>", example = 0.4)]
    removal_effect: Option<Box<RawValue>>,
}

impl From<&Learned> for LearnedView {
    fn from(learned: &Learned) -> Self {
        let channel = |(channel, worth): (&String, &Worth)| ChannelWorth {
            channel: channel.clone(),
            share: api::views::share(worth.share_ppb),
            removal_effect: worth.removal_ppb.map(api::views::share),
        };
        Self {
            conversions: learned.conversions,
            not_converted: learned.nulls,
            nothing_learned: learned.nothing,
            channels: learned.channels.iter().map(channel).collect(),
        }
    }
}

/// A run and where it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunView {
    #[schemars(example = &"run_018d0e0a7b7c7d008000000000000001")]
    run_id: String,
    #[schemars(example = &"January")]
    name: String,
    /// Of those that it credits by, the one that it is shown as: what stands here of credits is by this one.
    #[schemars(with = "ModelCode")]
    model_code: &'static str,
    /// All that it credits by: the first is shown under the run's own id, each other one under that, a colon, and its code.
    models: Vec<ModelCode>,
    #[schemars(with = "RunStatus")]
    status: &'static str,
    config: ConfigView,
    /// The same for runs whose configurations say the same: such runs attribute the same facts alike, to the last unit.
    #[schemars(example = &"4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945")]
    config_hash: String,
    /// What was learned; null for other models than DATA_DRIVEN, and before it was.
    learned: Option<LearnedView>,
    /// Whether reports take it where nothing else is asked for, once it is completed and for the days whose latest it
    /// is: its configuration is the usual one of its model, dates apart. What others say is shown to who names their
    /// `run_id`, and for days that no usual run took.
    answers_reports: bool,
    created_at: Moment,
    started_at: Option<Moment>,
    completed_at: Option<Moment>,
    /// When somebody approved it: what it credited is owed since, as far as nothing else was.
    approved_at: Option<Moment>,
    conversions_processed: u64,
    attributed_total: Vec<MoneyView>,
    unattributed_total: Vec<MoneyView>,
    failure_reason: Option<String>,
}

impl RunView {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            run_id: run.id(),
            models: run.models(),
            name: run.name.clone(),
            model_code: run.config.model.code(),
            status: run.status.name(),
            config: ConfigView::of(&run.config),
            config_hash: run.config.digest(),
            learned: run.learned.as_ref().map(LearnedView::from),
            answers_reports: run.config.is_usual(),
            created_at: Moment(run.created_at),
            started_at: run.executed_at.map(Moment),
            completed_at: run.completed_at.map(Moment),
            approved_at: run.approved_at.map(Moment),
            conversions_processed: run.totals.conversions(),
            attributed_total: MoneyView::totals(run, |total| total.attributed_minor),
            unattributed_total: MoneyView::totals(run, |total| total.unattributed_minor),
            failure_reason: run.failure.clone(),
        }
    }
}
