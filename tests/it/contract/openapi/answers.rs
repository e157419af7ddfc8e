//! The responses of an operation: its successes, and its errors by status with their codes.

use std::collections::BTreeMap;

use api::{ApiError, Operation};
use serde_json::{Map, Value, json};

/// What every answer, or every answer of a status, has among its headers.
pub(super) fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": text("The id of this request in our logs"),
        "WWW-Authenticate": text("How to send a key"),
        "Allow": text("The methods that the path answers to"),
        "Retry-After": {"description": "Seconds to wait before the request is sent again", "schema": {"type": "integer"}},
    })
}

fn headers_of(status: u16) -> Value {
    let own = match status {
        401 => Some("WWW-Authenticate"),
        405 => Some("Allow"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    let headers = ["X-Request-Id"].into_iter().chain(own);
    let reference = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    headers.map(|name| (name.to_owned(), reference(name))).collect::<Map<_, _>>().into()
}

/// The responses of an operation; errors go to `shared`, since many operations have the same.
///
/// The gateway refuses paths in which a `%` is left once they are decoded, and answers in its own shape.
pub(super) fn responses(
    told: &Operation<'_>,
    has_parameters_in_path: bool,
    shared: &mut Map<String, Value>,
) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, answer) in &told.answers {
        let mut answer = answer.clone();
        answer["headers"] = headers_of(*status);
        responses.insert(status.to_string(), answer);
    }
    let mut errors: BTreeMap<u16, BTreeMap<&str, &ApiError>> = BTreeMap::new();
    for error in &told.errors {
        let (status, code) = error.status_and_code();
        errors.entry(status.as_u16()).or_default().insert(code, error);
    }
    if has_parameters_in_path {
        errors.entry(400).or_default();
    }
    for (status, codes) in errors {
        let is_gateways_too = status == 400 && has_parameters_in_path;
        let names = codes.keys().copied().chain(is_gateways_too.then_some("the_gateways"));
        let name = names.collect::<Vec<_>>().join("_or_");
        shared.entry(&name).or_insert_with(|| refusal(status, &codes, is_gateways_too));
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        // Health answers 503 in a shape of its own.
        responses.entry(status.to_string()).or_insert(reference);
    }
    responses
}

fn refusal(status: u16, codes: &BTreeMap<&str, &ApiError>, is_gateways_too: bool) -> Value {
    let names: Vec<_> = codes.keys().collect();
    let described: Vec<_> = names.iter().map(|code| format!("`{code}`")).collect();
    let example = |(code, error): (&&str, &&ApiError)| {
        let mut body = serde_json::to_value(error.body()).unwrap();
        body["request_id"] = json!("req_018d0e0a7b7c7d008000000000000001");
        ((*code).to_owned(), json!({"value": body}))
    };
    let own = json!({
        "allOf": [{"$ref": "#/components/schemas/Error"}, {"properties": {"code": {"enum": names}}}],
    });
    let gateways = json!({
        "type": "object", "required": ["message"], "properties": {"message": {"const": "Bad Request"}},
        "description": "Of a path in which a `%` is left once it is decoded: send `%2525` for one.",
    });
    let schema = match (codes.is_empty(), is_gateways_too) {
        (true, _) => gateways,
        (false, true) => json!({"anyOf": [own, gateways]}),
        (false, false) => own,
    };
    let mut examples: Map<_, _> = codes.iter().map(example).collect();
    if is_gateways_too {
        examples.insert("the gateway".to_owned(), json!({"value": {"message": "Bad Request"}}));
    }
    json!({
        "description": if codes.is_empty() { "The gateway's".to_owned() } else { described.join(" or ") },
        "headers": headers_of(status),
        "content": {"application/json": {
            "schema": schema,
            "examples": examples,
        }},
    })
}
