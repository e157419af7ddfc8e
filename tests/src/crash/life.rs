//! One life of the server: senders, runs and readers at work, until it is killed at a chosen moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ledger::Work;
use super::send::send;
use super::world::{Line, Unheard};
use super::{runs, verify};

/// Senders of one tenant.
const SENDERS: usize = 3;

/// What they send in one life, so that the facts grow with the number of kills and not with the machine's speed.
const SENT_PER_LIFE: i64 = 140;

/// How many deliveries come at once when one of them is to be caught in the queue.
const BURST: usize = 32;

/// How long to wait for what a kill is aimed at.
const MOST_AIMING: Duration = Duration::from_secs(4);

/// What a kill is meant to hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Deliveries that were acknowledged a moment ago.
    Deliveries,
    /// A run that says it is running.
    Run,
    /// Both at once.
    Both,
    /// Whatever happens to go on.
    Anything,
    /// A server that has not said yet that it serves.
    Start,
}

impl Aim {
    pub(super) fn any(rng: &mut Rng) -> Self {
        match rng.u32(0..20) {
            0..7 => Aim::Deliveries,
            7..13 => Aim::Run,
            13..17 => Aim::Both,
            17..18 => Aim::Anything,
            _ => Aim::Start,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Aim::Deliveries => "at deliveries",
            Aim::Run => "at a run",
            Aim::Both => "at both",
            Aim::Anything => "at random",
            Aim::Start => "at the start",
        }
    }
}

/// Everything that goes on while the server lives.
pub(super) struct Life {
    lines: Vec<Line>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    /// Closed once the facts that were looked at first were all found.
    sampled: mpsc::Receiver<()>,
}

impl Life {
    /// Begins work at once; `rng` picks what is looked at first.
    pub(super) fn begin(lines: Vec<Line>, aim: Aim, rng: &mut Rng) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        // A kill that is aimed at a run needs one that lasts until then.
        let runs = if matches!(aim, Aim::Run | Aim::Both) { usize::MAX } else { 2 };
        let (sampling, sampled) = mpsc::channel(1);
        for line in &lines {
            let allowance = Arc::new(AtomicI64::new(SENT_PER_LIFE));
            for _ in 0..SENDERS {
                tasks.spawn(keep_sending(
                    line.clone(),
                    Arc::clone(&allowance),
                    Arc::clone(&over),
                    rng.fork(),
                ));
            }
            let (driven, until) = (line.clone(), Arc::clone(&over));
            tasks.spawn(async move { runs::drive(&driven, runs, &until).await });
            let (spied, until) = (line.clone(), Arc::clone(&over));
            tasks.spawn(async move { runs::spy(&spied, &until).await });
            let (looked_at, mut rng, sampling) = (line.clone(), rng.fork(), sampling.clone());
            tasks.spawn(async move {
                // One that is cut off by the kill found nothing wrong so far.
                let _cut_off = verify::sample(&looked_at, &mut rng).await;
                drop(sampling);
            });
        }
        Self { lines, over, tasks, sampled }
    }

    /// Returns when it is time to kill.
    pub(super) async fn aim(&mut self, aim: Aim, rng: &mut Rng) {
        // Nothing is ever sent there; it closes when all have looked.
        let looked = timeout(8 * MOST_AIMING, self.sampled.recv()).await;
        if looked.is_err() {
            self.violated("what was acknowledged before the kill took too long to be read");
        }
        sleep(Duration::from_millis(rng.u64(200..1_500))).await;
        match aim {
            Aim::Deliveries => self.burst(rng).await,
            Aim::Run => {
                self.see_a_run().await;
                sleep(Duration::from_millis(rng.u64(0..250))).await;
                self.see_a_run().await;
            }
            Aim::Both => {
                self.see_a_run().await;
                self.burst(rng).await;
            }
            Aim::Anything | Aim::Start => {}
        }
    }

    fn violated(&self, what: &str) {
        self.lines.iter().take(1).for_each(|line| line.violated(what));
    }

    /// Waits until a run was just seen running.
    async fn see_a_run(&self) {
        let since = Instant::now();
        let running = || self.lines.iter().any(|line| line.shop.running.load(Ordering::SeqCst));
        while !running() && since.elapsed() < MOST_AIMING {
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Sends many deliveries at once, and returns when some of them were acknowledged.
    async fn burst(&mut self, rng: &mut Rng) {
        let (tell, mut told) = mpsc::channel(BURST);
        let Some(line) = self.lines.get(rng.usize(0..self.lines.len().max(1))).cloned() else { return };
        for _ in 0..BURST {
            let (line, tell) = (line.clone(), tell.clone());
            self.tasks.spawn(async move {
                let work = line.ledger().next_delivery();
                if send(&line, work).await.is_ok() {
                    // Nobody listens any more once enough were acknowledged.
                    let _unheard = tell.send(()).await;
                }
            });
        }
        drop(tell);
        let enough = rng.usize(4..BURST);
        let heard = async {
            for _ in 0..enough {
                if told.recv().await.is_none() {
                    return;
                }
            }
        };
        // A server that is too busy to answer them is killed all the same.
        drop(timeout(MOST_AIMING, heard).await);
    }

    /// Waits until everybody has noticed that the server is gone.
    pub(super) async fn end(mut self) {
        self.over.store(true, Ordering::SeqCst);
        for line in &self.lines {
            line.shop.running.store(false, Ordering::SeqCst);
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                self.violated(&format!("a part of the crash tool failed: {error}"));
            }
        }
    }
}

/// Sends one thing after another as long as there is an allowance and the server lives.
async fn keep_sending(line: Line, allowance: Arc<AtomicI64>, over: Arc<AtomicBool>, mut rng: Rng) {
    while !over.load(Ordering::SeqCst) {
        let repeated = !line.ledger().unanswered.is_empty();
        if !repeated && allowance.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return;
        }
        let work: Work = line.ledger().next_work();
        if send(&line, work).await == Err(Unheard) {
            return;
        }
        sleep(Duration::from_millis(rng.u64(0..16))).await;
    }
}
