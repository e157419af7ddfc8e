//! Which run answers a question that names none.

use domain::run::RunStatus;
use domain::time::{Day, Timestamp};

use crate::error::StoreError;
use crate::runs::Run;
use crate::table::Table;
use crate::tenants::Tenant;

/// How many of the newest runs are looked at.
const MOST_RUNS: usize = 200;

impl Table {
    /// The newest completed run that covers the days from `range.0` to `range.1`, both included; else the newest that
    /// overlaps them; without a range, the newest.
    pub async fn run_for(
        &self,
        tenant: &Tenant,
        range: Option<(Day, Day)>,
        now: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let (mut before, mut looked_at, mut overlapping) = (None, 0, None);
        while looked_at < MOST_RUNS {
            let (runs, next) = self.runs(&tenant.id, before.as_deref(), 50, now).await?;
            looked_at += runs.len();
            for run in runs.into_iter().filter(|run| run.status == RunStatus::Completed) {
                let Some((start, end)) = range else { return Ok(Some(run)) };
                let (from, to) = covered(tenant, &run);
                if from <= start && end <= to {
                    return Ok(Some(run));
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
        Ok(overlapping)
    }
}

/// The days whose conversions a run took, both included: up to its cutoff at most.
pub fn covered(tenant: &Tenant, run: &Run) -> (Day, Day) {
    let zone = tenant.settings.zone();
    let (from, to) = run.config.span(zone);
    let cutoff = run.cutoff.unwrap_or(run.created_at);
    (zone.day_of(from), zone.day_of(to.min(cutoff)))
}
