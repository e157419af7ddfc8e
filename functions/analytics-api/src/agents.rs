//! Which agent earned what.

use api::views::Amount;
use api::{Access, ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::dimension::Dimension;
use domain::money::Currency;
use serde::Serialize;

use crate::report::{Facts, MetaView, Report, ReportView, ratio};

#[derive(Debug, Serialize)]
pub(crate) struct AgentView {
    /// None for interactions without an agent.
    agent_id: Option<String>,
    /// In which the agent's newest interaction was.
    team_id: Option<String>,
    #[serde(flatten)]
    metrics: MetricsView,
}

#[derive(Debug, Serialize)]
pub(crate) struct MetricsView {
    attributed_revenue: Amount,
    conversions: u64,
    conversion_rate: Option<f64>,
    average_deal_size: Option<Amount>,
    total_interactions: u64,
    /// Over the calls whose duration is known.
    average_call_duration_seconds: Option<f64>,
}

impl MetricsView {
    fn of(facts: &Facts, currency: Currency) -> Self {
        Self {
            attributed_revenue: facts.revenue(currency),
            conversions: facts.sum.conversions,
            conversion_rate: facts.conversion_rate(),
            average_deal_size: facts.deal_size(currency),
            total_interactions: facts.tally.interactions,
            average_call_duration_seconds: ratio(facts.tally.call_seconds, facts.tally.timed_calls),
        }
    }
}

/// Report revenue by agent
pub(crate) async fn report_agents_revenue(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsAgentsView>,
    mut query: Query,
) -> Result<Reported<ReportView<AgentView, MetricsView>, MetaView>, ApiError> {
    let wanted = query.text("agent_id");
    let report = Report::asked(&access, &caller.tenant, Dimension::Agent, query).await?;
    let (rows, total) = report.rows(|agent| wanted.as_ref().is_none_or(|wanted| wanted == agent));
    let view = |(agent_id, facts): (Option<String>, Facts)| AgentView {
        metrics: MetricsView::of(&facts, report.currency),
        team_id: facts
            .sum
            .last
            .max(facts.tally.newest)
            .and_then(|(_, team)| team)
            .filter(|_| agent_id.is_some()),
        agent_id,
    };
    let totals = report.totals(MetricsView::of(&total, report.currency));
    let data = ReportView { rows: rows.into_iter().map(view).collect(), totals };
    Ok(Reported { data, meta: report.meta() })
}
