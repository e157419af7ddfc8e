//! What `template.yaml` says, typed: the local stack wires itself by the same file as the cloud.
//!
//! Exactly what our template uses is understood. Anything else is refused by name, since a property that is
//! silently ignored here would work differently in the cloud.

mod bucket;
mod function;
mod node;
mod pattern;
mod policy;
mod queue;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_yaml_ng::Value;

use crate::sqs::QueueSpec;
use node::{Names, Node};
pub use pattern::Pattern;
pub use policy::Statement;

/// The template this binary was built with; embedded, so that the binary runs from any folder.
pub const EMBEDDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"));

/// Why a template cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the template is not YAML")]
    NotYaml(#[from] serde_yaml_ng::Error),
    #[error("{at}: the local stack does not know the intrinsic {name}")]
    UnknownIntrinsic { at: String, name: String },
    #[error("{at}: the local stack does not know the type {name}")]
    UnknownType { at: String, name: String },
    #[error("{at}: the local stack does not know the property {name}")]
    UnknownProperty { at: String, name: String },
    #[error("{at}: nothing in the template is called {name}")]
    UnknownName { at: String, name: String },
    #[error("{at}: {name} is missing")]
    Missing { at: String, name: String },
    #[error("{at}: should be {expected}")]
    Wrong { at: String, expected: &'static str },
}

/// A template with its parameters filled in.
#[derive(Clone, Debug)]
pub struct Template {
    pub functions: Vec<Function>,
    pub queues: Vec<QueueSpec>,
    pub table: Table,
    /// The name of the one bucket.
    pub bucket: String,
    pub api: Api,
}

/// A function and what starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The last folder of `CodeUri`: the name of the folder, the package and the binary.
    pub name: String,
    pub timeout: Duration,
    pub environment: BTreeMap<String, Setting>,
    pub events: Vec<Event>,
    /// What it may do; nothing else.
    pub policy: Vec<Statement>,
}

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    /// The URL of the queue of this name, which is known once the queues are served.
    QueueUrl(String),
}

/// What starts a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request; the path of the route for everything else is `$default`.
    HttpApi {
        method: String,
        path: String,
    },
    /// Messages of the queue of this name.
    Sqs {
        queue: String,
        batch_size: usize,
        window: Duration,
        concurrency: usize,
    },
    /// Records of the table's stream.
    Stream {
        batch_size: usize,
        window: Duration,
        /// A record passes if one of them matches; all pass if there is none.
        filters: Vec<Pattern>,
        /// How often a batch that fails comes again before it is given up.
        retries: usize,
        /// The queue that is told which records were given up.
        on_failure: String,
    },
    Schedule {
        every: Duration,
    },
}

/// The table. All key attributes are strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub key: Key,
    pub indexes: Vec<Index>,
    /// The attribute that says when an item expires.
    pub expires_by: Option<String>,
    /// What a stream record shows, if the table has a stream.
    pub stream: Option<String>,
}

/// Names of the attributes that form a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub partition: String,
    pub sort: String,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub key: Key,
    /// The attributes it holds besides the keys.
    pub includes: Vec<String>,
}

/// The gateway's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Requests per second let through in the cloud; the local stack limits nothing.
    pub throttle_rate: u64,
    pub throttle_burst: u64,
}

impl Template {
    /// Reads `text` with its parameters at their defaults or, where named, at `parameters`.
    pub fn read(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document: Value = serde_yaml_ng::from_str(text)?;
        let names = Names::read(&document, parameters)?;
        let root = Node::root(&document, &names);
        root.only(&[
            "AWSTemplateFormatVersion",
            "Transform",
            "Description",
            "Parameters",
            "Globals",
            "Resources",
            "Outputs",
        ])?;
        root.check_intrinsics()?;
        let globals = root.field("Globals");
        let mut read = Resources::default();
        for (name, resource) in root.required("Resources")?.entries()? {
            read.add(name, &resource, globals.as_ref())?;
        }
        Ok(Self {
            functions: read.functions,
            queues: read.queues,
            table: read.table.ok_or_else(|| root.missing("a table"))?,
            bucket: read.bucket.ok_or_else(|| root.missing("a bucket"))?,
            api: api(globals.as_ref().ok_or_else(|| root.missing("Globals"))?)?,
        })
    }
}

#[derive(Default)]
struct Resources {
    functions: Vec<Function>,
    queues: Vec<QueueSpec>,
    table: Option<Table>,
    bucket: Option<String>,
}

impl Resources {
    fn add(
        &mut self,
        name: &str,
        resource: &Node<'_>,
        globals: Option<&Node<'_>>,
    ) -> Result<(), TemplateError> {
        resource.only(&["Type", "Properties", "DeletionPolicy", "UpdateReplacePolicy"])?;
        let properties = resource.required("Properties")?;
        match resource.required("Type")?.text()?.as_str() {
            "AWS::Serverless::Function" => {
                let globals = globals.and_then(|globals| globals.field("Function"));
                self.functions.push(function::read(&properties, globals.as_ref())?);
            }
            "AWS::SQS::Queue" => self.queues.push(queue::read(&properties)?),
            "AWS::DynamoDB::Table" => self.table = Some(table::read(name, &properties)?),
            "AWS::S3::Bucket" => self.bucket = Some(bucket::read(name, &properties)?),
            // Who may reach a queue or a bucket, where logs are kept and who is told of what has no counterpart here.
            "AWS::SQS::QueuePolicy"
            | "AWS::S3::BucketPolicy"
            | "AWS::Logs::LogGroup"
            | "AWS::CloudWatch::Alarm"
            | "AWS::SNS::Topic" => {}
            other => {
                return Err(TemplateError::UnknownType {
                    at: resource.at().to_owned(),
                    name: other.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn api(globals: &Node<'_>) -> Result<Api, TemplateError> {
    globals.only(&["Function", "HttpApi"])?;
    let api = globals.required("HttpApi")?;
    api.only(&["AccessLogSettings", "DefaultRouteSettings"])?;
    let throttle = api.required("DefaultRouteSettings")?;
    throttle.only(&["ThrottlingRateLimit", "ThrottlingBurstLimit"])?;
    Ok(Api {
        throttle_rate: throttle.required("ThrottlingRateLimit")?.number()?,
        throttle_burst: throttle.required("ThrottlingBurstLimit")?.number()?,
    })
}

#[cfg(test)]
mod tests;
