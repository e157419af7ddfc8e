//! A run: one execution of attribution over conversions, with a frozen configuration.

mod config;
mod journey;
mod weights;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::config::{
    DEFAULT_WINDOW_HOURS, Filter, RunConfig, Seen, default_half_life_hours, direct_channels, paid_channels,
};
pub use self::journey::{AfterConversion, DirectTouches, PathTransform};
pub use self::weights::{CustomWeights, Milestone, MilestoneEvents};
use crate::ids::{FactId, TenantId};
pub use crate::model::ModelCode;
use crate::money::Currency;
use crate::time::{DAY_MS, MINUTE_MS, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Pending,
    Running,
    Completed,
    Failed,
    /// Somebody called it off; like a failed one it can be executed again.
    Cancelled,
}

impl RunStatus {
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The stages of a run.
///
/// Planning finds the conversions and their customers, a task for each month and for what is too much for one; for
/// DATA_DRIVEN, learning counts what their journeys did; executing credits them. The latter two have a task for some shards
/// of customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Plan,
    Learn,
    Execute,
}

impl Stage {
    pub const ALL: [Stage; 3] = [Stage::Plan, Stage::Learn, Stage::Execute];
}

/// A message to the executor. Any of them may come twice, late, or after the run is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMessage {
    /// Look where the run stands and send what is missing.
    Advance { tenant: TenantId, run_id: String, epoch: u32, cutoff: Timestamp },
    /// Do one task of a stage: some hours when planning, some shards otherwise.
    Task { tenant: TenantId, run_id: String, epoch: u32, stage: Stage, task: String },
    /// Settle what a task of a completed run credited, from behind one of its conversions on.
    Approve { tenant: TenantId, run_id: String, task: String, after: Option<FactId>, by: String },
}

/// Money of one currency, as a run adds it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    pub conversions: u64,
    pub amount_minor: i64,
    pub attributed_minor: i64,
    pub unattributed_minor: i64,
}

impl std::ops::AddAssign for Total {
    fn add_assign(&mut self, other: Self) {
        self.conversions += other.conversions;
        self.amount_minor += other.amount_minor;
        self.attributed_minor += other.attributed_minor;
        self.unattributed_minor += other.unattributed_minor;
    }
}

/// Totals by currency. Currencies are never summed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(pub BTreeMap<Currency, Total>);

impl Totals {
    pub fn add(&mut self, currency: Currency, total: Total) {
        *self.0.entry(currency).or_default() += total;
    }

    pub fn merge(&mut self, other: &Totals) {
        other.0.iter().for_each(|(currency, total)| self.add(*currency, *total));
    }

    pub fn conversions(&self) -> u64 {
        self.0.values().map(|total| total.conversions).sum()
    }

    /// Whether what was credited and what was not add up to what was planned, to the cent, in every currency.
    pub fn settles(&self, planned: &Totals) -> bool {
        let alike = |(currency, total): (&Currency, &Total)| {
            let plan = planned.0.get(currency).copied().unwrap_or_default();
            total.amount_minor == plan.amount_minor
                && total.conversions == plan.conversions
                && total.attributed_minor + total.unattributed_minor == total.amount_minor
        };
        self.0.len() == planned.0.len() && self.0.iter().all(alike)
    }
}

/// No worker is at one task for longer: the executor is stopped by then.
pub const MOST_WORK_MS: i64 = 5 * MINUTE_MS;

/// A run that has not moved for this long is failed, so that whoever waits for it learns of it.
pub const MOST_STILL_MS: i64 = DAY_MS / 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_settle_only_if_every_currency_adds_up() {
        let usd = Currency::parse("USD").unwrap();
        let mut planned = Totals::default();
        planned.add(usd, Total { conversions: 2, amount_minor: 300, ..Total::default() });
        let mut credited = Totals::default();
        credited.add(
            usd,
            Total { conversions: 2, amount_minor: 300, attributed_minor: 200, unattributed_minor: 100 },
        );
        assert!(credited.settles(&planned));
        credited.add(usd, Total { attributed_minor: 1, ..Total::default() });
        assert!(!credited.settles(&planned));
        assert!(!Totals::default().settles(&planned));
    }
}
