//! Under which conditions the tests run: as always, or with services that lag and fail.
//!
//! `CRAE_FAULTS=lag,failures cargo test -p e2e --test it` runs every test with indexes that lag by up to 2 s, and with
//! 10 % of the functions' calls to DynamoDB, SQS and S3 failing, half of them after they were carried out. What the tests
//! require does not change: their client only tries again what a client outside would try again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crae::{Call, Fault, Faults, Judge, Options, Stack};
use runtime::Metric;
use serde_json::json;

use crate::{Client, stack};

const MOST_LAG: Duration = Duration::from_secs(2);

/// How soon a message that failed is tried again, so that tests need not wait for it.
pub const REDELIVERY: Duration = Duration::from_millis(200);

/// What is in the air.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub lag: bool,
    pub failures: bool,
}

impl Weather {
    #[expect(
        clippy::disallowed_methods,
        reason = "a choice for the whole run of the tests, not a setting of ours"
    )]
    pub fn now() -> Self {
        let asked = std::env::var("CRAE_FAULTS").unwrap_or_default();
        let mut weather = Self::default();
        for fault in asked.split(',').filter(|fault| !fault.is_empty()) {
            match fault {
                "lag" => weather.lag = true,
                "failures" => weather.failures = true,
                other => panic!("CRAE_FAULTS knows lag and failures, not {other}"),
            }
        }
        weather
    }

    /// What lasts as long as usual may last longer while much is done twice.
    pub(crate) fn patience(self, usual: Duration) -> Duration {
        if self.failures { usual * 5 } else { usual }
    }

    pub(crate) fn options(self) -> Options {
        let mut options = Options::default();
        if self.lag {
            let lag = MOST_LAG.as_secs() + 1;
            options.parameters.insert("IndexLagSeconds".to_owned(), lag.to_string());
            // So that some changes are left to counts that wait already.
            options.parameters.insert("RollupDelaySeconds".to_owned(), (lag + 1).to_string());
            options.faults.index_lag = Some(MOST_LAG);
        }
        if self.failures {
            options.faults = Faults {
                judge: Some(Arc::new(Failures::default())),
                redelivery: Some(REDELIVERY),
                ..options.faults
            };
        }
        options
    }
}

/// Fails every tenth call, whatever `CRAE_FAULTS` says: half of them before anything is done, half after; and halves every tenth batch.
///
/// Of the writes that fail nearly half fail for good, of the reads one in fifty; the SDK tries the others again. A page
/// of a list may take several hundred reads, and nobody would see one if more of them failed for good.
#[derive(Debug, Default)]
pub struct Failures {
    calls: AtomicU64,
}

impl Judge for Failures {
    fn judge(&self, call: &Call) -> Option<Fault> {
        const READS: [&str; 5] = ["GetItem", "BatchGetItem", "Query", "GetObject", "ListObjectsV2"];
        let for_good = if READS.contains(&call.operation.as_str()) { 1 } else { 22 };
        // The same in every run, as far as the calls come in the same order.
        let mut random = fastrand::Rng::with_seed(self.calls.fetch_add(1, Ordering::Relaxed));
        let chance: u16 = random.u16(..1_000);
        Some(match chance {
            _ if chance < for_good => Fault::GivenUp,
            ..35 => Fault::Throttled,
            35..50 => Fault::Failed,
            50..100 if chance < 50 + for_good => Fault::DoneUnanswered,
            50..100 => Fault::AnswerLost,
            100..200 => Fault::Partial,
            _ => return None,
        })
    }
}

/// Who has what failed again and again done anew: under such conditions one message in some hundreds fails five times
/// in a row.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    tenants: Mutex<Vec<Client>>,
    /// Of so many dead deliveries the tenants have been told to try again.
    redriven: AtomicU64,
}

impl Operator {
    pub(crate) fn of_all() -> &'static Self {
        static OPERATOR: LazyLock<Operator> = LazyLock::new(Operator::default);
        &OPERATOR
    }

    pub(crate) fn meet(&self, tenant: &Client) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).push(tenant.clone());
    }

    /// Whether every delivery that was put aside so far is being tried again.
    pub(crate) fn is_idle(&self, stack: &Stack) -> bool {
        stack.metrics().counted(Metric::DeliveriesDead) == self.redriven.load(Ordering::SeqCst)
    }

    /// On a thread of its own, since each test has its own runtime, which ends with it.
    pub(crate) fn begin(&'static self) {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
            runtime.block_on(self.work());
        });
    }

    async fn work(&self) {
        let stack = stack().await;
        loop {
            for queue in ["crae-runs", "crae-rollups"] {
                stack.redrive(queue).await.unwrap_or_else(|error| panic!("{queue}: {error}"));
            }
            let dead = stack.metrics().counted(Metric::DeliveriesDead);
            if !self.is_idle(stack) {
                let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).clone();
                for tenant in tenants {
                    tenant.post("/v1/webhooks/deliveries/redrive", json!({})).await.data();
                }
                self.redriven.store(dead, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
