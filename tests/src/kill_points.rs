//! Kills the stack at every call that its functions make while they take a story in and attribute it.
//!
//! Point 2n-1 is the moment before the n-th call to DynamoDB, SQS or S3 begins, point 2n the one after it was carried
//! out and before its answer leaves. At each the process is aborted, started again on the same data, and told the rest
//! of the story by a sender that repeats what was not answered. What can be read in the end must be, byte for byte,
//! what an undisturbed life shows: nothing lost, nothing doubled.

mod digest;
mod life;
mod story;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use life::Life;
pub use life::live;

/// How long a life may take to show in the end what it should.
const PATIENCE: Duration = Duration::from_secs(90);

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What lives: it is started as `PROGRAM live FOLDER [POINT]`, and hands that to [`live`].
    pub program: PathBuf,
    /// Of how many points one is taken, by chance.
    pub one_in: u64,
    pub seed: u64,
    /// How many lives at once.
    pub jobs: usize,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many points there are.
    pub points: u64,
    /// How many were tried.
    pub tried: usize,
    /// At how many the process died: the number of calls differs by a few from life to life.
    pub died: usize,
    /// What was not as it should be, and at which point.
    pub violations: Vec<String>,
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    #[error("the stack could not be started")]
    Unstarted(#[from] io::Error),
    #[error("the stack ended by itself")]
    DiedByItself,
    #[error("the stack does not show what was told to it, though nothing disturbed it: {0}")]
    Unfinished(String),
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.died > 0
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { points, tried, died, violations } = self;
        writeln!(formatter, "{points} kill points, {tried} tried, {died} of them hit")?;
        for violation in violations {
            writeln!(formatter, "VIOLATION {violation}")?;
        }
        write!(
            formatter,
            "{}",
            if violations.is_empty() { "nothing was lost, and nothing doubled" } else { "" }
        )
    }
}

/// Does it, and tells `progress` a line now and then.
pub async fn run(plan: &Plan, progress: &mut dyn FnMut(&str)) -> Result<Report, KillError> {
    let undisturbed = undisturbed(plan).await?;
    let points = 2 * undisturbed.calls;
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let chosen: Vec<u64> = (1..=points).filter(|_| random.u64(0..plan.one_in) == 0).collect();
    let mut report = Report { points, tried: chosen.len(), died: 0, violations: Vec::new() };
    progress(&format!("{} of {points} kill points are tried", chosen.len()));
    let lives = stream::iter(chosen).map(|point| {
        let expected = &undisturbed.digest;
        async move { (point, disturbed(plan, point, expected).await) }
    });
    let mut lives = lives.buffer_unordered(plan.jobs);
    let mut done = 0;
    while let Some((point, outcome)) = lives.next().await {
        done += 1;
        let Outcome { died, violation } = outcome?;
        report.died += usize::from(died);
        report.violations.extend(violation.map(|what| format!("at point {point}: {what}")));
        if done % 100 == 0 {
            progress(&format!("{done} done, {} hit, {} violations", report.died, report.violations.len()));
        }
    }
    Ok(report)
}

struct Undisturbed {
    digest: String,
    calls: u64,
}

async fn undisturbed(plan: &Plan) -> Result<Undisturbed, KillError> {
    let mut life = Life::begin(&plan.program, None).await?;
    story::tell(&mut life).await?;
    // Nothing says when the hours are counted but that nothing changes any more.
    let since = Instant::now();
    let mut digest = digest::of(&mut life).await?;
    let mut same_since = Instant::now();
    while same_since.elapsed() < Duration::from_secs(4) {
        if since.elapsed() > PATIENCE {
            return Err(KillError::Unfinished(digest));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = digest::of(&mut life).await?;
        if now != digest {
            (digest, same_since) = (now, Instant::now());
        }
    }
    let calls = life.calls().await?;
    Ok(Undisturbed { digest, calls })
}

struct Outcome {
    died: bool,
    violation: Option<String>,
}

async fn disturbed(plan: &Plan, point: u64, expected: &str) -> Result<Outcome, KillError> {
    let mut life = Life::begin(&plan.program, Some(point)).await?;
    story::tell(&mut life).await?;
    let since = Instant::now();
    loop {
        let found = digest::of(&mut life).await?;
        // What waits in a queue could still change it.
        if found == expected && life.waiting().await? == 0 && digest::of(&mut life).await? == expected {
            return Ok(Outcome { died: life.has_died, violation: None });
        }
        if since.elapsed() > PATIENCE {
            let violation = Some(digest::difference(expected, &found));
            return Ok(Outcome { died: life.has_died, violation });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
