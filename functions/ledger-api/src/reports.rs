//! Reports over the ledger: what was earned by channel, partner, broker and campaign, and how it went day by day.

mod earned;
mod views;

use api::fields::Wanted;
use api::{Access, ApiError, Caller, Query, Reported, may};
use axum::extract::State;
use domain::model::ModelCode;
use domain::money::Currency;
use domain::rule::Rule;
use domain::time::Day;
use schemars::JsonSchema;
use store::{Span, Tenant};

use self::earned::Earned;
use self::views::{AnalyticsView, MetaView, ReportView};
use crate::models::{self, ModelName};
use crate::touch_type::TouchType;

/// What is reported on: by default the last 30 days, in the tenant's currency.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ReportRequest {
    /// The first day, in the tenant's time zone; 29 days before the last unless given
    start_date: Option<Day>,
    /// The last day; today unless given
    end_date: Option<Day>,
    /// Only what this model settled
    model: Option<ModelName>,
    /// Only what this channel earned
    channel: Option<TouchType>,
    /// The tenant's unless given
    currency: Option<Currency>,
    /// Only what this partner earned
    partner_id: Option<Wanted>,
    /// Only what this broker earned
    broker_id: Option<Wanted>,
}

/// What is asked for.
#[derive(Clone, Debug)]
struct Asked {
    days: (Day, Day),
    span: Span,
    model: Option<ModelCode>,
    channel: Option<TouchType>,
    currency: Currency,
    partner_id: Option<String>,
    broker_id: Option<String>,
}

impl Asked {
    fn take(access: &Access, tenant: &Tenant, mut query: Query<ReportRequest>) -> Result<Self, ApiError> {
        query.accept_snake_case();
        let zone = tenant.settings.zone();
        let today = zone.day_of(access.clock.now());
        let (start, end) = query.last_days(today);
        let model = query.parsed("model", |text| {
            ModelCode::parse(text)
                .ok_or_else(|| format!("must be one of {}", ModelCode::ALL.map(models::name).join(", ")))
        });
        let channel = query.parsed("channel", TouchType::named);
        let currency = query.currency("currency");
        let (partner_id, broker_id) = (query.text("partnerId"), query.text("brokerId"));
        query.finish()?;
        let usual = tenant.settings.currency().or_else(|| Currency::parse("USD"));
        Ok(Self {
            days: (start, end),
            span: Span::of_days(Some(start), Some(end), zone),
            model,
            channel,
            currency: currency.or(usual).ok_or(ApiError::NotFound("currency"))?,
            partner_id,
            broker_id,
        })
    }
}

/// Report what was earned: by channel, partner, broker and campaign, and day by day
///
/// It reads the ledger: what was calculated and saved, or approved with a run. Refunds count on their own day.
pub(crate) async fn report(
    State(access): State<Access>,
    caller: Caller<may::AttributionView>,
    query: Query<ReportRequest>,
) -> Result<Reported<ReportView, MetaView>, ApiError> {
    let asked = Asked::take(&access, &caller.tenant, query)?;
    let earned = Earned::read(&access, &caller.tenant, &asked).await?;
    let meta = MetaView::of(&caller.tenant, &asked, (&earned, access.clock.now()));
    Ok(Reported { data: ReportView::of(&asked, &earned), meta })
}

/// Analyse what was earned: channels, partners, brokers and campaigns beside each other, and the trend
pub(crate) async fn analyse(
    State(access): State<Access>,
    caller: Caller<may::AttributionView>,
    query: Query<ReportRequest>,
) -> Result<Reported<AnalyticsView, MetaView>, ApiError> {
    let asked = Asked::take(&access, &caller.tenant, query)?;
    let earned = Earned::read(&access, &caller.tenant, &asked).await?;
    let meta = MetaView::of(&caller.tenant, &asked, (&earned, access.clock.now()));
    Ok(Reported { data: AnalyticsView::of(&asked, &earned), meta })
}
