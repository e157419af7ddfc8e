//! Which intents earned what. Of an interaction's intents only the primary one counts.

use api::fields::Wanted;
use api::{Access, ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::dimension::Dimension;
use domain::money::Currency;
use domain::rule::Rule;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Asked, EarnedView, Figures, MetaView, Report, ReportView, ratio};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IntentView {
    /// Null for interactions without an intent.
    #[schemars(example = &"purchase_inquiry")]
    intent: Option<String>,
    #[serde(flatten)]
    metrics: MetricsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IntentMetrics")]
pub(crate) struct MetricsView {
    #[serde(flatten)]
    earned: EarnedView,
    /// How many interactions had this intent.
    frequency: u64,
    /// Over the interactions that have one.
    average_purchase_probability: Option<f64>,
}

impl MetricsView {
    fn of(figures: &Figures, currency: Currency) -> Self {
        let tally = &figures.tally;
        Self {
            earned: EarnedView::of(figures, currency),
            frequency: tally.interactions,
            average_purchase_probability: ratio(tally.probability_ppb, tally.rated * 1_000_000_000),
        }
    }
}

/// What the report is asked for.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct IntentsAsked {
    /// Only this intent
    intent: Option<Wanted>,
    #[schemars(flatten)]
    asked: Asked,
}

/// Report revenue by intent
pub(crate) async fn report_intents_revenue(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsIntentsView>,
    mut query: Query<IntentsAsked>,
) -> Result<Reported<ReportView<IntentView, MetricsView>, MetaView>, ApiError> {
    let wanted = query.text("intent");
    let report = Report::asked(&access, &caller.tenant, Dimension::Intent, query).await?;
    let (rows, total) = report.rows(|intent| wanted.as_ref().is_none_or(|wanted| wanted == intent));
    let view = |(intent, figures): (Option<String>, Figures)| IntentView {
        intent,
        metrics: MetricsView::of(&figures, report.currency),
    };
    let totals = report.totals(MetricsView::of(&total, report.currency));
    let data = ReportView { rows: rows.into_iter().map(view).collect(), totals };
    Ok(Reported { data, meta: report.meta() })
}
