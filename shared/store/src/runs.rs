//! Runs, and how they move: every move is one conditional write, so that any number of workers may try it and one succeeds.

mod several;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::TenantId;
use domain::learned::Learned;
use domain::run::{ModelCode, RunConfig, RunStatus, Totals};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use self::several::{Beside, named};
use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless, pause, written};
use crate::tenants::Tenant;

/// A run as stored, shown as one of its models.
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
    /// What a data-driven model learned; None until it did, and for other models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
    pub totals: Totals,
    pub failure: Option<String>,
    pub expires_at: i64,
    /// What it says of its other models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    beside: Vec<Beside>,
    /// Which of its models it is shown as: the first, or the one of this number.
    #[serde(skip)]
    shown: usize,
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
            learned: None,
            totals: Totals::default(),
            failure: None,
            expires_at,
            beside: Vec::new(),
            shown: 0,
            revision: 0,
        }
    }

    fn next(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone().into_first() }
    }

    /// The run as it stands when execution `epoch` begins: nothing of an earlier execution counts any more.
    #[must_use]
    pub fn started(&self, epoch: u32, cutoff: Timestamp) -> Self {
        let mut started = Self {
            status: RunStatus::Running,
            epoch,
            executed_at: Some(cutoff),
            cutoff: Some(cutoff),
            completed_at: None,
            months: None,
            failure: None,
            ..self.clone()
        };
        started.forgets();
        started
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

    /// The run as one of the model that the id names, or of its first. None too for what is no run's id: a client's text
    /// neither reaches into other keys nor is too long for one.
    pub async fn run(&self, tenant: &TenantId, id: &str, now: Timestamp) -> Result<Option<Run>, StoreError> {
        let (run_id, model) = named(id);
        if !is_minted(run_id) {
            return Ok(None);
        }
        let item: Option<RunItem> = self.get(&keys::run(tenant, run_id)).await?;
        let run = item.filter(|item| item.ttl > now.ms() / 1_000).map(|item| item.run);
        Ok(run.and_then(|run| shown(&run, model)))
    }

    /// Reads many runs by id, in no order; those that are gone or expired are left out.
    pub async fn runs_by_id(
        &self,
        tenant: &TenantId,
        ids: &[String],
        now: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let mut wanted: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
        for (run_id, model) in ids.iter().map(|id| named(id)) {
            wanted.entry(run_id).or_default().push(model);
        }
        let keys: Vec<_> = wanted.keys().map(|run_id| keys::run(tenant, run_id)).collect();
        let items: Vec<RunItem> = self.get_many(&keys).await?;
        let runs = items.into_iter().filter(|item| item.ttl > now.ms() / 1_000).map(|item| item.run);
        let as_asked = |run: Run| {
            let models = wanted.get(run.run_id.as_str()).into_iter().flatten();
            models.filter_map(|model| shown(&run, *model)).collect::<Vec<_>>()
        };
        Ok(runs.flat_map(as_asked).collect())
    }

    /// Writes what became of `run`, unless somebody wrote since it was read.
    pub async fn replace_run(&self, tenant: &TenantId, run: &Run) -> Result<bool, StoreError> {
        self.put(&run_item(tenant, &run.next()), Unless::Changed(run.revision)).await
    }

    /// Completes a run, unless somebody wrote since it was read; in the same moment its days are published, by each of its
    /// models, if its configuration is the usual one.
    pub async fn complete_run(&self, tenant: &Tenant, run: &Run, now: Timestamp) -> Result<bool, StoreError> {
        let run_put = || Ok((written(&run_item(&tenant.id, &run.next()))?, Unless::Changed(run.revision)));
        if !run.config.is_usual() {
            return self.replace_run(&tenant.id, run).await;
        }
        for attempt in 0.. {
            let mut puts = vec![run_put()?];
            for run in run.each() {
                puts.push(self.publishing(tenant, &run, now).await?);
            }
            match self.put_together(&puts).await? {
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
            let range = Range::beginning(keys::active(shard), "T#");
            let items: Vec<ActiveItem> = self.query_all(&range).await?;
            all.extend(items.into_iter().map(|item| item.active));
        }
        Ok(all)
    }
}

/// The run as one of this model, or of its first.
fn shown(run: &Run, model: Option<&str>) -> Option<Run> {
    match model {
        None => Some(run.clone()),
        Some(code) => run.of_model(ModelCode::parse(code)?),
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
    RunItem { pk: key.pk, sk: key.sk, ttl: run.expires_at, run: run.clone().into_first() }
}
