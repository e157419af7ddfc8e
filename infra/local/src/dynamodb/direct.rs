//! The way to the database that most calls take: past its HTTP server, which would read each of them twice more.
//!
//! The server remains the judge of what is wrong. A call that cannot be read, or that fails, changed nothing, and is
//! given to the server, whose answer counts.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tower::ServiceExt;

/// More than any request of ours; DynamoDB takes up to 16 MB.
const MOST_BODY: usize = 16 * 1024 * 1024;

/// Carries out a call; None if it could not be.
type Operation = fn(&Database, &[u8]) -> Option<Vec<u8>>;

#[derive(Clone)]
struct Direct {
    database: Database,
    /// Where SQLite's synchronous work keeps nothing else waiting.
    threads: Handle,
    server: Router,
}

pub(super) fn router(database: Database, threads: Handle, server: Router) -> Router {
    Router::new().fallback(answer).with_state(Direct { database, threads, server })
}

async fn answer(State(direct): State<Direct>, request: Request) -> Response {
    let Direct { database, threads, server } = direct;
    let Some(operation) = operation(request.headers()) else { return ask(server, request).await };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = body.clone();
    match threads.spawn(async move { operation(&database, &call) }).await {
        Ok(Some(said)) => ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], said).into_response(),
        Ok(None) | Err(_) => ask(server, Request::from_parts(parts, Body::from(body))).await,
    }
}

async fn ask(server: Router, request: Request) -> Response {
    server.oneshot(request).await.unwrap_or_else(|never| match never {})
}

fn operation(headers: &HeaderMap) -> Option<Operation> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Some(match target.strip_prefix("DynamoDB_20120810.")? {
        "GetItem" => |database, call| said(database.get_item(read(call)?)),
        "Query" => |database, call| said(database.query(read(call)?)),
        "BatchGetItem" => |database, call| said(database.batch_get_item(read(call)?)),
        "PutItem" => |database, call| said(database.put_item(read(call)?)),
        "UpdateItem" => |database, call| said(database.update_item(read(call)?)),
        "BatchWriteItem" => |database, call| said(database.batch_write_item(read(call)?)),
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(call: &[u8]) -> Option<T> {
    serde_json::from_slice(call).ok()
}

fn said<T: Serialize>(outcome: Result<T, DynoxideError>) -> Option<Vec<u8>> {
    serde_json::to_vec(&outcome.ok()?).ok()
}
