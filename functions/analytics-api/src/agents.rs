//! Which agent earned what.

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
pub(crate) struct AgentView {
    /// Null for interactions without an agent.
    #[schemars(example = &"agent-001")]
    agent_id: Option<String>,
    /// In which the agent's newest interaction was.
    #[schemars(example = &"team-1")]
    team_id: Option<String>,
    #[serde(flatten)]
    metrics: MetricsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AgentMetrics")]
pub(crate) struct MetricsView {
    #[serde(flatten)]
    earned: EarnedView,
    total_interactions: u64,
    /// Over the calls whose duration is known.
    average_call_duration_seconds: Option<f64>,
}

impl MetricsView {
    fn of(figures: &Figures, currency: Currency) -> Self {
        Self {
            earned: EarnedView::of(figures, currency),
            total_interactions: figures.tally.interactions,
            average_call_duration_seconds: ratio(figures.tally.call_seconds, figures.tally.timed_calls),
        }
    }
}

/// What the report is asked for.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct AgentsAsked {
    /// Only this agent
    agent_id: Option<Wanted>,
    #[schemars(flatten)]
    asked: Asked,
}

/// Report revenue by agent
pub(crate) async fn report_agents_revenue(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsAgentsView>,
    mut query: Query<AgentsAsked>,
) -> Result<Reported<ReportView<AgentView, MetricsView>, MetaView>, ApiError> {
    let wanted = query.text("agent_id");
    let report = Report::asked(&access, &caller.tenant, Dimension::Agent, query).await?;
    let (rows, total) = report.rows(|agent| wanted.as_ref().is_none_or(|wanted| wanted == agent));
    let view = |(agent_id, figures): (Option<String>, Figures)| AgentView {
        metrics: MetricsView::of(&figures, report.currency),
        team_id: figures
            .sum
            .last
            .max(figures.tally.newest)
            .and_then(|(_, team)| team)
            .filter(|_| agent_id.is_some()),
        agent_id,
    };
    let totals = report.totals(MetricsView::of(&total, report.currency));
    let data = ReportView { rows: rows.into_iter().map(view).collect(), totals };
    Ok(Reported { data, meta: report.meta() })
}
