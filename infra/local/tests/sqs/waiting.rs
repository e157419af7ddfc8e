//! Receivers that wait, and several at once.

use std::collections::HashSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use crae::sqs::{NewMessage, QueueSpec};

use crate::local::{Local, bodies, receipt, with_redrive};

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

#[tokio::test]
async fn a_poll_given_up_takes_no_message() {
    let local = Local::start().await;
    let message = NewMessage::new("still there");
    local.queues.send("calls", vec![message]).await.unwrap();
    let mut arrived = 0;
    for round in 0..100 {
        let mut poll = pin!(local.queues.receive("calls", 10, PATIENCE));
        tokio::select! {
            biased;
            received = poll.as_mut() => {
                arrived += 1;
                let held = received.unwrap().remove(0).receipt_handle;
                let release = local.queues.release("calls", vec![held], Duration::ZERO);
                release.await.unwrap();
            }
            () = std::future::ready(()) => {}
        }
        if round % 2 == 0 {
            // Lets the answer come before the poll is dropped, not after.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(arrived < 50);
    let received = local.queues.receive("calls", 10, PATIENCE).await.unwrap();
    assert_eq!(received.len(), 1);
    let attributes = &received[0].attributes;
    let count = (arrived + 1).to_string();
    assert_eq!(attributes["ApproximateReceiveCount"], count);
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
