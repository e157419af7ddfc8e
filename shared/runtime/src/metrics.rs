//! What we count beyond what AWS counts for us; the alarms of `template.yaml` watch it.
//!
//! In the cloud each count is a line of the log in CloudWatch's embedded metric format, which costs no call. Locally
//! the counts are kept where tools and tests can read them.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::Clock;

/// The namespace under which CloudWatch shows our metrics.
pub const NAMESPACE: &str = "CRAE";

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Verified, queued, and acknowledged.
    DeliveriesAccepted,
    /// Refused at the door, mostly for their signature.
    DeliveriesRefused,
    /// Of those accepted: told something that is shown now.
    DeliveriesApplied,
    /// Said what another delivery had said before.
    DeliveriesDuplicate,
    /// Said only what newer deliveries had replaced before.
    DeliveriesStale,
    /// Of a type that nobody handles.
    DeliveriesUnhandled,
    /// Signed, but unreadable.
    DeliveriesQuarantined,
    /// Put aside since they failed again and again.
    DeliveriesDead,
    /// Runs that stood still for too long, and were ended.
    RunsStuck,
}

impl Metric {
    pub const ALL: [Metric; 9] = [
        Metric::DeliveriesAccepted,
        Metric::DeliveriesRefused,
        Metric::DeliveriesApplied,
        Metric::DeliveriesDuplicate,
        Metric::DeliveriesStale,
        Metric::DeliveriesUnhandled,
        Metric::DeliveriesQuarantined,
        Metric::DeliveriesDead,
        Metric::RunsStuck,
    ];

    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::DeliveriesAccepted => "DeliveriesAccepted",
            Metric::DeliveriesRefused => "DeliveriesRefused",
            Metric::DeliveriesApplied => "DeliveriesApplied",
            Metric::DeliveriesDuplicate => "DeliveriesDuplicate",
            Metric::DeliveriesStale => "DeliveriesStale",
            Metric::DeliveriesUnhandled => "DeliveriesUnhandled",
            Metric::DeliveriesQuarantined => "DeliveriesQuarantined",
            Metric::DeliveriesDead => "DeliveriesDead",
            Metric::RunsStuck => "RunsStuck",
        }
    }
}

/// Where counts go.
#[derive(Clone, Debug)]
pub struct Metrics(Sink);

#[derive(Clone, Debug)]
enum Sink {
    Log(Clock),
    Kept(Arc<Mutex<BTreeMap<Metric, u64>>>),
}

impl Metrics {
    /// Counts into the log.
    pub(crate) fn logged(clock: Clock) -> Self {
        Self(Sink::Log(clock))
    }

    /// Counts that stay here.
    pub fn kept() -> Self {
        Self(Sink::Kept(Arc::default()))
    }

    /// Counts what one invocation saw; nothing if all is zero.
    pub fn count(&self, counts: &BTreeMap<Metric, u64>) {
        let counts = counts.iter().filter(|(_, count)| **count > 0);
        match &self.0 {
            Sink::Log(clock) => {
                let counts: BTreeMap<_, _> = counts.map(|(metric, count)| (*metric, *count)).collect();
                if !counts.is_empty() {
                    // A log that cannot be written to is nobody's to mend here.
                    drop(writeln!(std::io::stdout().lock(), "{}", line(clock.now().ms(), &counts)));
                }
            }
            Sink::Kept(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                counts.for_each(|(metric, count)| *kept.entry(*metric).or_default() += count);
            }
        }
    }

    pub fn one(&self, metric: Metric) {
        self.count(&BTreeMap::from([(metric, 1)]));
    }

    /// What was counted and kept so far.
    pub fn counted(&self, metric: Metric) -> u64 {
        match &self.0 {
            Sink::Log(_) => 0,
            Sink::Kept(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).get(&metric).copied().unwrap_or_default()
            }
        }
    }
}

/// A line in the embedded metric format, without dimensions: the alarms watch the whole installation.
fn line(now_ms: i64, counts: &BTreeMap<Metric, u64>) -> String {
    let metrics: Vec<_> =
        counts.keys().map(|metric| json!({ "Name": metric.name(), "Unit": "Count" })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": metrics }],
        },
    });
    for (metric, count) in counts {
        line[metric.name()] = json!(count);
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_metrics_and_holds_their_values() {
        let counts = BTreeMap::from([(Metric::DeliveriesApplied, 3), (Metric::DeliveriesStale, 1)]);
        let line: serde_json::Value = serde_json::from_str(&line(1_795_262_400_000, &counts)).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&line["_aws"]["Timestamp"], &directive["Namespace"]),
            (&json!(1_795_262_400_000_i64), &json!("CRAE"))
        );
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line}");
        }
        assert_eq!((&line["DeliveriesApplied"], &line["DeliveriesStale"]), (&json!(3), &json!(1)));
    }

    #[test]
    fn counts_that_are_kept_add_up() {
        let metrics = Metrics::kept();
        metrics.one(Metric::RunsStuck);
        metrics.clone().count(&BTreeMap::from([(Metric::RunsStuck, 2), (Metric::DeliveriesDead, 0)]));
        assert_eq!((metrics.counted(Metric::RunsStuck), metrics.counted(Metric::DeliveriesDead)), (3, 0));
    }
}
