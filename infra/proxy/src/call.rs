//! A call as a service sees it: who calls, what for, and which permissions that needs.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde_json::Value;

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

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it reads an index, which may lag behind its table.
    pub fn reads_index(&self) -> bool {
        self.service == Service::DynamoDb
            && self.operation == "Query"
            && self.json().get("IndexName").is_some()
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
        let body = self.json();
        let need = |operation: &str, at: &Value| Need {
            action: format!("dynamodb:{operation}"),
            resource: table(at),
            partition: partition(at),
        };
        match self.operation.as_str() {
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.keys());
                tables.map(|name| need(&self.operation, &serde_json::json!({ "TableName": name }))).collect()
            }
            // A transaction needs what its parts would need alone.
            "TransactWriteItems" | "TransactGetItems" => {
                let parts =
                    body["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object);
                let needs = parts.flatten().map(|(kind, at)| match kind.as_str() {
                    "ConditionCheck" => need("ConditionCheckItem", at),
                    kind => need(&format!("{kind}Item"), at),
                });
                needs.collect()
            }
            operation => vec![need(operation, &body)],
        }
    }

    fn need_of_queue(&self) -> Need {
        // A batch needs the permission of the single call.
        let operation = self.operation.trim_end_matches("Batch");
        let body = self.json();
        let url = body["QueueUrl"].as_str().unwrap_or_default();
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

/// The ARN of the table or the index that a request names.
fn table(request: &Value) -> String {
    let name = request["TableName"].as_str().unwrap_or("*");
    let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
    match request["IndexName"].as_str() {
        Some(index) => format!("{table}/index/{index}"),
        None => table,
    }
}

/// The partition of the item that a request reads or writes.
fn partition(request: &Value) -> Option<String> {
    let key = [&request["Item"], &request["Key"]].into_iter().find_map(|item| item["pk"]["S"].as_str());
    key.map(str::to_owned)
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
