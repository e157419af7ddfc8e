//! Every conversion once in every run, to the cent, and no run left behind.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::Value;

use super::each;
use crate::crash::ledger::{Asked, Ledger, Report};
use crate::crash::reading::{Fate, Reading, Sums, minor};
use crate::crash::runs::{keep, observe};
use crate::crash::script::{RANGE, WINDOW_S};
use crate::crash::world::{Line, Unheard};

/// Completed runs that are read again after each restart.
const SAMPLE: usize = 1;

/// Reads some completed runs again: nothing of them may have changed.
pub(super) async fn sample(line: &Line, rng: &mut Rng) -> Result<(), Unheard> {
    let completed: Vec<usize> = {
        let ledger = line.ledger();
        let read = ledger.runs.iter().enumerate().filter(|(_, run)| run.digest.is_some());
        read.map(|(place, _)| place).collect()
    };
    let mut chosen = rng.choose_multiple(completed, SAMPLE);
    chosen.sort_unstable();
    each(chosen, |place| async move { read(line, place).await.map(drop) }).await
}

/// Checks every run against everything that was told.
pub(super) async fn all(line: &Line) -> Result<(), Unheard> {
    let runs = line.ledger().runs.len();
    let known = Known::of(line).await?;
    let known = &known;
    each(0..runs, |place| check(line, known, place)).await?;
    check_list(line).await
}

async fn check(line: &Line, known: &Known, place: usize) -> Result<(), Unheard> {
    let Some((run, reading)) = read(line, place).await? else { return Ok(()) };
    let problems = known.problems(&line.ledger(), &run, &reading);
    problems.iter().for_each(|problem| line.violated(problem));
    line.world.count("runs checked against every conversion", 1);
    line.world.count("credits of those runs", reading.credits);
    check_report(line, &run, &reading).await
}

/// Reads a run that should be completed, and compares it with what was read of it before.
async fn read(line: &Line, place: usize) -> Result<Option<(Asked, Reading)>, Unheard> {
    let Some(run) = line.ledger().runs.get(place).cloned() else { return Ok(None) };
    let answer = line.get(&format!("/v1/attribution/runs/{}", run.id)).await?;
    observe(line, &answer);
    if answer.body["data"]["status"] != "completed" {
        line.violated(&format!("a run is left behind: {}", answer.text));
        return Ok(None);
    }
    let reading = Reading::of(line, &run.id).await?;
    keep(line, &run.id, &reading);
    Ok(Some((run, reading)))
}

/// Whose touch every interaction is, by our id of it.
struct Known {
    customers: BTreeMap<String, usize>,
    /// By customer: when a contact was, and when it was acknowledged. Contacts through the API only, since of a
    /// delivery nobody is told when it was folded in.
    contacts: BTreeMap<usize, Vec<(i64, u64)>>,
    conversions: BTreeMap<String, usize>,
}

impl Known {
    async fn of(line: &Line) -> Result<Self, Unheard> {
        let range = format!("start_date={}&end_date={}&limit=200", RANGE.0, RANGE.1);
        let listed = line.list(&format!("/v1/interactions?{range}")).await?;
        let ledger = line.ledger();
        let calls = ledger.calls.iter().map(|call| (call.id.as_str(), call.customer));
        let reports = ledger.interactions.iter();
        let reports = reports.filter_map(|report| Some((report.external_id.as_str(), report.customer?)));
        let by_name: BTreeMap<&str, usize> = calls.chain(reports).collect();
        let customer = |item: &Value| {
            let customer = by_name.get(item["external_interaction_id"].as_str()?)?;
            Some((item["interaction_id"].as_str()?.to_owned(), *customer))
        };
        let mut contacts: BTreeMap<usize, Vec<(i64, u64)>> = BTreeMap::new();
        for report in &ledger.interactions {
            if let (Some(customer), Some(at)) = (report.customer, report.acknowledged) {
                contacts.entry(customer).or_default().push((report.at_s, at));
            }
        }
        let ids = ledger.conversions.iter().enumerate();
        Ok(Self {
            customers: listed.iter().filter_map(customer).collect(),
            contacts,
            conversions: ids.filter_map(|(place, told)| Some((told.id.clone()?, place))).collect(),
        })
    }

    fn problems(&self, ledger: &Ledger, run: &Asked, reading: &Reading) -> Vec<String> {
        let mut problems = Vec::new();
        for (id, fate) in &reading.fates {
            let told = self.conversions.get(id).and_then(|place| ledger.conversions.get(*place));
            match told {
                Some(told) => problems.extend(self.of_one(run, told, fate)),
                None => problems.push(format!("run {} credits {id}, which nobody told of", run.id)),
            }
        }
        for told in ledger.conversions.iter().filter(|told| wants(run, told)) {
            let found = told.id.as_ref().is_some_and(|id| reading.fates.contains_key(id));
            let before = told.acknowledged.zip(run.first_executed).is_some_and(|(told, run)| told < run);
            if before && !found {
                problems.push(format!("run {} misses {}, acknowledged before it", run.id, told.external_id));
            }
        }
        problems
    }

    /// What is wrong with what a run made of one conversion.
    fn of_one(&self, run: &Asked, told: &Report, fate: &Fate) -> Option<String> {
        let problem = |what: &str| Some(format!("run {}: {what}: {} {fate:?}", run.id, told.external_id));
        let (minor, currency) = told.amount?;
        if (fate.minor(), fate.currency.as_str()) != (minor, currency) {
            return problem("the credits do not come to the amount");
        }
        if !wants(run, told) {
            return problem("it was not asked for");
        }
        if told.first_sent.zip(run.accepted).is_some_and(|(told, run)| told > run) {
            return problem("it was told after the run was accepted");
        }
        let Some(customer) = told.customer else {
            return if fate.shares.is_empty() { None } else { problem("a stranger was in contact") };
        };
        let others = |interaction: &String| self.customers.get(interaction) != Some(&customer);
        if fate.shares.iter().any(|share| others(&share.interaction)) {
            return problem("it is credited to contacts with others");
        }
        let led = |(at_s, known): &(i64, u64)| {
            (told.at_s - WINDOW_S..=told.at_s).contains(at_s)
                && run.first_executed.is_some_and(|run| *known < run)
        };
        if fate.shares.is_empty() && self.contacts.get(&customer).is_some_and(|all| all.iter().any(led)) {
            return problem("a contact that led to it earned nothing");
        }
        None
    }
}

fn wants(run: &Asked, told: &Report) -> bool {
    run.event_type.is_none_or(|wanted| told.expected["event_type"] == wanted)
}

/// The report by agent adds up to what the run attributed, in each currency.
async fn check_report(line: &Line, run: &Asked, reading: &Reading) -> Result<(), Unheard> {
    let (attributed, unattributed) = (reading.attributed(), reading.unattributed());
    for currency in ["USD", "JPY"] {
        let (from, to) = RANGE;
        let path = format!(
            "/v1/analytics/agents/revenue?run_id={}&start_date={from}&end_date={to}&currency={currency}",
            run.id
        );
        let answer = line.get(&path).await?;
        let (rows, totals) = (&answer.body["data"]["rows"], &answer.body["data"]["totals"]);
        let code = Value::from(currency);
        let revenue = |row: &Value| minor(&row["attributed_revenue"], &code);
        let summed: Option<i64> = rows.as_array().and_then(|rows| rows.iter().map(revenue).sum());
        let of = |sums: &Sums| sums.get(currency).copied().unwrap_or_default();
        let agrees = summed == Some(of(&attributed))
            && revenue(totals) == summed
            && minor(&totals["unattributed_revenue"], &code) == Some(of(&unattributed));
        if !agrees {
            line.violated(&format!("{path} does not add up to {attributed:?}: {}", answer.text));
        }
        line.world.count("reports by agent", 1);
    }
    Ok(())
}

/// Every run that was acknowledged is listed once, and no other ran.
async fn check_list(line: &Line) -> Result<(), Unheard> {
    let listed = line.list("/v1/attribution/runs?limit=200").await?;
    let ledger = line.ledger();
    let mut known: BTreeSet<&str> = ledger.runs.iter().map(|run| run.id.as_str()).collect();
    let mut unknown = 0;
    for run in &listed {
        if known.remove(run["run_id"].as_str().unwrap_or_default()) {
            continue;
        }
        unknown += 1;
        if run["status"] != "pending" {
            line.violated(&format!("a run that nobody executed ran, or one is listed twice: {run}"));
        }
    }
    if !known.is_empty() || unknown > ledger.runs_unanswered {
        line.violated(&format!(
            "the list of runs lacks {known:?} and has {unknown} others, of which {} may be",
            ledger.runs_unanswered
        ));
    }
    Ok(())
}
