//! The functions themselves: which code answers for which name of the template.

use std::pin::Pin;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use axum::Router;
use runtime::{Host, Misconfigured};

/// A function's code, by the kind of trigger it is written for.
#[derive(Clone)]
pub enum Code {
    Http(Router),
    Queue(BatchHandler),
    Schedule(TickHandler),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Handles one batch of messages; the answer names those that must come again.
pub type BatchHandler = Arc<dyn Fn(SqsEvent) -> Later<SqsBatchResponse> + Send + Sync>;

/// Runs at every tick of a schedule; an error is its text.
pub type TickHandler = Arc<dyn Fn() -> Later<Result<(), String>> + Send + Sync>;

/// A function as it is compiled in.
#[derive(Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    connect: fn(&Host) -> Result<Code, Misconfigured>,
}

impl Function {
    /// What a cold start does: reads the configuration and connects.
    pub fn connect(&self, host: &Host) -> Result<Code, Misconfigured> {
        (self.connect)(host)
    }
}

macro_rules! http {
    ($name:literal, $function:ident) => {
        Function {
            name: $name,
            connect: |host| {
                let app = $function::App::connect(host)?;
                Ok(Code::Http($function::router(app)))
            },
        }
    };
}

macro_rules! queue {
    ($name:literal, $function:ident) => {
        Function {
            name: $name,
            connect: |host| {
                let app = $function::App::connect(host)?;
                let handle = move |event| -> Later<_> {
                    let app = app.clone();
                    Box::pin(async { $function::handle(app, event).await })
                };
                Ok(Code::Queue(Arc::new(handle)))
            },
        }
    };
}

macro_rules! schedule {
    ($name:literal, $function:ident) => {
        Function {
            name: $name,
            connect: |host| {
                let app = $function::App::connect(host)?;
                let handle = move || -> Later<_> {
                    let app = app.clone();
                    Box::pin(async {
                        let swept = $function::handle(app).await;
                        swept.map_err(|error| error.to_string())
                    })
                };
                Ok(Code::Schedule(Arc::new(handle)))
            },
        }
    };
}

/// Every function there is.
pub const ALL: [Function; 9] = [
    http!("analytics-api", analytics_api),
    http!("attribution-api", attribution_api),
    queue!("attribution-executor", attribution_executor),
    schedule!("attribution-scheduler", attribution_scheduler),
    queue!("call-ingestor", call_ingestor),
    http!("identity-api", identity_api),
    http!("ingestion-api", ingestion_api),
    http!("site", site),
    http!("webhook-receiver", webhook_receiver),
];
