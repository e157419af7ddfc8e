//! The functions themselves: which code answers for which name of the template.

use std::pin::Pin;
use std::sync::Arc;

use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::streams::DynamoDbEventResponse;
use axum::Router;
use runtime::{Host, Misconfigured};

/// A function's code, by the kind of trigger it is written for.
#[derive(Clone)]
pub enum Code {
    Http(Router),
    Queue(BatchHandler),
    Stream(RecordsHandler),
    Schedule(TickHandler),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Handles one batch of messages; the answer names those that must come again.
pub type BatchHandler = Arc<dyn Fn(SqsEvent) -> Later<SqsBatchResponse> + Send + Sync>;

/// Handles one batch of a stream's records; the answer names the first that must come again.
pub type RecordsHandler = Arc<dyn Fn(dynamodb::Event) -> Later<DynamoDbEventResponse> + Send + Sync>;

/// Runs at every tick of a schedule; an error is its text.
pub type TickHandler = Arc<dyn Fn() -> Later<Result<(), String>> + Send + Sync>;

/// A function as it is compiled in.
#[derive(Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    connect: fn(&Host) -> Result<Code, Misconfigured>,
}

impl Function {
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|function| function.name == name)
    }

    /// What a cold start does: reads the configuration and connects.
    pub fn connect(&self, host: &Host) -> Result<Code, Misconfigured> {
        (self.connect)(host)
    }
}

/// Every function there is.
pub const ALL: [Function; 14] = [
    Function {
        name: "analytics-api",
        connect: |host| Ok(Code::Http(analytics_api::router(analytics_api::App::connect(host)?))),
    },
    Function {
        name: "attribution-api",
        connect: |host| Ok(Code::Http(attribution_api::router(attribution_api::App::connect(host)?))),
    },
    Function {
        name: "attribution-executor",
        connect: |host| {
            let app = attribution_executor::App::connect(host)?;
            Ok(on_batch(app, attribution_executor::handle))
        },
    },
    Function {
        name: "attribution-scheduler",
        connect: |host| {
            let app = attribution_scheduler::App::connect(host)?;
            Ok(on_tick(app, attribution_scheduler::handle))
        },
    },
    Function {
        name: "call-ingestor",
        connect: |host| {
            let app = call_ingestor::App::connect(host)?;
            Ok(on_batch(app, call_ingestor::handle))
        },
    },
    Function {
        name: "dead-letter-keeper",
        connect: |host| {
            let app = dead_letter_keeper::App::connect(host)?;
            Ok(on_batch(app, dead_letter_keeper::handle))
        },
    },
    Function {
        name: "deliveries-api",
        connect: |host| Ok(Code::Http(deliveries_api::router(deliveries_api::App::connect(host)?))),
    },
    Function {
        name: "identity-api",
        connect: |host| Ok(Code::Http(identity_api::router(identity_api::App::connect(host)?))),
    },
    Function {
        name: "ingestion-api",
        connect: |host| Ok(Code::Http(ingestion_api::router(ingestion_api::App::connect(host)?))),
    },
    Function {
        name: "ledger-api",
        connect: |host| Ok(Code::Http(ledger_api::router(ledger_api::App::connect(host)?))),
    },
    Function {
        name: "rollup-builder",
        connect: |host| Ok(on_batch(rollup_builder::App::connect(host)?, rollup_builder::handle)),
    },
    Function {
        name: "rollup-projector",
        connect: |host| Ok(on_records(rollup_projector::App::connect(host)?, rollup_projector::handle)),
    },
    Function { name: "site", connect: |host| Ok(Code::Http(site::router(site::App::connect(host)?))) },
    Function {
        name: "webhook-receiver",
        connect: |host| Ok(Code::Http(webhook_receiver::router(webhook_receiver::App::connect(host)?))),
    },
];

fn on_batch<A, R>(app: A, handle: fn(A, SqsEvent) -> R) -> Code
where
    A: Clone + Send + Sync + 'static,
    R: Future<Output = SqsBatchResponse> + Send + 'static,
{
    Code::Queue(Arc::new(move |event| Box::pin(handle(app.clone(), event))))
}

fn on_records<A, R>(app: A, handle: fn(A, dynamodb::Event) -> R) -> Code
where
    A: Clone + Send + Sync + 'static,
    R: Future<Output = DynamoDbEventResponse> + Send + 'static,
{
    Code::Stream(Arc::new(move |event| Box::pin(handle(app.clone(), event))))
}

fn on_tick<A, R, E>(app: A, handle: fn(A) -> R) -> Code
where
    A: Clone + Send + Sync + 'static,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send,
{
    Code::Schedule(Arc::new(move || {
        let tick = handle(app.clone());
        Box::pin(async { tick.await.map_err(|error| error.to_string()) })
    }))
}
