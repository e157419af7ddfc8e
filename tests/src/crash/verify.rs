//! Holding what can be read against what was acknowledged.

mod facts;
mod runs;

use std::future::Future;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::{StreamExt, stream};
use tokio::time::sleep;

use super::CrashError;
use super::evidence::Evidence;
use super::ledger::Work;
use super::send::send;
use super::server::Place;
use super::world::{Line, Unheard};

/// How many facts of each kind are looked at after a restart.
const SAMPLE: usize = 25;

/// How many requests of a verification are under way at a time.
const ABREAST: usize = 12;

/// How long queues and runs may take to come to rest. A run whose message was lost is found by the sweeper, which
/// looks every minute for what stood still for one.
const MOST_RESTLESS: Duration = Duration::from_secs(240);

/// Looks at some of what was acknowledged before the server was killed.
pub(super) async fn sample(line: &Line, rng: &mut Rng) -> Result<(), Unheard> {
    facts::sample(line, rng, SAMPLE).await?;
    runs::sample(line, rng).await
}

/// Sends what is left to send, and waits until the queues are empty and every run is over.
pub(super) async fn come_to_rest(lines: &[Line], place: &Place) -> Result<(), CrashError> {
    let since = Instant::now();
    for line in lines {
        while let Some(work) = left(line) {
            if send(line, work).await == Err(Unheard) {
                return Err(CrashError::Unheard);
            }
        }
    }
    loop {
        for line in lines {
            let unfinished: Vec<usize> = line.ledger().unfinished().map(|(place, _)| place).collect();
            for run in unfinished {
                super::runs::advance(line, run).await.map_err(|Unheard| CrashError::Unheard)?;
            }
        }
        let held = Evidence { dead: 0, ..Evidence::now(&place.queues())? };
        let running = lines.iter().map(|line| line.ledger().unfinished().count()).sum::<usize>();
        if held.is_empty() && running == 0 {
            return Ok(());
        }
        if since.elapsed() > MOST_RESTLESS {
            let text =
                format!("after {MOST_RESTLESS:?} {running} runs are not over, and the queues hold {held}");
            lines.iter().take(1).for_each(|line| line.violated(&text));
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// What got no answer, and the rest of every call that was begun.
fn left(line: &Line) -> Option<Work> {
    let mut ledger = line.ledger();
    ledger.unanswered.pop_front().or_else(|| ledger.left_delivery())
}

/// Everything, one by one and in lists, and every run.
pub(super) async fn everything(line: &Line) -> Result<(), Unheard> {
    facts::all(line).await?;
    runs::all(line).await
}

/// Does `look` for each of `places`, several at a time; an error says that the server is gone.
async fn each<F>(places: impl IntoIterator<Item = usize>, look: impl Fn(usize) -> F) -> Result<(), Unheard>
where
    F: Future<Output = Result<(), Unheard>>,
{
    let mut looks = stream::iter(places.into_iter().map(look)).buffer_unordered(ABREAST);
    while let Some(done) = looks.next().await {
        done?;
    }
    Ok(())
}
