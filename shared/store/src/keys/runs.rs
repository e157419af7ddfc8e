//! Keys of runs, of their tasks and what these write, and of their schedules.

use std::ops::RangeInclusive;

use domain::ids::{FactId, TenantId};
use domain::run::{ModelCode, Stage};
use domain::time::Timestamp;

use super::{GLOBAL_SHARDS, Key, key, of, shard_of};

pub fn runs(tenant: &TenantId) -> String {
    of(tenant, "RUNS")
}

pub fn listed_run(tenant: &TenantId, created: Timestamp, run_id: &str) -> Key {
    key(runs(tenant), format!("{}#{run_id}", created.sortable()))
}

pub fn published(tenant: &TenantId, model: ModelCode) -> Key {
    key(of(tenant, "PUBLISHED"), format!("MODEL#{}", model.code()))
}

pub fn run(tenant: &TenantId, run_id: &str) -> Key {
    key(of(tenant, &format!("RUN#{run_id}")), "RUN")
}

const fn stage_letter(stage: Stage) -> char {
    match stage {
        Stage::Plan => 'P',
        Stage::Learn => 'L',
        Stage::Execute => 'S',
    }
}

/// With an empty name: what all tasks of the stage begin with.
pub fn task(tenant: &TenantId, run_id: &str, stage: Stage, name: &str) -> Key {
    key(of(tenant, &format!("RUN#{run_id}")), format!("TASK#{}#{name}", stage_letter(stage)))
}

/// What an attempt wrote.
pub fn attempt(tenant: &TenantId, run_id: &str, stage: Stage, name: &str, attempt: &str) -> String {
    of(tenant, &format!("RUN#{run_id}#{}#{name}#A#{attempt}", stage_letter(stage)))
}

/// How many shards a run's customers are spread over. A task executes some of them that follow each other, as many as
/// the run's size asks for, and there is none for those without conversions.
pub const RUN_SHARDS: u32 = 64;

/// The shard of a customer, or of a conversion that has none.
pub fn run_shard(customer: &str) -> u32 {
    shard_of(customer, RUN_SHARDS)
}

/// The name of the task that executes these shards.
pub fn shards_name(shards: &RangeInclusive<u32>) -> String {
    format!("{:02}-{:02}", shards.start(), shards.end())
}

/// Reads what [`shards_name`] wrote.
pub fn shards_named(name: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = name.split_once('-')?;
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// One chunk of what a task planned for a shard.
pub fn manifest(shard: u32, chunk: usize) -> String {
    format!("S#{shard:02}#{chunk:05}")
}

/// Around what a task planned for these shards.
pub fn manifests(shards: &RangeInclusive<u32>) -> (String, String) {
    (format!("S#{:02}#", shards.start()), format!("S#{:02}#~", shards.end()))
}

/// Conversions without a touch stand apart, so that they can be listed.
pub fn credit(id: &FactId, attributed: bool, chunk: usize) -> String {
    format!("{}{}#{chunk:05}", credits(attributed), id.bare())
}

pub const fn credits(attributed: bool) -> &'static str {
    if attributed { "CNV#" } else { "NONE#" }
}

/// Sums of one dimension on one day in one currency, in a shard.
pub fn sums() -> &'static str {
    "SUM#"
}

/// One chunk of what a task counted.
pub fn counts(chunk: usize) -> String {
    format!("{COUNTS}{chunk:05}")
}

pub const COUNTS: &str = "CNT#";

/// Sums of one execution of a run.
pub fn run_sums(epoch: u32) -> String {
    format!("AGG#{epoch:05}#")
}

pub fn active(shard: u32) -> String {
    format!("ACTIVE#{shard}")
}

pub fn active_run(tenant: &TenantId, run_id: &str) -> Key {
    key(active(shard_of(run_id, GLOBAL_SHARDS)), format!("T#{tenant}#RUN#{run_id}"))
}

pub fn schedules(tenant: &TenantId) -> String {
    of(tenant, "SCHEDULES")
}

pub fn schedule(tenant: &TenantId, schedule_id: &str) -> Key {
    key(schedules(tenant), format!("SCH#{schedule_id}"))
}

pub fn due(shard: u32) -> String {
    format!("DUE#{shard}")
}

/// When a run is due by a schedule; the earliest first.
pub fn due_run(tenant: &TenantId, schedule_id: &str, due_at: Timestamp) -> Key {
    let shard = shard_of(schedule_id, GLOBAL_SHARDS);
    key(due(shard), format!("{}#T#{tenant}#SCH#{schedule_id}", due_at.sortable()))
}
