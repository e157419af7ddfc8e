//! Which runs answer a question that names none.

use domain::learned::Learned;
use domain::published::{Published, PublishedDays};
use domain::run::{ModelCode, RunStatus};
use domain::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::runs::Run;
use crate::table::{Item, Table, Unless, written};
use crate::tenants::Tenant;

/// How many of the newest runs are looked at.
const MOST_RUNS: usize = 200;

/// A run that is asked for some days, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub run: Run,
    pub from: Day,
    pub to: Day,
}

impl Answer {
    /// As many of the days as the run took the conversions of.
    pub fn covered(&self, tenant: &Tenant) -> Option<(Day, Day)> {
        let (from, to) = covered(tenant, &self.run);
        Some((from.max(self.from), to.min(self.to))).filter(|(from, to)| from <= to)
    }
}

#[derive(Default, Serialize, Deserialize)]
struct PublishedItem {
    pk: String,
    sk: String,
    rv: u64,
    days: PublishedDays,
}

impl Table {
    async fn published_item(
        &self,
        tenant: &Tenant,
        model: ModelCode,
    ) -> Result<Option<PublishedItem>, StoreError> {
        self.get(&keys::published(&tenant.id, model)).await
    }

    /// The published days with those of a run, and when they must not be written.
    pub(crate) async fn publishing(
        &self,
        tenant: &Tenant,
        run: &Run,
        now: Timestamp,
    ) -> Result<(Item, Unless<'static>), StoreError> {
        let key = keys::published(&tenant.id, run.config.model);
        let before = self.published_item(tenant, run.config.model).await?;
        let unless = before.as_ref().map_or(Unless::Exists, |before| Unless::Changed(before.rv));
        let before = before.unwrap_or_default();
        let (from, to) = covered(tenant, run);
        let published = Published {
            from,
            to,
            run_id: run.id(),
            cutoff: run.cutoff.unwrap_or(run.created_at),
            expires_at: run.expires_at,
        };
        let days = before.days.with(&published, now);
        Ok((written(&PublishedItem { pk: key.pk, sk: key.sk, rv: before.rv + 1, days })?, unless))
    }

    /// The runs that answer for the days from `from` to `to`, both included: those published by the tenant's default
    /// model; if there are none, the newest completed run that covers the days, else the newest that overlaps them, by that
    /// model if it is one of its. Oldest days first.
    pub async fn answers(
        &self,
        tenant: &Tenant,
        (from, to): (Day, Day),
        now: Timestamp,
    ) -> Result<Vec<Answer>, StoreError> {
        let published = self.published_item(tenant, tenant.settings.default_model).await?;
        let days = published.map(|item| item.days.between(from, to)).unwrap_or_default();
        let ids: Vec<_> = days.iter().map(|published| published.run_id.clone()).collect();
        let runs = self.runs_by_id(&tenant.id, &ids, now).await?;
        let answer = |published: Published| {
            let run = runs.iter().find(|run| run.id() == published.run_id)?.clone();
            (run.status == RunStatus::Completed).then_some(Answer {
                run,
                from: published.from,
                to: published.to,
            })
        };
        let answers: Vec<_> = days.into_iter().filter_map(answer).collect();
        if !answers.is_empty() {
            return Ok(answers);
        }
        let run = self.newest_for(tenant, (from, to), now).await?;
        Ok(run.map(|run| Answer { run, from, to }).into_iter().collect())
    }

    /// What the latest published run of DATA_DRIVEN learned; None if there is none.
    pub async fn learned(&self, tenant: &Tenant, now: Timestamp) -> Result<Option<Learned>, StoreError> {
        let published = self.published_item(tenant, ModelCode::DataDriven).await?;
        let Some(latest) = published.as_ref().and_then(|item| item.days.latest()) else { return Ok(None) };
        Ok(self.run(&tenant.id, &latest.run_id, now).await?.and_then(|run| run.learned))
    }

    async fn newest_for(
        &self,
        tenant: &Tenant,
        (start, end): (Day, Day),
        now: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let by_default = |run: Run| run.of_model(tenant.settings.default_model).unwrap_or(run);
        let (mut before, mut looked_at, mut overlapping) = (None, 0, None);
        while looked_at < MOST_RUNS {
            let (runs, next) = self.runs(&tenant.id, before.as_deref(), 50, now).await?;
            looked_at += runs.len();
            for run in runs.into_iter().filter(|run| run.status == RunStatus::Completed) {
                let (from, to) = covered(tenant, &run);
                if from <= start && end <= to {
                    return Ok(Some(by_default(run)));
                }
                if overlapping.is_none() && from <= end && start <= to {
                    overlapping = Some(run);
                }
            }
            match next {
                Some(next) => before = Some(next),
                None => break,
            }
        }
        Ok(overlapping.map(by_default))
    }
}

/// The days whose conversions a run took, both included: up to its cutoff at most.
fn covered(tenant: &Tenant, run: &Run) -> (Day, Day) {
    let zone = tenant.settings.zone();
    let (from, to) = run.config.span(zone);
    let cutoff = run.cutoff.unwrap_or(run.created_at);
    (zone.day_of(from), zone.day_of(to.min(cutoff)))
}
