//! What all reports share: range, currency, which run answers, and the rows with what they earned and what was counted.
//!
//! Money and conversions are those of the run's credits in one currency, on the conversion's day. Interactions are
//! those that began in the range.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::fields::Wanted;
use api::views::{Amount, Moment};
use api::{Access, ApiError, Query};
use domain::dimension::Dimension;
use domain::money::{Currency, Money};
use domain::rollup::Tally;
use domain::run::{ModelCode, RunStatus};
use domain::time::Day;
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Answer, Sum, Sums, Tenant};

/// How many runs' sums are read at a time.
const ABREAST: usize = 8;

/// The days of the range that the runs took conversions of.
#[derive(Debug, Serialize, JsonSchema)]
struct CoverageView {
    start_date: Day,
    end_date: Day,
}

/// A run, and the days it is asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReportRunView")]
struct AnswerView {
    #[schemars(example = &"run_018d0e0a7b7c7d008000000000000001")]
    run_id: String,
    start_date: Day,
    end_date: Day,
    as_of: Option<Moment>,
    /// How long before a conversion a touch counts for it.
    time_window_hours: u32,
}

impl AnswerView {
    fn of(answer: &Answer) -> Self {
        Self {
            run_id: answer.run.id(),
            start_date: answer.from,
            end_date: answer.to,
            as_of: answer.run.cutoff.map(Moment),
            time_window_hours: answer.run.config.window_hours,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReportMetaView")]
pub(crate) struct MetaView {
    /// The newest of the runs that answer.
    #[schemars(example = &"run_018d0e0a7b7c7d008000000000000001")]
    run_id: Option<String>,
    #[schemars(with = "Option<ModelCode>")]
    model_code: Option<&'static str>,
    currency: Currency,
    /// In which there are conversions too, on these days. Amounts are never converted: ask with `currency` for them.
    other_currencies: BTreeSet<Currency>,
    start_date: Day,
    end_date: Day,
    #[schemars(example = &"America/New_York")]
    time_zone: &'static str,
    /// What had arrived by then was taken into account.
    as_of: Option<Moment>,
    /// The days of the range whose conversions the runs took; outside it revenue is zero, and interactions are counted.
    coverage: Option<CoverageView>,
    runs: Vec<AnswerView>,
}

/// What a report answers: `M` is what it tells of each row and of all of them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{R}Report")]
pub(crate) struct ReportView<R, M> {
    pub(crate) rows: Vec<R>,
    pub(crate) totals: TotalsView<M>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{M}Totals")]
pub(crate) struct TotalsView<M> {
    /// Of all conversions in the range, whatever rows are asked for.
    unattributed_revenue: Amount,
    #[serde(flatten)]
    metrics: M,
}

/// What a row, or all of them, earned, and what was counted of its interactions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) sum: Sum,
    pub(crate) tally: Tally,
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.sum.add(&other.sum);
        self.tally.add(&other.tally);
    }

    /// Revenue over conversions, to the nearest minor unit.
    fn deal_size(&self, currency: Currency) -> Option<Amount> {
        let conversions = i64::try_from(self.sum.conversions).ok().filter(|conversions| *conversions > 0)?;
        // To the nearest also below zero, where more was paid back than earned.
        let minor = (self.sum.revenue_minor + conversions / 2).div_euclid(conversions);
        Some(Amount(Money { minor, currency }))
    }
}

/// What every report tells of a row.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EarnedView {
    attributed_revenue: Amount,
    conversions: u64,
    /// Interactions with a credit, of all that began in the range.
    conversion_rate: Option<f64>,
    average_deal_size: Option<Amount>,
}

impl EarnedView {
    pub(crate) fn of(figures: &Figures, currency: Currency) -> Self {
        Self {
            attributed_revenue: Amount(Money { minor: figures.sum.revenue_minor, currency }),
            conversions: figures.sum.conversions,
            conversion_rate: ratio(figures.sum.credited, figures.tally.interactions),
            average_deal_size: figures.deal_size(currency),
        }
    }
}

/// To six decimal places, so that the same counts always read the same; None over nothing.
pub(crate) fn ratio(of: u64, over: u64) -> Option<f64> {
    let millionths = (u128::from(of) * 1_000_000 + u128::from(over / 2)).checked_div(u128::from(over))?;
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000).parse().ok()
}

/// What every report is asked for: by default the last 30 days, in the tenant's currency.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct Asked {
    /// The first day, in the tenant's time zone; 29 days before the last unless given
    start_date: Option<Day>,
    /// The last day; today unless given
    end_date: Option<Day>,
    /// The tenant's unless given
    currency: Option<Currency>,
    /// A completed run. Unless given, each day is answered by the latest completed run whose configuration is the usual
    /// one (`answers_reports`); if there is none, by the newest that has it
    run_id: Option<Wanted>,
}

/// Of a `run_id` that does not answer.
pub(crate) fn refusals() -> Vec<ApiError> {
    vec![ApiError::NotFound("object"), ApiError::NotCompleted("running")]
}

/// What a report is asked for, and the numbers it is made of.
pub(crate) struct Report {
    tenant: Arc<Tenant>,
    pub(crate) currency: Currency,
    days: (Day, Day),
    answers: Vec<Answer>,
    sums: Sums,
    totals: Sums,
    counted: BTreeMap<String, Tally>,
}

impl Report {
    /// Takes `start_date`, `end_date` (by default the last 30 days), `currency` (the tenant's) and `run_id` (see
    /// [`store::Table::answers`]).
    pub(crate) async fn asked<T>(
        access: &Access,
        tenant: &Arc<Tenant>,
        dimension: Dimension,
        mut query: Query<T>,
    ) -> Result<Self, ApiError> {
        let zone = tenant.settings.zone();
        let now = access.clock.now();
        let (start, end) = query.last_days(zone.day_of(now));
        let currency = query.currency("currency");
        let run_id = query.text("run_id");
        query.finish()?;
        let days = (start, end);
        let answers = answers(access, tenant, days, run_id).await?;
        let usd = Currency::parse("USD");
        let currency =
            currency.or(tenant.settings.currency()).or(usd).ok_or(ApiError::NotFound("currency"))?;
        let hours = (zone.hour_of(zone.start_of(start)), zone.hour_of(zone.end_of(end)));
        let (counted, sums, totals) = tokio::try_join!(
            async { Ok(access.table.tallies(tenant, dimension, hours, now).await?) },
            sums_of(access, tenant, dimension, &answers),
            sums_of(access, tenant, Dimension::Total, &answers),
        )?;
        Ok(Self { tenant: Arc::clone(tenant), currency, days, answers, sums, totals, counted })
    }

    /// The rows that `keep` keeps, by their value, those that earned most first; and what they come to together.
    ///
    /// What has no value stands in the row None.
    pub(crate) fn rows(&self, keep: impl Fn(&str) -> bool) -> (Vec<(Option<String>, Figures)>, Figures) {
        let mut rows: BTreeMap<String, Figures> = BTreeMap::new();
        for (value, sum) in of_currency(&self.sums, self.currency).filter(|(_, sum)| sum.has_credit()) {
            rows.entry(value.clone()).or_default().sum.add(sum);
        }
        for (value, tally) in &self.counted {
            rows.entry(value.clone()).or_default().tally.add(tally);
        }
        let all = rows.len();
        rows.retain(|value, _| keep(value));
        let mut total = Figures::default();
        rows.values().for_each(|figures| total.add(figures));
        if rows.len() == all {
            // A conversion that several rows earned is one conversion.
            let conversions = of_currency(&self.totals, self.currency).map(|(_, sum)| sum.conversions);
            total.sum.conversions = conversions.sum();
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by(|(a, x), (b, y)| {
            let earned = y.sum.revenue_minor.cmp(&x.sum.revenue_minor);
            earned.then(y.tally.interactions.cmp(&x.tally.interactions)).then_with(|| a.cmp(b))
        });
        let named =
            |(value, figures): (String, Figures)| (Some(value).filter(|value| !value.is_empty()), figures);
        (rows.into_iter().map(named).collect(), total)
    }

    pub(crate) fn totals<M>(&self, metrics: M) -> TotalsView<M> {
        let unattributed = of_currency(&self.totals, self.currency).map(|(_, sum)| sum.unattributed_minor);
        let minor = unattributed.sum();
        TotalsView { unattributed_revenue: Amount(Money { minor, currency: self.currency }), metrics }
    }

    pub(crate) fn meta(&self) -> MetaView {
        let (start, end) = self.days;
        let newest = self.answers.iter().map(|answer| &answer.run).max_by_key(|run| run.cutoff);
        let covered: Vec<_> = self.answers.iter().filter_map(|answer| answer.covered(&self.tenant)).collect();
        let first = covered.iter().map(|(from, _)| *from).min();
        let last = covered.iter().map(|(_, to)| *to).max();
        let others = self.totals.keys().map(|of| of.currency).filter(|currency| *currency != self.currency);
        MetaView {
            run_id: newest.map(|run| run.id()),
            model_code: newest.map(|run| run.config.model.code()),
            currency: self.currency,
            other_currencies: others.collect(),
            start_date: start,
            end_date: end,
            time_zone: self.tenant.settings.zone().name(),
            as_of: newest.and_then(|run| run.cutoff).map(Moment),
            coverage: first.zip(last).map(|(start_date, end_date)| CoverageView { start_date, end_date }),
            runs: self.answers.iter().map(AnswerView::of).collect(),
        }
    }
}

/// The run that was named, else those that answer for these days.
async fn answers(
    access: &Access,
    tenant: &Tenant,
    (from, to): (Day, Day),
    run_id: Option<String>,
) -> Result<Vec<Answer>, ApiError> {
    let now = access.clock.now();
    let Some(id) = run_id else {
        return Ok(access.table.answers(tenant, (from, to), now).await?);
    };
    let run = access.table.run(&tenant.id, &id, now).await?.ok_or(ApiError::NotFound("run"))?;
    if run.status != RunStatus::Completed {
        return Err(ApiError::NotCompleted(run.status.name()));
    }
    Ok(vec![Answer { run, from, to }])
}

/// The sums of every run over the days it is asked for.
async fn sums_of(
    access: &Access,
    tenant: &Tenant,
    dimension: Dimension,
    answers: &[Answer],
) -> Result<Sums, ApiError> {
    let of = |answer: &Answer| {
        let (run, days) = (answer.run.clone(), (answer.from, answer.to));
        async move { access.table.run_sums(&tenant.id, &run, dimension, days).await }
    };
    let all = stream::iter(answers.iter().map(of).collect::<Vec<_>>()).buffered(ABREAST);
    // No day is asked of two runs.
    Ok(all
        .try_fold(Sums::new(), async |mut all, sums| {
            all.extend(sums);
            Ok(all)
        })
        .await?)
}

/// The sums of all days in one currency, by value.
fn of_currency(sums: &Sums, currency: Currency) -> impl Iterator<Item = (&String, &Sum)> {
    sums.iter().filter(move |(of, _)| of.currency == currency).flat_map(|(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_rounded_to_six_places_and_null_over_nothing() {
        assert_eq!(ratio(1, 3), Some(0.333_333));
        assert_eq!(ratio(2, 3), Some(0.666_667));
        assert_eq!(ratio(7, 7), Some(1.0));
        assert_eq!(ratio(0, 5), Some(0.0));
        assert_eq!(ratio(5, 0), None);
    }
}
