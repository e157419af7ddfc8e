//! Vendors side by side: what their interactions earned.

use api::fields::Wanted;
use api::views::Amount;
use api::{Access, ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::dimension::Dimension;
use domain::ids::vendor_id;
use domain::money::Currency;
use domain::rule::Rule;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Asked, EarnedView, Figures, MetaView, Report, ReportView};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VendorView {
    /// Null for interactions without a vendor.
    vendor_id: Option<String>,
    #[schemars(example = &"vendor-a")]
    vendor_code: Option<String>,
    #[serde(flatten)]
    metrics: MetricsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VendorMetrics")]
pub(crate) struct MetricsView {
    #[serde(flatten)]
    earned: EarnedView,
    total_interactions: u64,
    /// What the vendor was paid, and what follows from it: null as long as nobody tells us.
    cost: Option<Amount>,
    cost_per_acquisition: Option<Amount>,
    roi: Option<f64>,
}

impl MetricsView {
    fn of(figures: &Figures, currency: Currency) -> Self {
        Self {
            earned: EarnedView::of(figures, currency),
            total_interactions: figures.tally.interactions,
            cost: None,
            cost_per_acquisition: None,
            roi: None,
        }
    }
}

/// What the report is asked for.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct VendorsAsked {
    /// Only this vendor
    vendor_id: Option<Wanted>,
    /// Only this vendor, by the tenant's own code
    vendor_code: Option<Wanted>,
    #[schemars(flatten)]
    asked: Asked,
}

/// Compare vendors
pub(crate) async fn compare_vendors(
    State(access): State<Access>,
    caller: Caller<may::AnalyticsVendorsView>,
    mut query: Query<VendorsAsked>,
) -> Result<Reported<ReportView<VendorView, MetricsView>, MetaView>, ApiError> {
    let tenant = &caller.tenant;
    let (by_id, by_code) = (query.text("vendor_id"), query.text("vendor_code"));
    let report = Report::asked(&access, tenant, Dimension::Vendor, query).await?;
    let (rows, total) = report.rows(|code| {
        by_code.as_ref().is_none_or(|wanted| wanted == code)
            && by_id.as_ref().is_none_or(|wanted| !code.is_empty() && *wanted == vendor_id(&tenant.id, code))
    });
    let view = |(vendor_code, figures): (Option<String>, Figures)| VendorView {
        vendor_id: vendor_code.as_deref().map(|code| vendor_id(&tenant.id, code)),
        vendor_code,
        metrics: MetricsView::of(&figures, report.currency),
    };
    let totals = report.totals(MetricsView::of(&total, report.currency));
    let data = ReportView { rows: rows.into_iter().map(view).collect(), totals };
    Ok(Reported { data, meta: report.meta() })
}
