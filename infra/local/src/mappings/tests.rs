use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lambda_events::sqs::BatchItemFailure;
use tokio::sync::watch;

use super::*;
use crate::sqs::{Counts, NewMessage, QueueSpec};

/// A queue of messages that come again after a second, its consumer, and what stops it.
async fn consumed(
    bodies: &[&str],
    handle: impl Fn(SqsEvent) -> SqsBatchResponse + Send + Sync + 'static,
) -> (Queues, watch::Sender<bool>) {
    let clock = runtime::Clock::system();
    let now = move || u64::try_from(clock.now().ms()).unwrap();
    let queues = Queues::open(None, "http://127.0.0.1:1".to_owned(), now).unwrap();
    let mut spec = QueueSpec::new("work");
    spec.visibility_timeout_s = 1;
    queues.create(spec).await.unwrap();
    let messages = bodies.iter().map(|body| NewMessage::new(*body)).collect();
    queues.send("work", messages).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let handle = Arc::new(handle);
    let mapping = Mapping {
        function: "probe".to_owned(),
        timeout: Duration::from_millis(200),
        handle: Arc::new(move |event| {
            let handle = Arc::clone(&handle);
            Box::pin(async move { handle(event) })
        }),
        queue: "work".to_owned(),
        batch_size: 10,
        window: Duration::ZERO,
        redelivery: None,
    };
    tokio::spawn(mapping.poll(queues.clone(), stopped));
    (queues, stop)
}

/// Waits until the queue holds this many messages in all.
async fn left(queues: &Queues, wanted: u64) -> Counts {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let counts = queues.counts("work").await.unwrap();
        if counts.visible + counts.in_flight == wanted {
            return counts;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn failing(event: &SqsEvent, id: impl Fn(&SqsMessage) -> Option<String>) -> SqsBatchResponse {
    let failures = event.records.iter().filter_map(|record| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id(record)?;
        Some(failure)
    });
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.collect();
    response
}

#[tokio::test]
async fn finished_messages_are_deleted_and_failed_ones_come_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (queues, _stop) = consumed(&["good", "bad", "good"], move |event| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        failing(&event, |record| {
            (first && record.body.as_deref() == Some("bad")).then(|| record.message_id.clone().unwrap())
        })
    })
    .await;
    assert_eq!(left(&queues, 1).await.in_flight, 1);
    left(&queues, 0).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_batch_comes_again_as_a_whole_when_its_function_panics_or_names_a_stranger() {
    for stranger in [false, true] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let (queues, _stop) = consumed(&["a", "b"], move |event| {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                return SqsBatchResponse::default();
            }
            assert!(stranger, "on purpose");
            failing(&event, |_| Some("stranger".to_owned()))
        })
        .await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(left(&queues, 2).await.in_flight, 2);
        left(&queues, 0).await;
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_function_sees_messages_as_lambda_shows_them() {
    let (seen, mut shown) = tokio::sync::mpsc::unbounded_channel();
    let (_queues, _stop) = consumed(&["{\"a\":1}"], move |event| {
        seen.send(event.clone()).unwrap();
        SqsBatchResponse::default()
    })
    .await;
    let event = shown.recv().await.unwrap();
    let record = &event.records[0];
    assert_eq!(record.body.as_deref(), Some("{\"a\":1}"));
    assert_eq!(record.event_source.as_deref(), Some("aws:sqs"));
    assert_eq!(record.event_source_arn.as_deref(), Some("arn:aws:sqs:us-east-1:000000000000:work"));
    assert_eq!(record.attributes["ApproximateReceiveCount"], "1");
}

#[tokio::test]
async fn a_schedule_never_runs_beside_itself() {
    let (running, most, runs) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let counts = Arc::new((running, most, runs));
    let counted = Arc::clone(&counts);
    let schedule = Schedule {
        function: "probe".to_owned(),
        timeout: Duration::from_secs(1),
        handle: Arc::new(move || {
            let counts = Arc::clone(&counted);
            Box::pin(async move {
                let (running, most, runs) = &*counts;
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(30)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                runs.fetch_add(1, Ordering::SeqCst);
                Err("on purpose".to_owned())
            })
        }),
        every: Duration::from_millis(10),
    };
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(schedule.run(stopped));
    sleep(Duration::from_millis(300)).await;
    stop.send_replace(true);
    task.await.unwrap();
    assert_eq!(counts.1.load(Ordering::SeqCst), 1);
    assert!(counts.2.load(Ordering::SeqCst) > 2);
}
