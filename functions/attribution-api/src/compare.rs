//! Runs side by side: what each model, or each window, gives whom.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::views::Amount;
use api::{ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::dimension::Dimension;
use domain::money::{Currency, Money};
use domain::rule::Rule;
use domain::run::ModelCode;
use domain::time::Day;
use futures::future::try_join_all;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use store::{Run, Span, Sum};

use crate::App;
use crate::results::completed;
use crate::views::MoneyView;

/// No more runs, or models of a run, stand side by side.
const MOST_RUNS: usize = 16;

/// What is compared.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct CompareAsked {
    run_ids: RunIds,
    /// Who has rows; `agent` unless given
    by: Option<By>,
    /// The tenant's unless given
    currency: Option<Currency>,
    /// The first day of the conversions, in the tenant's time zone
    start_date: Option<Day>,
    /// The last day
    end_date: Option<Day>,
}

/// Completed runs, with commas between them. Differences are to the first.
struct RunIds;

impl JsonSchema for RunIds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RunIds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[^,]+(,[^,]+){0,15}$",
            "description": "1 to 16 completed runs, with commas between them; differences are to the first. A run that \
                credits by several models stands there with each of them if it is the only one that is named",
            "examples": ["run_018d0e0a7b7c7d008000000000000001,run_018d0e0a7b7c7d008000000000000002"],
        })
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "ComparedBy")]
#[expect(dead_code, reason = "it describes what is read below")]
enum By {
    Agent,
    Vendor,
    Channel,
    Intent,
    Campaign,
    Partner,
    Broker,
}

/// What one run gives.
#[derive(Debug, Serialize, JsonSchema)]
struct GivenView {
    run_id: String,
    attributed_revenue: Amount,
    conversions: u64,
    /// What the conversions come to on whose journeys it was, each of them whole, whatever the model gave it. Rows add up to
    /// more than there was, so it is for reading and never for paying. Also known as participation.
    influenced_revenue: Amount,
    influenced_conversions: u64,
    /// More than the first run gives, or less.
    difference: Amount,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowView {
    /// Null for touches without one.
    #[schemars(example = &"agent-001")]
    value: Option<String>,
    runs: Vec<GivenView>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComparisonView {
    /// Those first that earn most by the first run.
    rows: Vec<RowView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ComparedRunView {
    run_id: String,
    name: String,
    #[schemars(with = "ModelCode")]
    model_code: &'static str,
    attributed_total: Vec<MoneyView>,
    unattributed_total: Vec<MoneyView>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ComparisonMeta {
    #[schemars(with = "By")]
    by: &'static str,
    currency: Currency,
    start_date: Option<Day>,
    end_date: Option<Day>,
    runs: Vec<ComparedRunView>,
}

/// Compare completed runs, row by row
pub(crate) async fn compare_runs(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    mut query: Query<CompareAsked>,
) -> Result<Reported<ComparisonView, ComparisonMeta>, ApiError> {
    let tenant = &caller.tenant;
    let ids = query.parsed("run_ids", run_ids);
    let by = query.parsed("by", dimension).unwrap_or(Dimension::Agent);
    let currency = query.currency("currency");
    let (start, end) = query.open_days();
    query.finish()?;
    let ids = ids.ok_or_else(|| ApiError::field("run_ids", "is required"))?;
    let currency = currency.or(tenant.settings.currency()).ok_or(ApiError::NotFound("currency"))?;
    let mut runs = try_join_all(ids.iter().map(|id| completed(&app, tenant, id))).await?;
    if let [only] = runs.as_slice() {
        runs = only.each();
    }
    let zone = tenant.settings.zone();
    let days = (
        start.unwrap_or_else(|| zone.day_of(Span::ALL.from)),
        end.unwrap_or_else(|| zone.day_of(Span::ALL.to)),
    );
    let earned = runs.iter().map(async |run| {
        let sums = app.access.table.run_sums(&tenant.id, run, by, days).await?;
        let of_currency = sums.into_iter().filter(|(of, _)| of.currency == currency);
        let mut earned: BTreeMap<String, Sum> = BTreeMap::new();
        for (value, sum) in of_currency.flat_map(|(_, rows)| rows) {
            earned.entry(value).or_default().add(&sum);
        }
        Ok::<_, ApiError>(earned)
    });
    let earned = try_join_all(earned).await?;
    Ok(Reported {
        data: ComparisonView { rows: rows(&runs, &earned, currency) },
        meta: ComparisonMeta {
            by: by.code(),
            currency,
            start_date: start,
            end_date: end,
            runs: runs.iter().map(ComparedRunView::of).collect(),
        },
    })
}

fn run_ids(text: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> = text.split(',').map(str::to_owned).collect();
    let is_readable = (1..=MOST_RUNS).contains(&ids.len()) && ids.iter().all(|id| !id.is_empty());
    if is_readable {
        Ok(ids)
    } else {
        Err(format!("must name 1 to {MOST_RUNS} runs, with commas between them"))
    }
}

fn dimension(code: &str) -> Result<Dimension, String> {
    let all = || Dimension::ALL.into_iter().filter(|dimension| *dimension != Dimension::Total);
    let codes = || all().map(Dimension::code).collect::<Vec<_>>().join(", ");
    all().find(|dimension| dimension.code() == code).ok_or_else(|| format!("must be one of {}", codes()))
}

fn rows(runs: &[Run], earned: &[BTreeMap<String, Sum>], currency: Currency) -> Vec<RowView> {
    // Others have touches on these days, and credits on other days.
    let took_part = |sum: &Sum| {
        sum.revenue_minor != 0 || sum.conversions > 0 || sum.influenced_minor != 0 || sum.influenced > 0
    };
    let of_run = |of| BTreeMap::iter(of).filter(|(_, sum)| took_part(sum)).map(|(value, _)| value);
    let mut values: Vec<&String> = earned.iter().flat_map(of_run).collect();
    values.sort();
    values.dedup();
    let minor = |of: &BTreeMap<String, Sum>, value: &String| of.get(value).map_or(0, |sum| sum.revenue_minor);
    values.sort_by_key(|value| Reverse(earned.first().map_or(0, |first| minor(first, value))));
    let amount = |minor| Amount(Money { minor, currency });
    let row = |value: &&String| {
        let first = earned.first().map_or(0, |first| minor(first, value));
        let given = runs.iter().zip(earned).map(|(run, of)| GivenView {
            run_id: run.id(),
            attributed_revenue: amount(minor(of, value)),
            conversions: of.get(*value).map_or(0, |sum| sum.conversions),
            influenced_revenue: amount(of.get(*value).map_or(0, |sum| sum.influenced_minor)),
            influenced_conversions: of.get(*value).map_or(0, |sum| sum.influenced),
            difference: amount(minor(of, value) - first),
        });
        RowView { value: Some((*value).clone()).filter(|value| !value.is_empty()), runs: given.collect() }
    };
    values.iter().map(row).collect()
}

impl ComparedRunView {
    fn of(run: &Run) -> Self {
        Self {
            run_id: run.id(),
            name: run.name.clone(),
            model_code: run.config.model.code(),
            attributed_total: MoneyView::totals(run, |total| total.attributed_minor),
            unattributed_total: MoneyView::totals(run, |total| total.unattributed_minor),
        }
    }
}
