//! Receivers that wait, and several at once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crae::sqs::{NewMessage, QueueSpec, Queues};

use crate::local::{Local, START_MS, bodies, receipt, with_redrive};

/// How long a test waits for what is expected to come.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_long_poll_wakes_within_100_ms_of_a_send() {
    let local = Local::start().await;
    let receive = local.client.receive_message().queue_url(&local.url);
    let poll = tokio::spawn(receive.wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!poll.is_finished());

    local.send("wake").await;
    let sent = Instant::now();
    let received = poll.await.unwrap().unwrap();
    let woken_after = sent.elapsed();
    assert_eq!(bodies(received.messages()), ["wake"]);
    assert!(woken_after < Duration::from_millis(100), "{woken_after:?}");
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_message_is_released_or_dead_lettered() {
    let local = Local::with(with_redrive(1)).await;
    local.send("released").await;
    let held = receipt(&local.receive().await);
    let begun = Instant::now();
    let polled = async { local.queues.receive("calls-dead", 10, PATIENCE).await };
    let released = async {
        let release = local.queues.release("calls", vec![held], Duration::ZERO);
        release.await.unwrap();
        local.receive().await
    };
    let (dead, again) = tokio::join!(polled, released);
    assert!(again.is_empty());
    assert_eq!(dead.unwrap()[0].body, "released");
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_long_poll_that_finds_nothing_ends_on_time() {
    let local = Local::start().await;
    let begun = Instant::now();
    let wait = Duration::from_millis(50);
    let received = local.queues.receive("calls", 10, wait).await.unwrap();
    assert!(received.is_empty());
    assert!(begun.elapsed() >= wait);
}

/// Queues that hold one message, and the gate that stops their thread while it is locked.
async fn gated() -> (Queues, Arc<Mutex<()>>) {
    let gate = Arc::new(Mutex::new(()));
    let passed = Arc::clone(&gate);
    let clock = move || {
        drop(passed.lock().expect("not poisoned"));
        START_MS
    };
    let queues = Queues::open(None, String::new(), clock).expect("opens");
    let calls = QueueSpec::new("calls");
    queues.create(calls).await.expect("created");
    let messages = vec![NewMessage::new("still there")];
    queues.send("calls", messages).await.expect("sent");
    (queues, gate)
}

async fn assert_never_received(queues: &Queues) {
    let received = queues.receive("calls", 10, PATIENCE).await.expect("answers");
    assert_eq!(received.len(), 1);
    let attributes = &received[0].attributes;
    assert_eq!(attributes["ApproximateReceiveCount"], "1");
}

#[tokio::test]
async fn a_poll_given_up_before_it_is_answered_takes_no_message() {
    let (queues, gate) = gated().await;
    let mut poll = Box::pin(queues.receive("calls", 10, PATIENCE));
    {
        let _shut = gate.lock().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert!(poll.as_mut().poll(&mut context).is_pending());
        drop(poll);
    }
    assert_never_received(&queues).await;
}

#[tokio::test]
async fn a_poll_given_up_after_it_is_answered_takes_no_message() {
    let (queues, gate) = gated().await;
    let mut poll = Box::pin(queues.receive("calls", 10, PATIENCE));
    {
        let _shut = gate.lock().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert!(poll.as_mut().poll(&mut context).is_pending());
    }
    let counts = queues.counts("calls").await.unwrap();
    assert_eq!(counts.in_flight, 1);
    drop(poll);
    assert_never_received(&queues).await;
}

#[tokio::test]
async fn a_long_poll_whose_client_went_away_takes_no_message() {
    let local = Local::start().await;
    let receive = local.client.receive_message().queue_url(&local.url);
    let poll = tokio::spawn(receive.wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    poll.abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    local.send("for the living").await;
    assert_eq!(bodies(&local.receive().await), ["for the living"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_receivers_never_hold_the_same_message() {
    let local = Local::with(QueueSpec::new("calls")).await;
    let messages = (0..500).map(|number| NewMessage::new(number.to_string()));
    let messages: Vec<_> = messages.collect();
    local.queues.send("calls", messages).await.unwrap();
    let receivers = (0..8).map(|_| {
        let queues = local.queues.clone();
        tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let some = queues.receive("calls", 7, Duration::ZERO).await.unwrap();
                if some.is_empty() {
                    return got;
                }
                got.extend(some.into_iter().map(|message| message.body));
            }
        })
    });
    let receivers: Vec<_> = receivers.collect();
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    assert_eq!(all.len(), 500);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 500);
}
