//! Kills the stack with SIGKILL again and again while it is at work, and starts it again on the same data.
//!
//! Then everything that can be read is held against everything that was acknowledged.
//!
//! The promises: what was acknowledged is there, once, with its values; no conversion is credited twice or lost, to
//! the cent; a run that is not completed cannot be read, one that is completed never changes; and every run that was
//! accepted is completed in the end, whatever died meanwhile.

mod call;
mod evidence;
mod ledger;
mod life;
mod reading;
mod report;
mod runs;
mod script;
mod send;
mod server;
mod verify;
mod world;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;

pub use evidence::{Evidence, Held};
pub use report::Report;

use life::{Aim, Life};
use report::Kill;
use server::{Place, Server};
use world::{Line, Unheard, World};

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub kills: u32,
    /// Decides what is sent and what each kill is aimed at; when exactly it hits, the machine decides.
    pub seed: u64,
    /// The program that is killed.
    pub crae: PathBuf,
}

/// Why the tool could not do its work. What it found out is a [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    #[error("{} cannot be started; `cargo build -p crae` makes it", path.display())]
    NoServer {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the server did not serve within {0:?}")]
    NotReady(Duration),
    #[error("the server ended by itself: {0}")]
    DiedByItself(String),
    #[error("the server does not know both tenants")]
    NoTenants,
    #[error("the server did not stop when it was told to")]
    NotStopped,
    #[error("the server does not answer any more, and nobody killed it")]
    Unheard,
    #[error("files of the server cannot be used")]
    File(#[from] io::Error),
    #[error("the queues' file cannot be read")]
    Queues(#[from] rusqlite::Error),
}

/// Does it, and tells `progress` a line per kill. A violation leaves the server's folder behind.
pub async fn run(plan: &Plan, progress: &mut dyn FnMut(&str)) -> Result<Report, CrashError> {
    let folder = tempfile::Builder::new().prefix("crae-crash-").tempdir()?;
    let place = Place { crae: plan.crae.clone(), folder: folder.path().to_owned() };
    let mut crash = Crash {
        world: Arc::new(World::new(plan.seed)),
        rng: Rng::with_seed(plan.seed),
        begun: Instant::now(),
        start_took: Duration::from_millis(300),
        kills: Vec::new(),
        place,
    };
    match crash.kill_and_check(plan.kills, progress).await {
        Err(error) if crash.kills.is_empty() => return Err(error),
        // Whatever keeps the tool from its work now was there when it began.
        Err(error) => crash.world.violated(format!("it could not go on: {}", with_causes(&error))),
        Ok(()) => {}
    }
    let (violations, violations_found) = crash.world.violations();
    if violations_found > 0 {
        progress(&format!("everything was left in {}", folder.keep().display()));
    }
    Ok(Report {
        seed: plan.seed,
        took: crash.begun.elapsed(),
        kills: crash.kills,
        counts: crash.world.counts(),
        violations,
        violations_found,
    })
}

/// An error and why it came about, in a line.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

struct Crash {
    world: Arc<World>,
    rng: Rng,
    begun: Instant,
    /// How long the last start took, so that a kill can be aimed into the next one.
    start_took: Duration,
    kills: Vec<Kill>,
    place: Place,
}

impl Crash {
    async fn kill_and_check(&mut self, kills: u32, progress: &mut dyn FnMut(&str)) -> Result<(), CrashError> {
        while self.kills.len() < usize::try_from(kills).unwrap_or(usize::MAX) {
            // Before anything was ever sent, there is nothing to lose.
            let aim = if self.kills.is_empty() { Aim::Deliveries } else { Aim::any(&mut self.rng) };
            let lived = self.live(aim).await?;
            let evidence = Evidence::left_behind(&self.place.queues())?;
            self.kills.push(Kill { aim: aim.name(), lived, evidence });
            let number = self.kills.len();
            progress(&format!("kill {number:>2} of {kills} {:>13}, {lived:4.1?} s: {evidence}", aim.name()));
        }
        // What died five times in a row is put aside; whoever operates it has it done again when the trouble is over.
        let (server, lines) = self.start(&["--redrive"]).await?;
        for line in &lines {
            line.redrive().await.map_err(|Unheard| CrashError::Unheard)?;
        }
        let since = Instant::now();
        verify::come_to_rest(&lines, &self.place).await?;
        let rested = since.elapsed().as_secs_f64();
        progress(&format!("everything came to rest after {rested:.1} s; checking all of it"));
        self.finish(&lines).await.map_err(|Unheard| CrashError::Unheard)?;
        server.stop().await?;
        self.check_what_is_left()
    }

    /// One life of the server, up to and with its death; answers how many seconds it lived.
    async fn live(&mut self, aim: Aim) -> Result<f64, CrashError> {
        let born = Instant::now();
        if aim == Aim::Start {
            let server = Server::start(&self.place, &[])?;
            let most = u64::try_from(self.start_took.as_millis()).unwrap_or(u64::MAX);
            sleep(Duration::from_millis(self.rng.u64(0..most.max(1)))).await;
            server.kill()?;
            return Ok(born.elapsed().as_secs_f64());
        }
        let (server, lines) = self.start(&[]).await?;
        let mut life = Life::begin(lines, aim, &mut self.rng);
        life.aim(aim, &mut self.rng).await;
        server.kill()?;
        life.end().await;
        Ok(born.elapsed().as_secs_f64())
    }

    async fn start(&mut self, more: &[&str]) -> Result<(Server, Vec<Line>), CrashError> {
        let born = Instant::now();
        let mut server = Server::start(&self.place, more)?;
        let clients = server.ready().await?;
        self.start_took = born.elapsed();
        let lines = Line::all(&self.world, &clients);
        if lines.len() < self.world.shops.len() { Err(CrashError::NoTenants) } else { Ok((server, lines)) }
    }

    /// One more run of each tenant, which takes everything; then all of it is checked.
    async fn finish(&self, lines: &[Line]) -> Result<(), Unheard> {
        for line in lines {
            runs::ask(line).await?;
            while let Some(run) = { line.ledger().unfinished().next().map(|(place, _)| place) } {
                runs::advance(line, run).await?;
            }
            verify::everything(line).await?;
            let ledger = line.ledger();
            let events: usize = ledger.calls.iter().map(|call| call.events.len()).sum();
            self.world.count("calls", ledger.calls.len());
            self.world.count("deliveries", events);
            self.world.count("interactions", ledger.interactions.len());
            self.world.count("conversions", ledger.conversions.len());
        }
        Ok(())
    }

    /// In the end nothing is under way, and nothing is put aside.
    fn check_what_is_left(&self) -> Result<(), CrashError> {
        let left = Evidence::left_behind(&self.place.queues())?;
        if !left.is_empty() {
            self.world.violated(format!("the queues still hold something: {left}"));
        }
        let log = std::fs::read_to_string(self.place.log())?;
        log.lines()
            .filter(|line| line.contains("panicked"))
            .for_each(|line| self.world.violated(line.to_owned()));
        self.world
            .count("errors in the server's log", log.lines().filter(|line| line.contains("ERROR")).count());
        Ok(())
    }
}
