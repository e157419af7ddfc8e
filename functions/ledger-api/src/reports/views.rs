//! Reports as they leave.

use std::cmp::Reverse;

use api::views::{Amount, Moment};
use domain::money::{Currency, Money};
use domain::party::PartyKind;
use domain::time::{Day, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::Tenant;

use super::Asked;
use super::earned::{Earned, Row, Rows};
use crate::models;
use crate::touch_type::TouchType;

/// What was earned in a period.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportView {
    #[schemars(example = &"rpt_2024-01-01_2024-01-31_all_usd")]
    report_id: String,
    period: PeriodView,
    /// Null for all.
    #[schemars(example = &"position_based")]
    model: Option<String>,
    summary: SummaryView,
    by_channel: Vec<ChannelView>,
    by_partner: Vec<PartnerView>,
    by_broker: Vec<BrokerView>,
    by_campaign: Vec<CampaignView>,
    trend: Vec<TrendView>,
}

/// Rows beside each other.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnalyticsView {
    period: PeriodView,
    channel_performance: Vec<ChannelView>,
    partner_attribution: Vec<PartnerView>,
    broker_attribution: Vec<BrokerView>,
    campaign_performance: Vec<CampaignView>,
    trends: Vec<TrendView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PeriodView {
    start: Day,
    end: Day,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SummaryView {
    /// Conversions of the period, settled or not; refunds are none.
    total_conversions: u64,
    /// What they were worth, less what was paid back in the period.
    total_revenue: Amount,
    /// The commission of what is settled.
    total_commission: Amount,
    /// What is settled of the revenue.
    attributed_revenue: Amount,
    settled_conversions: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChannelView {
    channel: String,
    /// Touchpoints of the period; null where a partner or broker is asked for, whose are not counted by channel.
    total_touchpoints: Option<u64>,
    /// Touchpoints that earned something of the period's conversions.
    converting_touchpoints: u64,
    /// The latter of the former, at most 1; null over nothing, and where the former is.
    #[schemars(with = "Option<f64>", example = 0.25)]
    conversion_rate: Option<Box<RawValue>>,
    total_revenue: Amount,
    total_commission: Amount,
    /// Of all that is settled, of 100; null of nothing.
    #[schemars(with = "Option<f64>", example = 40)]
    attribution_percentage: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TopChannelView {
    channel: String,
    /// Attributions.
    count: u64,
    revenue: Amount,
}

/// What a partner earned; the id is null for what no partner brought.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PartnerView {
    partner_id: Option<String>,
    partner_name: Option<String>,
    #[serde(flatten)]
    earned: PartyView,
}

/// What a broker earned; the id is null for what no broker brought.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BrokerView {
    broker_id: Option<String>,
    broker_name: Option<String>,
    #[serde(flatten)]
    earned: PartyView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct PartyView {
    /// Null where something else is asked for too, since touchpoints are counted by one thing at a time.
    total_touchpoints: Option<u64>,
    conversions: u64,
    total_revenue: Amount,
    total_commission: Amount,
    /// The five that earned most.
    top_channels: Vec<TopChannelView>,
}

/// What a campaign earned; the id is null for what is of none.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CampaignView {
    campaign_id: Option<String>,
    /// Null where a channel, partner or broker is asked for, whose are not counted by campaign.
    total_touchpoints: Option<u64>,
    conversions: u64,
    total_revenue: Amount,
    total_commission: Amount,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrendView {
    date: Day,
    conversions: u64,
    /// Less what was paid back on the day; it can be negative.
    revenue: Amount,
    commission: Amount,
}

/// What a report is about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetaView {
    currency: Currency,
    /// Those of which there is money in the period that is not shown.
    other_currencies: Vec<Currency>,
    #[schemars(example = &"America/New_York")]
    time_zone: &'static str,
    as_of: Moment,
}

impl MetaView {
    pub(super) fn of(tenant: &Tenant, asked: &Asked, (earned, now): (&Earned, Timestamp)) -> Self {
        Self {
            currency: asked.currency,
            other_currencies: earned.other_currencies.iter().copied().collect(),
            time_zone: tenant.settings.zone().name(),
            as_of: Moment(now),
        }
    }
}

/// Makes views of rows in one currency.
struct Viewing<'a> {
    asked: &'a Asked,
    earned: &'a Earned,
}

fn some(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// `of` of `over` with at most six decimal places, times `scale`; None over nothing.
fn ratio(of: i128, over: i128, scale: u128) -> Option<Box<RawValue>> {
    let (part, whole) = (of.unsigned_abs() * scale * 1_000_000, over.unsigned_abs());
    let millionths = (part + whole / 2).checked_div(whole)?;
    let sign = if (of < 0) != (over < 0) && millionths > 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    Some(api::views::raw(text.trim_end_matches('0').trim_end_matches('.')))
}

impl Viewing<'_> {
    fn amount(&self, minor: i64) -> Amount {
        Amount(Money { minor, currency: self.asked.currency })
    }

    /// Rows by what they earned, most first.
    fn sorted(rows: &Rows) -> Vec<(&String, &Row)> {
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by_key(|(_, row)| (Reverse(row.revenue_minor), Reverse(row.touchpoints)));
        rows
    }

    fn channels(&self) -> Vec<ChannelView> {
        let all = self.earned.all.revenue_minor;
        let view = |(channel, row): (&String, &Row)| ChannelView {
            channel: channel.clone(),
            total_touchpoints: row.touchpoints,
            converting_touchpoints: row.converting,
            conversion_rate: row
                .touchpoints
                .and_then(|all| ratio(row.converting.min(all).into(), all.into(), 1)),
            total_revenue: self.amount(row.revenue_minor),
            total_commission: self.amount(row.commission_minor),
            attribution_percentage: ratio(row.revenue_minor.into(), all.into(), 100),
        };
        Self::sorted(&self.earned.channels).into_iter().map(view).collect()
    }

    fn party(&self, row: &Row) -> PartyView {
        let mut channels: Vec<_> = row.channels.iter().collect();
        channels.sort_by_key(|(_, (_, revenue))| Reverse(*revenue));
        let top = |(channel, (count, revenue)): (&&'static str, &(u64, i64))| TopChannelView {
            channel: (*channel).to_owned(),
            count: *count,
            revenue: self.amount(*revenue),
        };
        PartyView {
            total_touchpoints: row.touchpoints,
            conversions: row.conversions,
            total_revenue: self.amount(row.revenue_minor),
            total_commission: self.amount(row.commission_minor),
            top_channels: channels.into_iter().take(5).map(top).collect(),
        }
    }

    fn name(&self, kind: PartyKind, id: &str) -> Option<String> {
        self.earned.names.get(&(kind, id.to_owned())).cloned()
    }

    fn partners(&self) -> Vec<PartnerView> {
        let view = |(id, row): (&String, &Row)| PartnerView {
            partner_id: some(id),
            partner_name: self.name(PartyKind::Partner, id),
            earned: self.party(row),
        };
        Self::sorted(&self.earned.partners).into_iter().map(view).collect()
    }

    fn brokers(&self) -> Vec<BrokerView> {
        let view = |(id, row): (&String, &Row)| BrokerView {
            broker_id: some(id),
            broker_name: self.name(PartyKind::Broker, id),
            earned: self.party(row),
        };
        Self::sorted(&self.earned.brokers).into_iter().map(view).collect()
    }

    fn campaigns(&self) -> Vec<CampaignView> {
        let view = |(id, row): (&String, &Row)| CampaignView {
            campaign_id: some(id),
            total_touchpoints: row.touchpoints,
            conversions: row.conversions,
            total_revenue: self.amount(row.revenue_minor),
            total_commission: self.amount(row.commission_minor),
        };
        Self::sorted(&self.earned.campaigns).into_iter().map(view).collect()
    }

    fn trend(&self) -> Vec<TrendView> {
        let view = |(date, row): (&Day, &Row)| TrendView {
            date: *date,
            conversions: row.conversions,
            revenue: self.amount(row.revenue_minor),
            commission: self.amount(row.commission_minor),
        };
        self.earned.days.iter().map(view).collect()
    }

    fn period(&self) -> PeriodView {
        PeriodView { start: self.asked.days.0, end: self.asked.days.1 }
    }
}

impl ReportView {
    pub(super) fn of(asked: &Asked, earned: &Earned) -> Self {
        let viewing = Viewing { asked, earned };
        let model = asked.model.map(models::name);
        let (start, end) = asked.days;
        let what = [
            model.clone().unwrap_or_else(|| "all".to_owned()),
            asked.channel.map_or("all", TouchType::code).to_owned(),
            asked.currency.code().to_ascii_lowercase(),
        ];
        Self {
            report_id: format!("rpt_{start}_{end}_{}", what.join("_")),
            period: viewing.period(),
            model,
            summary: SummaryView {
                total_conversions: earned.conversions,
                total_revenue: viewing.amount(earned.revenue_minor),
                total_commission: viewing.amount(earned.all.commission_minor),
                attributed_revenue: viewing.amount(earned.all.revenue_minor),
                settled_conversions: earned.all.conversions,
            },
            by_channel: viewing.channels(),
            by_partner: viewing.partners(),
            by_broker: viewing.brokers(),
            by_campaign: viewing.campaigns(),
            trend: viewing.trend(),
        }
    }
}

impl AnalyticsView {
    pub(super) fn of(asked: &Asked, earned: &Earned) -> Self {
        let viewing = Viewing { asked, earned };
        Self {
            period: viewing.period(),
            channel_performance: viewing.channels(),
            partner_attribution: viewing.partners(),
            broker_attribution: viewing.brokers(),
            campaign_performance: viewing.campaigns(),
            trends: viewing.trend(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_at_most_six_places_and_is_none_over_nothing() {
        let text = |of, over, scale| ratio(of, over, scale).map(|ratio| ratio.get().to_owned());
        assert_eq!(text(1, 3, 1).as_deref(), Some("0.333333"));
        assert_eq!(text(2, 5, 100).as_deref(), Some("40"));
        assert_eq!(text(-1, 4, 1).as_deref(), Some("-0.25"));
        assert_eq!(text(-2, -3, 1).as_deref(), Some("0.666667"));
        assert_eq!(text(5, 0, 1), None);
    }
}
