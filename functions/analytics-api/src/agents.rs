//! Which agent earned what.
//!
//! Money and conversions are those of the run's credits, on the conversion's day. What needs counts of all
//! interactions is null until rollups exist.

use std::collections::BTreeMap;

use api::views::Amount;
use api::{Access, ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::money::{Currency, Money};
use domain::run::Dimension;
use serde::Serialize;
use store::{Sum, Sums};

use crate::report::{self, MetaView, ReportView};

#[derive(Debug, Serialize)]
pub(crate) struct AgentView {
    /// None for what was credited to touches without an agent.
    agent_id: Option<String>,
    team_id: Option<String>,
    attributed_revenue: Amount,
    conversions: u64,
    conversion_rate: Option<f64>,
    average_deal_size: Option<Amount>,
    total_interactions: Option<u64>,
    average_call_duration_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TotalsView {
    attributed_revenue: Amount,
    unattributed_revenue: Amount,
    conversions: u64,
    average_deal_size: Option<Amount>,
    total_interactions: Option<u64>,
}

/// Report revenue by agent
pub(crate) async fn report_agents_revenue(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsAgentsView>,
    mut query: Query,
) -> Result<Reported<ReportView<AgentView, TotalsView>, MetaView>, ApiError> {
    let tenant = &caller.tenant;
    let agent_id = query.text("agent_id");
    let asked = report::asked(&access, tenant, query).await?;
    let by_agent = asked.sums(&access, tenant, Dimension::Agent).await?;
    let totals = asked.sums(&access, tenant, Dimension::Total).await?;
    let mut rows: Vec<(String, Sum)> = over_days(&by_agent, asked.currency).into_iter().collect();
    rows.retain(|(agent, _)| agent_id.as_ref().is_none_or(|wanted| wanted == agent));
    rows.sort_by(|(a, x), (b, y)| y.revenue_minor.cmp(&x.revenue_minor).then_with(|| a.cmp(b)));
    let mut total = over_days(&totals, asked.currency).remove("").unwrap_or_default();
    if agent_id.is_some() {
        let only = rows.first().map(|(_, sum)| sum.clone()).unwrap_or_default();
        total = Sum { unattributed_minor: total.unattributed_minor, ..only };
    }
    let meta = asked.meta(tenant, &totals);
    let totals = totals_view(&total, asked.currency);
    let rows = rows.into_iter().map(|(agent, sum)| agent_view(agent, sum, asked.currency)).collect();
    Ok(Reported { data: ReportView { rows, totals }, meta })
}

/// The sums of all days in one currency, by value.
fn over_days(sums: &Sums, currency: Currency) -> BTreeMap<String, Sum> {
    let mut all: BTreeMap<String, Sum> = BTreeMap::new();
    for (value, sum) in sums.iter().filter(|(of, _)| of.currency == currency).flat_map(|(_, rows)| rows) {
        all.entry(value.clone()).or_default().add(sum);
    }
    all
}

fn agent_view(agent: String, sum: Sum, currency: Currency) -> AgentView {
    AgentView {
        agent_id: (!agent.is_empty()).then_some(agent),
        attributed_revenue: Amount(Money { minor: sum.revenue_minor, currency }),
        conversions: sum.conversions,
        conversion_rate: None,
        average_deal_size: deal_size(&sum, currency),
        total_interactions: None,
        average_call_duration_seconds: None,
        team_id: sum.last.and_then(|(_, team)| team),
    }
}

fn totals_view(total: &Sum, currency: Currency) -> TotalsView {
    TotalsView {
        attributed_revenue: Amount(Money { minor: total.revenue_minor, currency }),
        unattributed_revenue: Amount(Money { minor: total.unattributed_minor, currency }),
        conversions: total.conversions,
        average_deal_size: deal_size(total, currency),
        total_interactions: None,
    }
}

/// Attributed revenue over conversions, to the nearest minor unit; none without conversions.
fn deal_size(sum: &Sum, currency: Currency) -> Option<Amount> {
    let conversions = i64::try_from(sum.conversions).ok().filter(|conversions| *conversions > 0)?;
    let minor = (sum.revenue_minor + conversions / 2) / conversions;
    Some(Amount(Money { minor, currency }))
}
