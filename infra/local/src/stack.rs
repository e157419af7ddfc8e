//! The whole stack in one process: the functions of the template on embedded parts.

mod assembly;
mod folder;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buckets::BucketError;
use proxy::Judge;
use runtime::{Aws, Clock, Endpoints, Env, Host, LOCAL_SECRET, Metrics, Misconfigured, Place};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::OWNER;
use crate::dynamodb::{DynamoDb, DynamoDbError, Replica};
use crate::gateway::RouteError;
use crate::sqs::{NewMessage, Queues, SqsError};
use crate::template::{Setting, Template, TemplateError};
use crate::threads::Threads;
use folder::Folder;
pub use folder::ReachedAt;

/// How long requests and messages that are being worked on may take to finish when the stack stops.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the embedded parts may take after that.
const PATIENCE_WITH_PARTS: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// 0 stands for any that is free.
    pub port: u16,
    pub data: Data,
    /// What the template's parameters are, where their defaults do not suit.
    pub parameters: BTreeMap<String, String>,
    pub faults: Faults,
}

/// How the embedded services fail the functions, for tests; not at all by default.
#[derive(Clone, Default)]
pub struct Faults {
    /// Decides on every call that the template allows.
    pub judge: Option<Arc<dyn Judge>>,
    /// How long the table's indexes may lag behind it.
    pub index_lag: Option<Duration>,
    /// How soon a message that failed comes again; as the template says if not given.
    pub redelivery: Option<Duration>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let judged = self.judge.is_some();
        formatter
            .debug_struct("Faults")
            .field("judged", &judged)
            .field("index_lag", &self.index_lag)
            .finish_non_exhaustive()
    }
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nowhere: it ends with the stack.
    Memory,
    Dir(PathBuf),
}

impl Data {
    fn folder(&self) -> Option<&Path> {
        match self {
            Data::Memory => None,
            Data::Dir(path) => Some(path),
        }
    }
}

impl Default for Options {
    /// In memory, on any free port. Indexes here do not lag, deliveries are taken in at once, by so few that those which
    /// come meanwhile are taken in together, and hours counted within moments; tenants may ask as often as they like, and
    /// `demo` is the tenant of what names none.
    fn default() -> Self {
        let parameters = [
            ("IndexLagSeconds", "0"),
            ("IngestWindowSeconds", "0"),
            ("IngestConcurrency", "2"),
            ("RollupConcurrency", "2"),
            ("RollupDelaySeconds", "1"),
            ("RollupWindowSeconds", "0"),
            ("TenantRate", "0"),
            ("DefaultTenant", "demo"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            port: 0,
            data: Data::Memory,
            parameters: parameters.map(owned).into(),
            faults: Faults::default(),
        }
    }
}

/// Why the stack cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("the data directory {} cannot be used", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the data directory {} is in use by another crae; stop that one, or choose another with --data-dir",
        .0.display()
    )]
    FolderInUse(PathBuf),
    #[error(
        "port {0} is in use; stop what listens there, or choose another with --port (0 takes any that is free)"
    )]
    PortInUse(u16),
    #[error("port {port} cannot be opened")]
    Port {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    DynamoDb(#[from] DynamoDbError),
    #[error("the embedded S3 cannot be opened")]
    S3(#[from] BucketError),
    #[error("the embedded SQS failed")]
    Sqs(#[from] SqsError),
    #[error("the template has a function {0}, but functions.rs has none")]
    NoCode(String),
    #[error("functions.rs has a function {0}, but the template has none")]
    NotInTemplate(String),
    #[error("the function {function} cannot start")]
    Misconfigured {
        function: String,
        #[source]
        source: Misconfigured,
    },
    #[error("the template starts {function} by what its code is not written for")]
    WrongTrigger { function: String },
    #[error("threads cannot be started")]
    Threads(#[source] io::Error),
}

/// A running stack. It runs until it is stopped or dropped.
pub struct Stack {
    url: String,
    endpoints: Endpoints,
    template: Template,
    clock: Clock,
    metrics: Metrics,
    queues: Queues,
    dynamodb: DynamoDb,
    /// Only if indexes are to lag.
    replica: Option<Replica>,
    /// What answers requests, polls queues and runs schedules.
    work: Vec<JoinHandle<()>>,
    stop_work: watch::Sender<bool>,
    /// What those talk to, stopped after them.
    services: Vec<JoinHandle<()>>,
    stop_services: watch::Sender<bool>,
    threads: Threads,
    /// Given up last, when nobody writes there any more.
    folder: Option<Folder>,
}

impl Stack {
    /// Returns once everything serves.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        assembly::start(options).await
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the embedded services listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Sends the dead letters of the queue of this name back to it; answers how many there were.
    pub async fn redrive(&self, queue: &str) -> Result<usize, SqsError> {
        let specs = self.template.queues.iter();
        let dead = specs.filter(|spec| spec.name == queue).find_map(|spec| spec.redrive.as_ref());
        let Some(dead) = dead.map(|redrive| redrive.dead_letter_queue.as_str()) else { return Ok(0) };
        let mut sent = 0;
        loop {
            let letters = self.queues.receive(dead, 10, Duration::ZERO).await?;
            if letters.is_empty() {
                return Ok(sent);
            }
            let again = letters.iter().map(|letter| NewMessage::new(letter.body.clone())).collect();
            sent += self.queues.send(queue, again).await?.len();
            let receipts = letters.into_iter().map(|letter| letter.receipt_handle).collect();
            self.queues.delete(dead, receipts).await?;
        }
    }

    /// Sends all dead letters back to where they came from.
    ///
    /// Those of deliveries are shown to people, who have them read again through the API.
    pub async fn redrive_all(&self) -> Result<(), StackError> {
        for queue in &self.template.queues {
            self.redrive(&queue.name).await?;
        }
        Ok(())
    }

    /// What the functions have counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Returns once the table's indexes show everything that was written before.
    pub async fn indexes_settled(&self) {
        if let Some(replica) = &self.replica {
            replica.settled().await;
        }
    }

    /// What tools are given to run with: they may do everything, and nothing fails them on purpose.
    pub fn owner(&self) -> Host {
        self.host(OWNER)
    }

    /// What a function in a process of its own needs in its environment to run as a part of this stack: where the
    /// embedded services are, and what the template gives the functions.
    pub fn aws_env(&self) -> BTreeMap<String, String> {
        let functions = self.template.functions.iter();
        let settings = functions.flat_map(|function| &function.environment);
        let given = settings.map(|(name, setting)| (name.clone(), self.setting(setting)));
        let of_aws = [
            ("AWS_ACCESS_KEY_ID", OWNER),
            ("AWS_SECRET_ACCESS_KEY", LOCAL_SECRET),
            ("AWS_REGION", proxy::REGION),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.endpoints.dynamodb),
            ("AWS_ENDPOINT_URL_S3", &self.endpoints.s3),
            ("AWS_ENDPOINT_URL_SQS", &self.endpoints.sqs),
        ];
        given.chain(of_aws.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
    }

    fn setting(&self, setting: &Setting) -> String {
        match setting {
            Setting::Text(text) => text.clone(),
            Setting::QueueUrl(queue) => self.queues.url(queue),
        }
    }

    /// What the function of this name is given to run with; its access key is its name.
    ///
    /// A name that the template does not know gets an empty environment.
    pub fn host(&self, function: &str) -> Host {
        let functions = &self.template.functions;
        let found = functions.iter().find(|found| found.name == function);
        let environment = found.map(|found| &found.environment);
        let variables = environment.into_iter().flatten();
        let variables = variables.map(|(name, setting)| (name.clone(), self.setting(setting)));
        Host {
            env: Env::of(variables),
            aws: Aws::local(self.endpoints.clone(), function),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            place: Place::Local,
        }
    }

    /// Finishes what is being worked on, within 5 s; messages that are not finished come again at the next start.
    pub async fn stop(self) {
        self.stop_work.send_replace(true);
        finish(self.work, PATIENCE).await;
        self.stop_services.send_replace(true);
        let dynamodb = self.dynamodb.stop(PATIENCE_WITH_PARTS);
        tokio::join!(dynamodb, finish(self.services, PATIENCE_WITH_PARTS));
    }
}

async fn finish(tasks: Vec<JoinHandle<()>>, patience: Duration) {
    let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
    let all = futures::future::join_all(tasks);
    if tokio::time::timeout(patience, all).await.is_err() {
        tracing::warn!("stopping before everything is finished");
        for abort in aborts {
            abort.abort();
        }
    }
}
