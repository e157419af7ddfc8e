//! Every call that a run makes to the table, in turn, is the one at which its worker dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Where workers die, one after the other: each at its `nth` call to the table, from which on it gets nothing through.
struct Mortal {
    host: Host,
    calls: Arc<AtomicUsize>,
    nth: Arc<AtomicUsize>,
}

impl Mortal {
    /// One for all of a test's workers: each proxy holds files open until the test is over.
    fn of(shop: &Shop) -> Self {
        let (calls, nth) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(1)));
        let (counted, last) = (Arc::clone(&calls), Arc::clone(&nth));
        let refuses =
            move |_: &str, _: &str| counted.fetch_add(1, Ordering::SeqCst) + 1 >= last.load(Ordering::SeqCst);
        Self { host: shop.stack.failing_host(&QUEUE, refuses), calls, nth }
    }

    /// A worker whose planning leaves work to others.
    fn dying_at(&self, nth: usize) -> App {
        self.nth.store(nth, Ordering::SeqCst);
        self.calls.store(0, Ordering::SeqCst);
        App::connect(&self.host).unwrap().in_tasks_of(2, 1)
    }

    fn is_dead(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.nth.load(Ordering::SeqCst)
    }
}

/// Executes a run of which the worker dies at its `nth` call. Its message comes again, to another. Answers whether there
/// was such a call.
async fn killed_at(shop: &Shop, run: &Run, (mortal, nth): (&Mortal, usize)) -> bool {
    let dying = mortal.dying_at(nth);
    let healthy = shop.app();
    let mut pending = VecDeque::from([shop.executed(run).await]);
    while let Some(message) = pending.pop_front() {
        let dead = mortal.is_dead();
        let worker = if dead { &healthy } else { &dying };
        if shop.handled(worker, &message).await {
            assert!(!dead, "a healthy worker failed");
            pending.push_back(message);
        }
        pending.extend(shop.sent());
        if pending.is_empty() && shop.reread(run).await.status == RunStatus::Running {
            pending.extend(shop.swept().await);
        }
    }
    mortal.is_dead()
}

/// A run that learns takes every step that another takes, and more; and so does one that credits by several models.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_call_a_worker_dies_at_the_same_is_published() {
    let shop = Shop::stocked().await;
    let new_run = async || shop.new_run_by(ModelCode::Linear, &[ModelCode::DataDriven]).await;
    let clean = new_run().await;
    let start = shop.executed(&clean).await;
    shop.drain(&shop.app(), [start]).await;
    let expected = shop.published_by_each(&clean).await;
    assert_eq!(expected[1].learned.as_ref().unwrap().nothing, None);
    let (mut nth, step) = (1, if option_env!("CRAE_FULL").is_some() { 1 } else { 11 });
    let mortal = Mortal::of(&shop);
    loop {
        let run = new_run().await;
        let died = killed_at(&shop, &run, (&mortal, nth)).await;
        assert_eq!(shop.published_by_each(&run).await, expected, "killed at call {nth}");
        if !died {
            break;
        }
        nth += step;
    }
    assert!(nth > 100, "a run makes more calls than {nth}");
}
