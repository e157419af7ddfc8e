//! Runs: the run itself, its tasks, and how both move.
//!
//! Every move is one conditional write, so that any number of workers may try it and one succeeds. A task is done
//! by an attempt, which writes what it found under its own id and then commits by putting that id into the task's
//! row; nobody reads what no row points to.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::TenantId;
use domain::run::{MOST_WORK_MS, RunConfig, RunStatus, Stage, Totals};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless, pause, written};
use crate::tenants::Tenant;

/// A run as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub run_id: String,
    pub name: String,
    pub config: RunConfig,
    pub status: RunStatus,
    /// Counts executions: a worker of an earlier one can no longer commit.
    pub epoch: u32,
    pub created_at: Timestamp,
    pub executed_at: Option<Timestamp>,
    /// Only facts received up to this moment count.
    pub cutoff: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// When somebody approved it: its credits are owed since, as far as nothing else was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
    /// The months that are planned; None until they were listed.
    pub months: Option<Vec<String>>,
    pub totals: Totals,
    pub failure: Option<String>,
    pub expires_at: i64,
    #[serde(rename = "rv")]
    revision: u64,
}

impl Run {
    pub fn new(
        run_id: String,
        name: String,
        config: RunConfig,
        created_at: Timestamp,
        expires_at: i64,
    ) -> Self {
        Self {
            run_id,
            name,
            config,
            status: RunStatus::Pending,
            epoch: 0,
            created_at,
            executed_at: None,
            cutoff: None,
            completed_at: None,
            approved_at: None,
            months: None,
            totals: Totals::default(),
            failure: None,
            expires_at,
            revision: 0,
        }
    }

    fn next(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone() }
    }

    /// The run as it stands when execution `epoch` begins: nothing of an earlier execution counts any more.
    #[must_use]
    pub fn started(&self, epoch: u32, cutoff: Timestamp) -> Self {
        Self {
            status: RunStatus::Running,
            epoch,
            executed_at: Some(cutoff),
            cutoff: Some(cutoff),
            completed_at: None,
            months: None,
            totals: Totals::default(),
            failure: None,
            ..self.clone()
        }
    }

    /// A run that was called off, to be executed after all: nothing that was asked for before counts any more.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { status: RunStatus::Pending, epoch: self.epoch + 1, completed_at: None, ..self.clone() }
    }

    /// The run as it stands when somebody approves it.
    #[must_use]
    pub fn approved(&self, now: Timestamp) -> Self {
        Self { approved_at: self.approved_at.or(Some(now)), ..self.clone() }
    }

    /// The run as it stands when somebody calls it off.
    #[must_use]
    pub fn cancelled(&self, now: Timestamp) -> Self {
        Self { status: RunStatus::Cancelled, completed_at: Some(now), ..self.clone() }
    }
}

/// What one task found, in sum: enough to know what is next and whether all adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutcome {
    pub totals: Totals,
    /// When planning: the shards that have work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<u32>,
    /// When planning: the tasks that plan what was too much for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<String>,
    /// A digest of everything the attempt wrote: equal facts give equal bytes.
    pub digest: String,
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

/// A running run, as the sweeper finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveRun {
    pub tenant: TenantId,
    pub run_id: String,
    /// The execution it was marked for.
    pub epoch: u32,
}

#[derive(Serialize, Deserialize)]
struct RunItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    run: Run,
}

#[derive(Serialize, Deserialize)]
struct ListedItem {
    pk: String,
    sk: String,
    ttl: i64,
    run_id: String,
}

#[derive(Serialize, Deserialize)]
struct TaskItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    task: Task,
}

#[derive(Serialize, Deserialize)]
struct ActiveItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    active: ActiveRun,
}

impl Table {
    /// Creates a run, with its place in the list; answers it as it stands, which may have been created before.
    pub async fn create_run(&self, tenant: &TenantId, run: Run) -> Result<Run, StoreError> {
        let listed = keys::listed_run(tenant, run.created_at, &run.run_id);
        let listed =
            ListedItem { pk: listed.pk, sk: listed.sk, ttl: run.expires_at, run_id: run.run_id.clone() };
        // Together, or a list would show a place where no run is. That it exists means that its answer was lost before.
        let puts = [(written(&listed)?, Unless::Never), (written(&run_item(tenant, &run))?, Unless::Exists)];
        let failed = match self.put_together(&puts).await {
            Ok(None) => return Ok(run),
            Ok(Some(_)) => None,
            Err(failed) => Some(failed),
        };
        // Perhaps only the answer was lost. Whoever asked would ask again, and have two runs.
        match (self.run(tenant, &run.run_id, run.created_at).await, failed) {
            (Ok(Some(created)), _) => Ok(created),
            (Ok(None), None) => Err(StoreError::Contended(run.run_id)),
            (Ok(None), Some(failed)) => Err(failed),
            (Err(failed), _) => Err(failed),
        }
    }

    /// None too for what is no run's id: a client's text neither reaches into other keys nor is too long for one.
    pub async fn run(
        &self,
        tenant: &TenantId,
        run_id: &str,
        now: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        if !is_minted(run_id) {
            return Ok(None);
        }
        let item: Option<RunItem> = self.get(&keys::run(tenant, run_id)).await?;
        Ok(item.filter(|item| item.ttl > now.ms() / 1_000).map(|item| item.run))
    }

    /// Reads many runs by id, in no order; those that are gone or expired are left out.
    pub async fn runs_by_id(
        &self,
        tenant: &TenantId,
        ids: &[String],
        now: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::run(tenant, id)).collect();
        let items: Vec<RunItem> = self.get_many(&wanted).await?;
        Ok(items.into_iter().filter(|item| item.ttl > now.ms() / 1_000).map(|item| item.run).collect())
    }

    /// Writes what became of `run`, unless somebody wrote since it was read.
    pub async fn replace_run(&self, tenant: &TenantId, run: &Run) -> Result<bool, StoreError> {
        self.put(&run_item(tenant, &run.next()), Unless::Changed(run.revision)).await
    }

    /// Completes a run, unless somebody wrote since it was read; in the same moment its days are published if its
    /// configuration is the usual one.
    pub async fn complete_run(&self, tenant: &Tenant, run: &Run, now: Timestamp) -> Result<bool, StoreError> {
        let run_put = || Ok((written(&run_item(&tenant.id, &run.next()))?, Unless::Changed(run.revision)));
        if !run.config.is_usual() {
            return self.replace_run(&tenant.id, run).await;
        }
        for attempt in 0.. {
            let (days, unless) = self.publishing(tenant, run, now).await?;
            match self.put_together(&[run_put()?, (days, unless)]).await? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                // Another run was published meanwhile.
                Some(_) if pause(attempt).await.is_none() => break,
                Some(_) => {}
            }
        }
        Err(StoreError::Contended(run.run_id.clone()))
    }

    /// A page of runs, newest first, before `before`; the second value is where the next page begins.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        before: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Run>, Option<String>), StoreError> {
        let to = before.map_or_else(|| "~".to_owned(), str::to_owned);
        let range = Range {
            index: None,
            pk: keys::runs(tenant),
            sk: Sorted::Between("0".to_owned(), to.clone()),
            newest_first: true,
            limit: Some(limit + 2),
            only: None,
        };
        let listed: Vec<ListedItem> = self.query_all(&range).await?;
        let mut listed: Vec<_> = listed.into_iter().filter(|item| item.sk != to).collect();
        let more = listed.len() > limit;
        listed.truncate(limit);
        let ids: Vec<_> = listed.iter().map(|item| item.run_id.clone()).collect();
        let mut runs = self.runs_by_id(tenant, &ids, now).await?;
        runs.sort_by(|a, b| (b.created_at, &b.run_id).cmp(&(a.created_at, &a.run_id)));
        Ok((runs, listed.last().filter(|_| more).map(|item| item.sk.clone())))
    }

    /// Makes an execution of a run known to the sweeper, before anything else is done about it.
    pub async fn mark_active(&self, tenant: &TenantId, run_id: &str, epoch: u32) -> Result<(), StoreError> {
        let key = keys::active_run(tenant, run_id);
        let active = ActiveRun { tenant: tenant.clone(), run_id: run_id.to_owned(), epoch };
        self.put(&ActiveItem { pk: key.pk, sk: key.sk, active }, Unless::Never).await?;
        Ok(())
    }

    /// Lets the sweeper forget an execution that is over; a later one stays known.
    pub async fn unmark_active(&self, tenant: &TenantId, run_id: &str, epoch: u32) -> Result<(), StoreError> {
        let epoch = (":epoch", AttributeValue::N(epoch.to_string()));
        self.delete(&keys::active_run(tenant, run_id), "epoch <= :epoch", epoch).await
    }

    /// Every running run of every tenant.
    pub async fn active_runs(&self) -> Result<Vec<ActiveRun>, StoreError> {
        let mut all = Vec::new();
        for shard in 0..keys::GLOBAL_SHARDS {
            let range = Range {
                index: None,
                pk: keys::active(shard),
                sk: Sorted::Prefix("T#"),
                newest_first: false,
                limit: None,
                only: None,
            };
            let items: Vec<ActiveItem> = self.query_all(&range).await?;
            all.extend(items.into_iter().map(|item| item.active));
        }
        Ok(all)
    }

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
        let range = Range {
            index: None,
            pk: key.pk,
            sk: Sorted::Prefix(&key.sk),
            newest_first: false,
            limit: None,
            only: None,
        };
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

/// Whether a text is `run_` and 32 hex digits.
fn is_minted(run_id: &str) -> bool {
    run_id.strip_prefix("run_").is_some_and(|rest| {
        rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn run_item(tenant: &TenantId, run: &Run) -> RunItem {
    let key = keys::run(tenant, &run.run_id);
    RunItem { pk: key.pk, sk: key.sk, ttl: run.expires_at, run: run.clone() }
}

fn task_item(tenant: &TenantId, run: &Run, task: Task) -> TaskItem {
    let key = keys::task(tenant, &run.run_id, task.stage, &task.name);
    TaskItem { pk: key.pk, sk: key.sk, ttl: run.expires_at, task }
}
