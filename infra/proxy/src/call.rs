//! A call as a service sees it: who calls, what for, and which permissions that needs.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The account that everything local belongs to.
pub const ACCOUNT: &str = "000000000000";
/// The region that everything local is in.
pub const REGION: &str = "us-east-1";

/// Which service is called; each words its errors in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    Sqs,
    S3,
}

/// One attempt of a call; the SDK may make several.
#[derive(Clone, Debug)]
pub struct Call {
    pub service: Service,
    /// As the API names it: `PutItem`, `SendMessage`, `GetObject`.
    pub operation: String,
    /// The access key of whoever calls; each function's is its name.
    pub principal: String,
    /// The bucket and the object of a call to S3.
    path: String,
    pub body: Bytes,
}

/// A permission that a call needs, in the words of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub action: String,
    pub resource: String,
    /// The partition that is written, where a call names a single one.
    pub partition: Option<String>,
}

impl Call {
    pub(crate) fn of(service: Service, parts: &Parts, body: Bytes) -> Self {
        Self {
            service,
            operation: match service {
                Service::DynamoDb | Service::Sqs => target(&parts.headers),
                Service::S3 => s3_operation(parts).to_owned(),
            },
            principal: access_key(&parts.headers),
            path: parts.uri.path().trim_start_matches('/').to_owned(),
            body,
        }
    }

    /// The body as text, as far as it is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn asked(&self) -> Asked {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it reads an index, which may lag behind its table.
    pub fn reads_index(&self) -> bool {
        self.service == Service::DynamoDb && self.operation == "Query" && self.asked().index_name.is_some()
    }

    /// Every permission that must be held for the call to be allowed.
    pub fn needs(&self) -> Vec<Need> {
        match self.service {
            Service::DynamoDb => self.needs_of_tables(),
            Service::Sqs => vec![self.need_of_queue()],
            Service::S3 => vec![self.need_of_bucket()],
        }
    }

    fn needs_of_tables(&self) -> Vec<Need> {
        let asked = self.asked();
        match self.operation.as_str() {
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = asked.request_items.into_keys();
                let asked = |name| Asked { table_name: Some(name), ..Asked::default() };
                tables.map(|name| asked(name).need(&self.operation)).collect()
            }
            // A transaction needs what its parts would need alone.
            "TransactWriteItems" | "TransactGetItems" => {
                let needs =
                    asked.transact_items.into_iter().flatten().map(|(kind, part)| match kind.as_str() {
                        "ConditionCheck" => part.need("ConditionCheckItem"),
                        kind => part.need(&format!("{kind}Item")),
                    });
                needs.collect()
            }
            operation => vec![asked.need(operation)],
        }
    }

    fn need_of_queue(&self) -> Need {
        // A batch needs the permission of the single call.
        let operation = self.operation.trim_end_matches("Batch");
        let url = self.asked().queue_url.unwrap_or_default();
        let name = url.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("*");
        Need {
            action: format!("sqs:{operation}"),
            resource: format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
            partition: None,
        }
    }

    fn need_of_bucket(&self) -> Need {
        let action = match self.operation.as_str() {
            "ListObjectsV2" | "HeadBucket" => "ListBucket",
            "HeadObject" => "GetObject",
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "PutObject",
            operation => operation,
        };
        Need {
            action: format!("s3:{action}"),
            resource: format!("arn:aws:s3:::{}", self.path.trim_end_matches('/')),
            partition: None,
        }
    }
}

/// What a request, or a part of a transaction, says of which table, index, partition or queue it is about.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Asked {
    table_name: Option<String>,
    index_name: Option<String>,
    queue_url: Option<String>,
    item: Named,
    key: Named,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<BTreeMap<String, Asked>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    pk: Partition,
}

#[derive(Default, Deserialize)]
struct Partition {
    #[serde(rename = "S")]
    name: Option<String>,
}

impl Asked {
    fn need(self, operation: &str) -> Need {
        let name = self.table_name.as_deref().unwrap_or("*");
        let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
        Need {
            action: format!("dynamodb:{operation}"),
            resource: match self.index_name {
                Some(index) => format!("{table}/index/{index}"),
                None => table,
            },
            partition: self.item.pk.name.or(self.key.pk.name),
        }
    }
}

/// `PutItem`, of `DynamoDB_20120810.PutItem`.
fn target(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

fn s3_operation(parts: &Parts) -> &'static str {
    let names_object = parts.uri.path().trim_matches('/').contains('/');
    let query = parts.uri.query().unwrap_or_default();
    match (&parts.method, names_object) {
        (&Method::GET, true) => "GetObject",
        (&Method::GET, false) => "ListObjectsV2",
        (&Method::HEAD, true) => "HeadObject",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::PUT, true) if query.contains("uploadId") => "UploadPart",
        (&Method::PUT, true) => "PutObject",
        (&Method::DELETE, true) => "DeleteObject",
        (&Method::POST, true) if query.contains("uploads") => "CreateMultipartUpload",
        (&Method::POST, true) => "CompleteMultipartUpload",
        _ => "Unknown",
    }
}

/// `call-ingestor`, of `AWS4-HMAC-SHA256 Credential=call-ingestor/20261121/us-east-1/dynamodb/aws4_request, …`.
fn access_key(headers: &HeaderMap) -> String {
    let sent = headers.get(header::AUTHORIZATION).and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let after = sent.split_once("Credential=").map_or("", |(_, after)| after);
    after.split('/').next().unwrap_or_default().to_owned()
}
