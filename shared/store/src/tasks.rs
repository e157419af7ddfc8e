//! The tasks of runs, and how they move.
//!
//! A task is done by an attempt, which writes what it found under its own id and then commits by putting that id into the
//! task's row; nobody reads what no row points to.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::TenantId;
use domain::run::{MOST_WORK_MS, Stage, Totals};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::runs::Run;
use crate::table::{Range, Table, Unless};

/// What one task found, in sum: enough to know what is next and whether all adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutcome {
    pub totals: Totals,
    /// When executing a run of several models: what the others credit, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Totals>,
    /// When planning: the shards that have work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<u32>,
    /// When planning: how many customers were, each counted for each part that knows it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub customers: u64,
    /// When planning: the tasks that plan what was too much for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<String>,
    /// A digest of everything the attempt wrote: equal facts give equal bytes.
    pub digest: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(customers: &u64) -> bool {
    *customers == 0
}

/// The row of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub stage: Stage,
    pub name: String,
    pub epoch: u32,
    /// When a worker set about it last; None too if that worker gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// The attempt that was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    pub outcome: Option<TaskOutcome>,
    pub committed_at: Option<Timestamp>,
}

impl Task {
    /// Whether a worker may be at it still.
    pub fn is_at_work(&self, now: Timestamp) -> bool {
        self.attempt.is_none() && self.begun_at.is_some_and(|begun| now.since(begun) <= MOST_WORK_MS)
    }
}

#[derive(Serialize, Deserialize)]
struct TaskItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    task: Task,
}

impl Table {
    /// Makes sure that a task has a row of this execution. A row of an earlier one is rewritten, which fences off
    /// its workers; a row of this one is left as it is.
    pub async fn open_task(
        &self,
        tenant: &TenantId,
        run: &Run,
        stage: Stage,
        name: &str,
    ) -> Result<(), StoreError> {
        let task = Task {
            stage,
            name: name.to_owned(),
            epoch: run.epoch,
            begun_at: None,
            attempt: None,
            outcome: None,
            committed_at: None,
        };
        let epoch = [(":epoch", AttributeValue::N(run.epoch.to_string()))];
        self.put(
            &task_item(tenant, run, task),
            Unless::Fails("attribute_not_exists(pk) OR epoch < :epoch", &epoch),
        )
        .await?;
        Ok(())
    }

    /// The tasks of a stage of the run's present execution, in order.
    pub async fn tasks(&self, tenant: &TenantId, run: &Run, stage: Stage) -> Result<Vec<Task>, StoreError> {
        let key = keys::task(tenant, &run.run_id, stage, "");
        let range = Range::beginning(key.pk, &key.sk);
        let items: Vec<TaskItem> = self.query_all(&range).await?;
        Ok(items.into_iter().map(|item| item.task).filter(|task| task.epoch == run.epoch).collect())
    }

    pub async fn task(
        &self,
        tenant: &TenantId,
        run_id: &str,
        stage: Stage,
        name: &str,
    ) -> Result<Option<Task>, StoreError> {
        let item: Option<TaskItem> = self.get(&keys::task(tenant, run_id, stage, name)).await?;
        Ok(item.map(|item| item.task))
    }

    /// Writes the row of a task as far as it is done: with an attempt, that commits it. False if another attempt was
    /// committed before, or a new execution has begun.
    pub async fn write_task(&self, tenant: &TenantId, run: &Run, task: &Task) -> Result<bool, StoreError> {
        let epoch = [(":epoch", AttributeValue::N(run.epoch.to_string()))];
        let free = "attribute_not_exists(attempt) AND epoch = :epoch";
        self.put(&task_item(tenant, run, task.clone()), Unless::Fails(free, &epoch)).await
    }
}

fn task_item(tenant: &TenantId, run: &Run, task: Task) -> TaskItem {
    let key = keys::task(tenant, &run.run_id, task.stage, &task.name);
    TaskItem { pk: key.pk, sk: key.sk, ttl: run.expires_at, task }
}
