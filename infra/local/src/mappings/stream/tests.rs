use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use aws_sdk_dynamodb::types::AttributeValue;
use runtime::{Aws, Clock, Endpoints};
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::dynamodb::DynamoDb;
use crate::sqs::QueueSpec;
use crate::template::{EMBEDDED, Table, Template};

/// A table with a stream, whoever follows it, and what the followers were handed.
struct Probe {
    dynamodb: DynamoDb,
    table: Table,
    queues: Queues,
    stop: watch::Sender<bool>,
    handed: Arc<Mutex<Vec<Vec<String>>>>,
}

async fn probe() -> Probe {
    let table = Template::read(EMBEDDED, &BTreeMap::new()).unwrap().table;
    let clock = Clock::system();
    let now = move || u64::try_from(clock.now().ms()).unwrap();
    let queues = Queues::open(None, "http://127.0.0.1:1".to_owned(), now).unwrap();
    queues.create(QueueSpec::new("given-up")).await.unwrap();
    let dynamodb = DynamoDb::start(None, &table).unwrap();
    Probe { dynamodb, table, queues, stop: watch::channel(false).0, handed: Arc::default() }
}

impl Probe {
    async fn put(&self, pk: &str, sk: &str) {
        let endpoints =
            Endpoints { dynamodb: self.dynamodb.url().to_owned(), s3: String::new(), sqs: String::new() };
        let client = Aws::local(endpoints, "tests").dynamodb();
        let put = client.put_item().table_name(&self.table.name);
        let put =
            put.item("pk", AttributeValue::S(pk.to_owned())).item("sk", AttributeValue::S(sk.to_owned()));
        put.send().await.unwrap();
    }

    /// Starts a follower, which fails at the first record that it is told to.
    fn follow(&self, position: Position, fails: impl Fn(usize) -> Option<usize> + Send + Sync + 'static) {
        let handed = Arc::clone(&self.handed);
        let handle = move |event: Event| {
            let mut handed = handed.lock().unwrap();
            let key = |record: &aws_lambda_events::dynamodb::EventRecord| {
                let keys: BTreeMap<String, String> =
                    serde_dynamo::from_item(record.change.keys.clone()).unwrap();
                keys["pk"].clone()
            };
            handed.push(event.records.iter().map(key).collect());
            let failed = fails(handed.len()).and_then(|at| event.records.get(at));
            let mut response = DynamoDbEventResponse::default();
            response.batch_item_failures.extend(failed.map(|record| {
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = record.change.sequence_number.clone();
                failure
            }));
            response
        };
        let handle = Arc::new(handle);
        let mapping = StreamMapping {
            function: "probe".to_owned(),
            timeout: Duration::from_secs(5),
            handle: Arc::new(move |event| {
                let handle = Arc::clone(&handle);
                Box::pin(async move { handle(event) })
            }),
            batch_size: 100,
            window: Duration::ZERO,
            filters: crate::template::Pattern::parse(r#"{"dynamodb":{"Keys":{"sk":{"S":["INT"]}}}}"#)
                .into_iter()
                .collect(),
            retries: 1,
            on_failure: "given-up".to_owned(),
        };
        let follow =
            mapping.follow(self.dynamodb.changes(), position, self.queues.clone(), self.stop.subscribe());
        tokio::spawn(follow);
    }

    /// What was handed over, once it is this often.
    async fn handed(&self, times: usize) -> Vec<Vec<String>> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let handed = self.handed.lock().unwrap().clone();
            if handed.len() >= times {
                return handed;
            }
            assert!(Instant::now() < deadline, "{handed:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_function_is_handed_what_passes_its_filter_in_order_from_the_first_record_on() {
    let probe = probe().await;
    for (pk, sk) in [("a", "INT"), ("b", "CNV"), ("c", "INT")] {
        probe.put(pk, sk).await;
    }
    probe.follow(Position::read(None), |_| None);
    assert_eq!(probe.handed(1).await, [["a", "c"]]);
    probe.put("d", "INT").await;
    assert_eq!(probe.handed(2).await[1], ["d"]);
}

#[tokio::test]
async fn what_failed_comes_again_from_the_record_that_failed_on() {
    let probe = probe().await;
    for pk in ["a", "b", "c"] {
        probe.put(pk, "INT").await;
    }
    probe.follow(Position::read(None), |time| (time == 1).then_some(1));
    assert_eq!(probe.handed(2).await, [vec!["a", "b", "c"], vec!["b", "c"]]);
}

#[tokio::test]
async fn what_keeps_failing_is_given_up_and_told_of_without_the_records() {
    let probe = probe().await;
    probe.put("secret", "INT").await;
    probe.follow(Position::read(None), |time| (time < 3).then_some(0));
    probe.handed(2).await;
    let told = probe.queues.receive("given-up", 1, Duration::from_secs(10)).await.unwrap();
    let message: Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 1);
    assert!(!told[0].body.contains("secret"));
    probe.put("next", "INT").await;
    assert_eq!(probe.handed(3).await[2], ["next"]);
}

#[tokio::test]
async fn a_follower_goes_on_where_the_one_before_it_ended() {
    let (probe, folder) = (probe().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("probe.position");
    probe.put("a", "INT").await;
    probe.follow(Position::read(Some(file.clone())), |_| None);
    probe.handed(1).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !file.exists() {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(10)).await;
    }
    probe.stop.send_replace(true);
    sleep(Duration::from_millis(500)).await;
    probe.put("b", "INT").await;
    probe.stop.send_replace(false);
    probe.follow(Position::read(Some(file)), |_| None);
    assert_eq!(probe.handed(2).await, [["a"], ["b"]]);
}
