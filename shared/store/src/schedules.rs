//! Schedules: runs that start by themselves.
//!
//! Beside a schedule stands an entry in a list of all that is due, of whatever tenant, so that looking costs the same
//! however many there are. An entry counts only if its time is the one that the schedule says.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::TenantId;
use domain::run::{ModelCode, RunConfig};
use domain::schedule::Timing;
use domain::time::{DAY_MS, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Item, Range, Sorted, Table, Unless, written};

/// A schedule as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub schedule_id: String,
    pub name: String,
    /// Of the runs, their days apart.
    pub config: RunConfig,
    /// By what other models the runs credit too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_models: Vec<ModelCode>,
    pub timing: Timing,
    /// How many whole days before the one on which a run starts it takes conversions of.
    pub last_days: u16,
    pub created_at: Timestamp,
    /// When the next run is due.
    pub due_at: Timestamp,
    /// The run that started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_id: Option<String>,
    /// When somebody ended it: nothing is due any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(rename = "rv", default)]
    pub revision: u64,
}

/// How long it is known that a schedule was ended.
const KEPT_ENDED_MS: i64 = 30 * DAY_MS;

/// That a run is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub tenant: TenantId,
    pub schedule_id: String,
    pub due_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct ScheduleItem {
    pk: String,
    sk: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(flatten)]
    schedule: Schedule,
}

#[derive(Serialize, Deserialize)]
struct DueItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    due: Due,
}

impl Table {
    /// Creates a schedule; answers it as it stands, which may have been created before.
    pub async fn create_schedule(
        &self,
        tenant: &TenantId,
        schedule: Schedule,
    ) -> Result<Schedule, StoreError> {
        let puts = [
            (due_item(tenant, &schedule)?, Unless::Never),
            (schedule_item(tenant, &schedule)?, Unless::Exists),
        ];
        let failed = match self.put_together(&puts).await {
            Ok(None) => return Ok(schedule),
            Ok(Some(_)) => StoreError::Contended(schedule.schedule_id.clone()),
            Err(failed) => failed,
        };
        // Perhaps only the answer was lost.
        self.schedule(tenant, &schedule.schedule_id).await?.ok_or(failed)
    }

    pub async fn schedule(&self, tenant: &TenantId, id: &str) -> Result<Option<Schedule>, StoreError> {
        let item: Option<ScheduleItem> = self.get(&keys::schedule(tenant, id)).await?;
        Ok(item.map(|item| item.schedule))
    }

    /// All that have not ended, oldest first.
    pub async fn schedules(&self, tenant: &TenantId) -> Result<Vec<Schedule>, StoreError> {
        let items: Vec<ScheduleItem> =
            self.query_all(&Range::beginning(keys::schedules(tenant), "SCH#")).await?;
        let mut all: Vec<Schedule> = items.into_iter().map(|item| item.schedule).collect();
        all.retain(|schedule| schedule.ended_at.is_none());
        all.sort_by(|a, b| (a.created_at, &a.schedule_id).cmp(&(b.created_at, &b.schedule_id)));
        Ok(all)
    }

    /// Ends a schedule; false if somebody wrote since it was read.
    pub async fn end_schedule(
        &self,
        tenant: &TenantId,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = Schedule { ended_at: Some(now), revision: schedule.revision + 1, ..schedule.clone() };
        let item = schedule_item(tenant, &ended)?;
        Ok(self.put_together(&[(item, Unless::Changed(schedule.revision))]).await?.is_none())
    }

    /// Notes that a run was started, and when the next one is due; unless somebody wrote since the schedule was read.
    pub async fn note_started(
        &self,
        tenant: &TenantId,
        schedule: &Schedule,
        (run_id, next): (&str, Timestamp),
    ) -> Result<(), StoreError> {
        let after = Schedule {
            due_at: next,
            last_run_id: Some(run_id.to_owned()),
            revision: schedule.revision + 1,
            ..schedule.clone()
        };
        let puts = [
            (due_item(tenant, &after)?, Unless::Never),
            (schedule_item(tenant, &after)?, Unless::Changed(schedule.revision)),
        ];
        self.put_together(&puts).await?;
        Ok(())
    }

    /// What is due by now, of every tenant.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        let mut all = Vec::new();
        for shard in 0..keys::GLOBAL_SHARDS {
            let range =
                Range::of(keys::due(shard), Sorted::Between("0".to_owned(), format!("{}#~", now.sortable())));
            let items: Vec<DueItem> = self.query_all(&range).await?;
            all.extend(items.into_iter().map(|item| item.due));
        }
        Ok(all)
    }

    /// Forgets that something was due, once that was seen to.
    pub async fn forget_due(&self, due: &Due) -> Result<(), StoreError> {
        let key = keys::due_run(&due.tenant, &due.schedule_id, due.due_at);
        let id = (":id", AttributeValue::S(due.schedule_id.clone()));
        self.delete(&key, "schedule_id = :id", id).await
    }
}

fn schedule_item(tenant: &TenantId, schedule: &Schedule) -> Result<Item, StoreError> {
    let key = keys::schedule(tenant, &schedule.schedule_id);
    let ttl = schedule.ended_at.map(|ended| ended.plus_ms(KEPT_ENDED_MS).ms() / 1_000);
    written(&ScheduleItem { pk: key.pk, sk: key.sk, ttl, schedule: schedule.clone() })
}

fn due_item(tenant: &TenantId, schedule: &Schedule) -> Result<Item, StoreError> {
    let key = keys::due_run(tenant, &schedule.schedule_id, schedule.due_at);
    let due =
        Due { tenant: tenant.clone(), schedule_id: schedule.schedule_id.clone(), due_at: schedule.due_at };
    written(&DueItem { pk: key.pk, sk: key.sk, due })
}
