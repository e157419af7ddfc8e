//! Runs and credits as they leave.

use api::views::{Amount, Moment, raw};
use domain::ids::vendor_id;
use domain::money::{Currency, Money};
use domain::run::{ModelCode, RunConfig, Total};
use domain::time::SECOND_MS;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Credit, CreditedConversion, Run, Tenant};

#[derive(Debug, Serialize)]
pub(crate) struct MoneyView {
    currency: Currency,
    amount: Amount,
}

#[derive(Debug, Serialize)]
struct ConfigView {
    time_window_hours: u32,
    include_channels: Option<Vec<String>>,
    event_types: Option<Vec<String>>,
    min_purchase_amount: Option<Amount>,
    min_purchase_currency: Option<Currency>,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_life_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_weights: Option<[u32; 3]>,
}

impl ConfigView {
    fn of(config: &RunConfig) -> Self {
        Self {
            time_window_hours: config.window_hours,
            include_channels: config.include_channels.clone(),
            event_types: config.event_types.clone(),
            min_purchase_amount: config.minimum.map(Amount),
            min_purchase_currency: config.minimum.map(|least| least.currency),
            start_date: config.start_date.clone(),
            end_date: config.end_date.clone(),
            half_life_hours: (config.model == ModelCode::TimeDecay).then_some(config.half_life_hours),
            position_weights: (config.model == ModelCode::PositionBased).then_some(config.position_weights),
        }
    }
}

/// A run and where it stands.
#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    run_id: String,
    name: String,
    model_code: &'static str,
    status: &'static str,
    config: ConfigView,
    created_at: Moment,
    started_at: Option<Moment>,
    completed_at: Option<Moment>,
    conversions_processed: u64,
    attributed_total: Vec<MoneyView>,
    unattributed_total: Vec<MoneyView>,
    failure_reason: Option<String>,
}

impl RunView {
    pub(crate) fn of(run: &Run) -> Self {
        let money = |of: fn(&Total) -> i64| {
            let view = |(currency, total): (&Currency, &Total)| MoneyView {
                currency: *currency,
                amount: Amount(Money { minor: of(total), currency: *currency }),
            };
            run.totals.0.iter().map(view).collect()
        };
        Self {
            run_id: run.run_id.clone(),
            name: run.name.clone(),
            model_code: run.config.model.code(),
            status: run.status.name(),
            config: ConfigView::of(&run.config),
            created_at: Moment(run.created_at),
            started_at: run.executed_at.map(Moment),
            completed_at: run.completed_at.map(Moment),
            conversions_processed: run.totals.conversions(),
            attributed_total: money(|total| total.attributed_minor),
            unattributed_total: money(|total| total.unattributed_minor),
            failure_reason: run.failure.clone(),
        }
    }
}

/// Why a touch got what it got.
#[derive(Debug, Serialize)]
struct ExplanationView {
    model_code: &'static str,
    touched_at: Moment,
    seconds_before_conversion: i64,
}

/// One touch's credit for one conversion.
#[derive(Debug, Serialize)]
pub(crate) struct CreditView {
    conversion_event_id: String,
    interaction_id: String,
    customer_id: Option<String>,
    agent_id: Option<String>,
    team_id: Option<String>,
    vendor_id: Option<String>,
    channel: String,
    attribution_weight: Box<RawValue>,
    attributed_amount: Amount,
    currency: Currency,
    is_primary_touch: bool,
    explanation: ExplanationView,
}

impl CreditView {
    pub(crate) fn of(tenant: &Tenant, run: &Run, conversion: &CreditedConversion, credit: &Credit) -> Self {
        let currency = conversion.amount.currency;
        Self {
            conversion_event_id: conversion.id.to_string(),
            interaction_id: credit.interaction.to_string(),
            customer_id: conversion.customer_id.as_ref().map(ToString::to_string),
            agent_id: credit.agent_id.clone(),
            team_id: credit.team_id.clone(),
            vendor_id: credit.vendor_code.as_deref().map(|code| vendor_id(&tenant.id, code)),
            channel: credit.channel.clone(),
            attribution_weight: share(credit.weight_ppb),
            attributed_amount: Amount(Money { minor: credit.amount_minor, currency }),
            currency,
            is_primary_touch: credit.is_primary,
            explanation: ExplanationView {
                model_code: run.config.model.code(),
                touched_at: Moment(credit.touched_at),
                seconds_before_conversion: conversion.occurred_at.since(credit.touched_at) / SECOND_MS,
            },
        }
    }
}

/// Billionths as a decimal without trailing zeros: `1`, `0.3`, `0.571428571`.
fn share(ppb: u64) -> Box<RawValue> {
    let text = format!("{}.{:09}", ppb / 1_000_000_000, ppb % 1_000_000_000);
    raw(text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_without_trailing_zeros() {
        let shares = [(1_000_000_000, "1"), (300_000_000, "0.3"), (571_428_571, "0.571428571"), (0, "0")];
        for (ppb, text) in shares {
            assert_eq!(share(ppb).get(), text);
        }
    }
}
