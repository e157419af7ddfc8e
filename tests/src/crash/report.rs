//! What the kills hit, and what was found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::evidence::Evidence;

/// One kill and what it left.
#[derive(Clone, Debug)]
pub struct Kill {
    /// What it was meant to hit.
    pub aim: &'static str,
    /// How long the server had lived, in seconds.
    pub lived: f64,
    /// What the queues held when it died.
    pub evidence: Evidence,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    pub took: Duration,
    pub kills: Vec<Kill>,
    /// What was sent and looked at.
    pub counts: BTreeMap<&'static str, u64>,
    /// Promises that were broken: the first of them, and how many in all.
    pub violations: Vec<String>,
    pub violations_found: u64,
}

impl Report {
    fn kills_with(&self, holds: impl Fn(&Evidence) -> bool) -> usize {
        self.kills.iter().filter(|kill| holds(&kill.evidence)).count()
    }

    /// Kills while a delivery was queued or being worked on, or a run's shard was.
    pub fn hits(&self) -> usize {
        self.kills_with(|found| found.deliveries.any() || found.shards.any())
    }

    /// Whether nothing was broken, and at most one kill of five missed what it should hit: those prove little.
    pub fn is_good(&self) -> bool {
        let missed = self.kills.len() - self.hits();
        self.violations_found == 0 && missed <= self.kills.len().div_ceil(5)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills = self.kills.len();
        writeln!(f, "{kills} kills in {:.0} s with seed {}", self.took.as_secs_f64(), self.seed)?;
        writeln!(
            f,
            "{} of {kills} kills hit a queued delivery or a running shard: {} with deliveries queued or being worked \
             on, {} with a run's shard queued or running",
            self.hits(),
            self.kills_with(|found| found.deliveries.any()),
            self.kills_with(|found| found.shards.any()),
        )?;
        for (what, count) in &self.counts {
            writeln!(f, "{count:>10} {what}")?;
        }
        if self.violations_found == 0 {
            return write!(f, "nothing acknowledged was lost, and nothing was counted twice");
        }
        write!(f, "{} VIOLATIONS", self.violations_found)?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}
