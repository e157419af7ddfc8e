//! Batches of which DynamoDB carries out a part, and hands back the rest.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::MOST_BODY;
use crate::call::Call;

/// What is handed back, and under which name.
pub(crate) struct HeldBack {
    name: &'static str,
    items: Map<String, Value>,
}

/// The request with the second half of its batch left out; the same request if it is no batch, or one of one.
pub(crate) fn halve(call: &Call) -> (Bytes, Option<HeldBack>) {
    let name = match call.operation.as_str() {
        "BatchGetItem" => "UnprocessedKeys",
        "BatchWriteItem" => "UnprocessedItems",
        _ => return (call.body.clone(), None),
    };
    let mut body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let mut items = Map::new();
    for (table, asked) in body["RequestItems"].as_object_mut().into_iter().flatten() {
        // Of reads the keys stand beside how they are to be read, which must come back with them.
        let mut rest = asked.clone();
        let (list, rest_list) = if asked.is_object() {
            (asked.get_mut("Keys"), rest.get_mut("Keys"))
        } else {
            (Some(asked), Some(&mut rest))
        };
        let (Some(Value::Array(list)), Some(rest_list)) = (list, rest_list) else { continue };
        if list.len() > 1 {
            *rest_list = Value::Array(list.split_off(list.len().div_ceil(2)));
            items.insert(table.clone(), rest);
        }
    }
    if items.is_empty() {
        (call.body.clone(), None)
    } else {
        (body.to_string().into(), Some(HeldBack { name, items }))
    }
}

impl HeldBack {
    /// The answer with what was held back in it; an error stays as it is.
    pub(crate) async fn add_to(self, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        let text = to_bytes(body, MOST_BODY).await.unwrap_or_default();
        if !parts.status.is_success() {
            return Response::from_parts(parts, Body::from(text));
        }
        let mut answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        answer[self.name] = Value::Object(self.items);
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove("x-amz-crc32");
        Response::from_parts(parts, Body::from(answer.to_string()))
    }
}
