//! What all reports share: range, currency, and which run answers.

use std::collections::BTreeSet;

use api::views::Moment;
use api::{Access, ApiError, Query};
use domain::money::Currency;
use domain::run::{Dimension, RunStatus};
use domain::time::Day;
use serde::Serialize;
use store::{Run, Sums, Tenant, covered};

/// What a report is asked for.
pub(crate) struct Asked {
    pub(crate) start: Day,
    pub(crate) end: Day,
    pub(crate) currency: Currency,
    pub(crate) run: Option<Run>,
}

/// The days of the range that the run took conversions of.
#[derive(Debug, Serialize)]
struct CoverageView {
    start_date: String,
    end_date: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct MetaView {
    run_id: Option<String>,
    model_code: Option<&'static str>,
    currency: Currency,
    other_currencies: Vec<Currency>,
    start_date: String,
    end_date: String,
    time_zone: &'static str,
    as_of: Option<Moment>,
    coverage: Option<CoverageView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReportView<R, T> {
    pub(crate) rows: Vec<R>,
    pub(crate) totals: T,
}

/// Takes `start_date`, `end_date` (by default the last 30 days), `currency` (the tenant's) and `run_id` (see
/// [`store::Table::run_for`]).
pub(crate) async fn asked(access: &Access, tenant: &Tenant, mut query: Query) -> Result<Asked, ApiError> {
    let zone = tenant.settings.zone();
    let now = access.clock.now();
    let end = query.day("end_date");
    let start = query.day("start_date");
    let end = end.unwrap_or_else(|| zone.day_of(now).max(start.unwrap_or_else(|| zone.day_of(now))));
    let start = start.unwrap_or_else(|| end.minus(29));
    if end < start {
        query.refuse("end_date", "must not be before start_date");
    }
    let currency =
        query.parsed("currency", |code| Currency::parse(code).ok_or("is not a currency of ISO 4217"));
    let run_id = query.text("run_id");
    query.finish()?;
    let run = match run_id {
        None => access.table.run_for(tenant, Some((start, end)), now).await?,
        Some(id) => {
            let run = access.table.run(&tenant.id, &id, now).await?.ok_or(ApiError::NotFound("run"))?;
            if run.status != RunStatus::Completed {
                return Err(ApiError::NotCompleted(run.status.name()));
            }
            Some(run)
        }
    };
    let usd = Currency::parse("USD");
    let currency = currency.or(tenant.settings.currency()).or(usd).ok_or(ApiError::NotFound("currency"))?;
    Ok(Asked { start, end, currency, run })
}

impl Asked {
    /// The run's sums in a dimension over the range.
    pub(crate) async fn sums(
        &self,
        access: &Access,
        tenant: &Tenant,
        dimension: Dimension,
    ) -> Result<Sums, ApiError> {
        match &self.run {
            None => Ok(Sums::new()),
            Some(run) => {
                Ok(access.table.run_sums(&tenant.id, run, dimension, (self.start, self.end)).await?)
            }
        }
    }

    pub(crate) fn meta(&self, tenant: &Tenant, totals: &Sums) -> MetaView {
        let currencies: BTreeSet<Currency> = totals.keys().map(|of| of.currency).collect();
        let coverage = self.run.as_ref().map(|run| covered(tenant, run));
        let coverage = coverage.map(|(from, to)| (from.max(self.start), to.min(self.end)));
        Self::meta_view(self, tenant, currencies, coverage.filter(|(from, to)| from <= to))
    }

    fn meta_view(
        &self,
        tenant: &Tenant,
        currencies: BTreeSet<Currency>,
        coverage: Option<(Day, Day)>,
    ) -> MetaView {
        let run = self.run.as_ref();
        MetaView {
            run_id: run.map(|run| run.run_id.clone()),
            model_code: run.map(|run| run.config.model.code()),
            currency: self.currency,
            other_currencies: currencies.into_iter().filter(|currency| *currency != self.currency).collect(),
            start_date: self.start.to_string(),
            end_date: self.end.to_string(),
            time_zone: tenant.settings.zone().name(),
            as_of: run.and_then(|run| run.cutoff).map(Moment),
            coverage: coverage
                .map(|(from, to)| CoverageView { start_date: from.to_string(), end_date: to.to_string() }),
        }
    }
}
