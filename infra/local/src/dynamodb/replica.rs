//! A copy of the table that lags behind it, as DynamoDB's indexes and eventually consistent reads may.
//!
//! The embedded database never lags, which hides mistakes. Here each change reaches the copy after a time of its own, so
//! that it shows one fact before another that is older; changes of one item keep their order.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use dynoxide::{Database, DynoxideError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tower::ServiceExt;

use super::{Changes, DynamoDb, DynamoDbError, layout};
use crate::template::Table;
use crate::threads::{Stop, stopped};

const POLL_EVERY: Duration = Duration::from_millis(10);
const AT_ONCE: usize = 1_000;

/// More than the largest item.
const MOST_BODY: usize = 1024 * 1024;

pub struct Replica {
    dynamodb: DynamoDb,
    progress: watch::Receiver<Progress>,
}

/// How far the indexes have followed the table. Changes are numbered as they are read.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// How often the table was found to have nothing more to tell.
    caught_up: u64,
    read: u64,
    /// The first change that has not reached the indexes yet.
    waiting: Option<u64>,
}

/// What follows the table until it is told to stop.
pub(crate) struct Follower {
    database: Database,
    table: String,
    changes: Changes,
    most_lag: Duration,
    progress: watch::Sender<Progress>,
    done: Option<String>,
    random: fastrand::Rng,
    /// Changes on their way to the indexes, by when they arrive.
    under_way: BTreeMap<(Instant, u64), Value>,
    /// When the last change of each item arrives.
    arrivals: HashMap<String, Instant>,
}

impl Replica {
    /// A replica of a table that is still empty; the follower must be run.
    pub(crate) fn start(
        table: &Table,
        changes: Changes,
        most_lag: Duration,
    ) -> Result<(Self, Follower), DynamoDbError> {
        let dynamodb = DynamoDb::start(None, table)?;
        let (told, progress) = watch::channel(Progress::default());
        let follower = Follower {
            database: dynamodb.changes().database,
            table: table.name.clone(),
            changes,
            most_lag,
            progress: told,
            done: None,
            random: fastrand::Rng::with_seed(7),
            under_way: BTreeMap::new(),
            arrivals: HashMap::new(),
        };
        Ok((Self { dynamodb, progress }, follower))
    }

    /// Where queries of an index and reads that may lag are answered from here, and everything else by the table.
    pub(crate) fn before(&self, table: Router) -> Router {
        Router::new().fallback(pick).with_state((table, proxy::forward(self.dynamodb.url())))
    }

    /// Returns once the indexes show everything that was written before.
    pub async fn settled(&self) {
        let mut progress = self.progress.clone();
        let begun = progress.borrow().caught_up;
        // The reading that is going on may have begun too early to see it.
        let Ok(read) = progress.wait_for(|now| now.caught_up > begun + 1).await.map(|now| now.read) else {
            return;
        };
        drop(progress.wait_for(|now| now.waiting.is_none_or(|first| first > read)).await);
    }
}

/// What a read says of how consistent it is to be. All of ours say it, but for those of an index, which cannot.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    index_name: Option<String>,
    consistent_read: Option<bool>,
    #[serde(default)]
    request_items: BTreeMap<String, Value>,
}

impl Asked {
    fn may_lag(&self) -> bool {
        let of_batch = self.request_items.values().map(|items| items["ConsistentRead"].as_bool());
        self.index_name.is_some()
            || of_batch.chain([self.consistent_read]).any(|strongly| strongly == Some(false))
    }
}

async fn pick(State((table, copy)): State<(Router, Router)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = match axum::body::to_bytes(body, MOST_BODY).await {
        Ok(body) => body,
        Err(_) => return axum::http::StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let may_lag = serde_json::from_slice(&body).is_ok_and(|asked: Asked| asked.may_lag());
    let service = if may_lag { copy } else { table };
    let answered = service.oneshot(Request::from_parts(parts, Body::from(body))).await;
    answered.unwrap_or_else(|never| match never {})
}

impl Follower {
    pub(crate) async fn run(mut self, stop: Stop) {
        let mut ticks = interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(stop.clone()) => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.follow().await {
                tracing::error!(%error, "the indexes lag behind for good");
                return;
            }
        }
    }

    async fn follow(&mut self) -> Result<(), DynamoDbError> {
        let records = self.changes.after(self.done.clone(), AT_ONCE).await?;
        let caught_up = records.len() < AT_ONCE;
        let now = Instant::now();
        for record in records {
            let number = self.progress.borrow().read + 1;
            let text = |at: &str| record.pointer(at).map(ToString::to_string).unwrap_or_default();
            let lag = self.most_lag.mul_f64(self.random.f64());
            let item = text("/dynamodb/Keys");
            let arrival = self.arrivals.get(&item).copied().unwrap_or(now).max(now + lag);
            self.done = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).map(str::to_owned);
            self.arrivals.insert(item, arrival);
            self.under_way.insert((arrival, number), record);
            self.progress.send_modify(|progress| progress.read = number);
        }
        let later = self.under_way.split_off(&(Instant::now(), u64::MAX));
        let arrived = std::mem::replace(&mut self.under_way, later);
        for record in arrived.into_values() {
            self.apply(&record).map_err(DynamoDbError::Table)?;
        }
        self.arrivals.retain(|_, arrival| *arrival > now);
        let waiting = self.under_way.keys().map(|(_, number)| *number).min();
        self.progress.send_modify(|progress| {
            progress.waiting = waiting;
            progress.caught_up += u64::from(caught_up);
        });
        Ok(())
    }

    fn apply(&self, record: &Value) -> Result<(), DynoxideError> {
        match record.pointer("/dynamodb/NewImage") {
            Some(item) => {
                let put = layout::request(json!({ "TableName": self.table, "Item": item }))?;
                self.database.put_item(put).map(drop)
            }
            None => {
                let key = record.pointer("/dynamodb/Keys");
                let delete = layout::request(json!({ "TableName": self.table, "Key": key }))?;
                self.database.delete_item(delete).map(drop)
            }
        }
    }
}
