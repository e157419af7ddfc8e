//! Every call that a run makes to the table, in turn, is the one at which its worker dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Executes a run of which the worker dies at its `nth` call to the table: from then on that worker gets nothing
/// through. Its message comes again, to another. Answers whether there was such a call.
async fn killed_at(shop: &Shop, run: &Run, nth: usize) -> bool {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let refuses = move |_: &str, _: &str| counted.fetch_add(1, Ordering::SeqCst) + 1 >= nth;
    let dying = App::connect(&shop.stack.failing_host(&QUEUE, refuses)).unwrap().in_tasks_of(2, 1);
    let healthy = shop.app();
    let mut pending = VecDeque::from([shop.executed(run).await]);
    while let Some(message) = pending.pop_front() {
        let dead = calls.load(Ordering::SeqCst) >= nth;
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
    calls.load(Ordering::SeqCst) >= nth
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
    loop {
        let run = new_run().await;
        let died = killed_at(&shop, &run, nth).await;
        assert_eq!(shop.published_by_each(&run).await, expected, "killed at call {nth}");
        if !died {
            break;
        }
        nth += step;
    }
    assert!(nth > 100, "a run makes more calls than {nth}");
}
