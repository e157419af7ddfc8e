//! What tests run against: a real DynamoDB in memory, a queue that keeps what it is sent, a clock that stands still.
//!
//! Only for tests. Each [`Stack`] is empty and its own; it lives until the process of the tests ends, so nothing has
//! to be closed and no test waits for another's connections.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings do not start has nothing to go on with")]

mod dynamodb;
mod outbox;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::ids::TenantId;
use domain::tenant::Settings;
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use proxy::Service;
use runtime::{Aws, Clock, Endpoints, Env, Host, Metrics, Place};
use sha2::Sha256;
use store::{Table, Tenant, TenantKey};

pub use outbox::{Outbox, Sent};
pub use proxy::{Call, Fault, Judge};

/// The table's name, which every host has in `TABLE_NAME`.
pub const TABLE: &str = "crae";

/// The bucket's name, which every host has in `ARCHIVE_BUCKET`.
pub const BUCKET: &str = "crae-archive";

/// The surroundings of one test.
pub struct Stack {
    /// Stands still at 2026-11-21T12:00:00Z until it is advanced.
    pub clock: Clock,
    /// What was sent to queues, whatever their URL.
    pub outbox: Outbox,
    /// What the functions have counted.
    pub metrics: Metrics,
    endpoints: Endpoints,
}

/// A stack with an empty table and an empty outbox.
pub fn stack() -> Stack {
    let outbox = Outbox::default();
    Stack {
        clock: Clock::fixed(Timestamp::parse("2026-11-21T12:00:00Z").unwrap()),
        endpoints: dynamodb::start(outbox.router()),
        outbox,
        metrics: Metrics::kept(),
    }
}

/// A host on a stack of its own.
pub fn host(env: &[(&str, &str)]) -> Host {
    stack().host(env)
}

/// An empty table on a stack of its own.
pub fn table() -> Table {
    stack().table()
}

impl Stack {
    /// A host as a function is given it, with `TABLE_NAME`, `ARCHIVE_BUCKET` and `env` in its environment.
    pub fn host(&self, env: &[(&str, &str)]) -> Host {
        self.host_at(self.endpoints.clone(), env)
    }

    /// The same, but DynamoDB and S3 fail every operation of which `refuses` says so, told its name and its body.
    pub fn failing_host(
        &self,
        env: &[(&str, &str)],
        refuses: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Host {
        let given_up = move |call: &Call| refuses(&call.operation, &call.text()).then_some(Fault::GivenUp);
        self.host_behind(env, given_up)
    }

    /// The same, but `judge` decides on every call to DynamoDB and S3.
    pub fn host_behind(&self, env: &[(&str, &str)], judge: impl Judge) -> Host {
        let judge: Arc<dyn Judge> = Arc::new(judge);
        let Endpoints { dynamodb, s3, .. } = &self.endpoints;
        let endpoints = Endpoints {
            dynamodb: dynamodb::start_behind(Service::DynamoDb, dynamodb, Arc::clone(&judge)),
            s3: dynamodb::start_behind(Service::S3, s3, judge),
            sqs: self.endpoints.sqs.clone(),
        };
        self.host_at(endpoints, env)
    }

    /// A handle to the table with a meter of its own.
    pub fn table(&self) -> Table {
        Table::new(self.host(&[]).aws.dynamodb(), TABLE)
    }

    /// Creates a tenant with default settings.
    pub async fn tenant(&self, id: &str) -> Tenant {
        self.tenant_with(id, Settings::default()).await
    }

    pub async fn tenant_with(&self, id: &str, settings: Settings) -> Tenant {
        let tenant = Tenant { id: TenantId::parse(id).unwrap(), settings, key: TenantKey::new(key_of(id)) };
        assert!(self.table().create_tenant(&tenant).await.unwrap(), "{id} exists");
        tenant
    }

    fn host_at(&self, endpoints: Endpoints, env: &[(&str, &str)]) -> Host {
        let variables = [("TABLE_NAME", TABLE), ("ARCHIVE_BUCKET", BUCKET)].iter().chain(env);
        Host {
            env: Env::of(variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))),
            aws: Aws::local(endpoints, "tests"),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            place: Place::Local,
        }
    }
}

/// Differs from tenant to tenant and is the same in every run.
fn key_of(id: &str) -> [u8; 32] {
    let mut key = [7; 32];
    for (byte, letter) in key.iter_mut().zip(id.bytes()) {
        *byte = letter;
    }
    key
}

/// A batch as SQS hands it to a function; the ids of its messages are `m0`, `m1`, ….
pub fn batch(bodies: impl IntoIterator<Item = String>) -> SqsEvent {
    let mut event = SqsEvent::default();
    let messages = bodies.into_iter().enumerate().map(|(index, body)| {
        let mut message = SqsMessage::default();
        message.message_id = Some(format!("m{index}"));
        message.body = Some(body);
        message
    });
    event.records = messages.collect();
    event
}

/// What `X-Webhook-Signature` is for a body: its HMAC-SHA256 in hex.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
