//! Every acknowledged fact is there, with what was told, and once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use tokio::time::sleep;

use super::each;
use crate::crash::call::{Call, differences};
use crate::crash::ledger::{Ledger, Report};
use crate::crash::script::RANGE;
use crate::crash::world::{Line, Unheard};

/// How long a delivery may take to be seen, behind everything that a kill left in the queue.
const MOST_UNSEEN: Duration = Duration::from_secs(20);

/// The two kinds of facts that are reported through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Interaction,
    Conversion,
}

impl Kind {
    fn reports(self, ledger: &Ledger) -> &[Report] {
        match self {
            Kind::Interaction => &ledger.interactions,
            Kind::Conversion => &ledger.conversions,
        }
    }

    fn path(self, external_id: &str) -> String {
        match self {
            Kind::Interaction => format!("/v1/interactions/ext:api:{external_id}"),
            Kind::Conversion => format!("/v1/conversions/ext:{external_id}"),
        }
    }
}

/// Looks at up to `most` calls, interactions and conversions that were acknowledged.
pub(super) async fn sample(line: &Line, rng: &mut Rng, most: usize) -> Result<(), Unheard> {
    let calls = line.ledger().calls.iter().map(Call::is_acknowledged).collect();
    each(some(calls, rng, most), |place| check_call(line, place)).await?;
    for kind in [Kind::Interaction, Kind::Conversion] {
        let reports =
            kind.reports(&line.ledger()).iter().map(|report| report.acknowledged.is_some()).collect();
        each(some(reports, rng, most), |place| check_report(line, kind, place)).await?;
    }
    Ok(())
}

/// Up to `most` of the places that hold true. The last ones are always among them: those the kill was closest to.
fn some(acknowledged: Vec<bool>, rng: &mut Rng, most: usize) -> Vec<usize> {
    let mut places: Vec<_> =
        acknowledged.into_iter().enumerate().filter_map(|(place, known)| known.then_some(place)).collect();
    let last = places.split_off(places.len().saturating_sub(most / 2));
    rng.shuffle(&mut places);
    places.truncate(most - most / 2);
    places.extend(last);
    places
}

/// Looks at everything.
pub(super) async fn all(line: &Line) -> Result<(), Unheard> {
    let calls = line.ledger().calls.len();
    each(0..calls, |place| check_call(line, place)).await?;
    for kind in [Kind::Interaction, Kind::Conversion] {
        let reports = kind.reports(&line.ledger()).len();
        each(0..reports, |place| check_report(line, kind, place)).await?;
    }
    check_lists(line).await
}

/// A delivery is seen soon after it was acknowledged, so this looks again until it is.
async fn check_call(line: &Line, place: usize) -> Result<(), Unheard> {
    let Some(call) = line.ledger().calls.get(place).cloned() else { return Ok(()) };
    let expected = call.expected();
    let path = format!("/v1/interactions/ext:{}:{}", call.provider, call.id);
    let since = Instant::now();
    loop {
        let answer = line.get(&path).await?;
        let found = &answer.body["data"];
        let mut differences = differences(&expected, found);
        if found["customer_id"].as_str().is_none() {
            differences.push("it belongs to nobody".to_owned());
        }
        if answer.status == 200 && differences.is_empty() {
            line.world.count("looks at calls", 1);
            return Ok(());
        }
        if since.elapsed() > MOST_UNSEEN {
            line.violated(&format!(
                "the acknowledged call {} is wrong: {differences:?} in {}",
                call.id, answer.text
            ));
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn check_report(line: &Line, kind: Kind, place: usize) -> Result<(), Unheard> {
    let Some(report) = kind.reports(&line.ledger()).get(place).cloned() else { return Ok(()) };
    let answer = line.get(&kind.path(&report.external_id)).await?;
    let differences = differences(&report.expected, &answer.body["data"]);
    if answer.status != 200 || !differences.is_empty() {
        let id = &report.external_id;
        line.violated(&format!(
            "the acknowledged {kind:?} {id} is wrong: {differences:?} in {}",
            answer.text
        ));
    }
    line.world.count("looks at interactions and conversions", 1);
    Ok(())
}

/// Lists show each fact once, and nothing that nobody told of.
async fn check_lists(line: &Line) -> Result<(), Unheard> {
    let range = format!("start_date={}&end_date={}&limit=200", RANGE.0, RANGE.1);
    let (calls, interactions, conversions) = {
        let ledger = line.ledger();
        let ids = |reports: &[Report]| reports.iter().map(|report| report.external_id.clone()).collect();
        let calls: Vec<String> = ledger.calls.iter().map(|call| call.id.clone()).collect();
        let told: (Vec<String>, Vec<String>) = (ids(&ledger.interactions), ids(&ledger.conversions));
        (calls, told.0, told.1)
    };
    let listed = line.list(&format!("/v1/interactions?{range}")).await?;
    compare(line, "interactions", &listed, "external_interaction_id", calls.into_iter().chain(interactions));
    let listed = line.list(&format!("/v1/conversions?{range}")).await?;
    compare(line, "conversions", &listed, "external_event_id", conversions.into_iter());
    Ok(())
}

fn compare(line: &Line, of: &str, listed: &[Value], name: &str, told: impl Iterator<Item = String>) {
    let mut counts: BTreeMap<String, (usize, usize)> = told.map(|id| (id, (1, 0))).collect();
    for item in listed {
        let id = item[name].as_str().unwrap_or_default().to_owned();
        counts.entry(id).or_default().1 += 1;
    }
    for (id, (told, listed)) in counts.into_iter().filter(|(_, (told, listed))| told != listed) {
        line.violated(&format!("the list of {of} has {id} {listed} times, and it was told {told} times"));
    }
    line.world.count("entries of lists", listed.len());
}
