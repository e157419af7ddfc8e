//! `shared/api/openapi.json` is made of what the functions list and how they answer, so that it cannot be wrong.

use e2e::{Client, Declared, KeyState, new_tenant, routes, with_permissions};
use serde_json::{Map, Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/api/openapi.json");

#[tokio::test]
async fn the_openapi_document_tells_of_every_route() {
    let document = format!("{:#}\n", document().await);
    if std::fs::read_to_string(FILE).unwrap_or_default() != document {
        std::fs::write(FILE, document).unwrap();
        panic!("the routes have changed, and now {FILE} has too: look at it, commit it, run the tests again");
    }
}

async fn document() -> Value {
    let nobody = with_permissions(&new_tenant().await, [], KeyState::Active).await;
    let mut paths = Map::new();
    for declared in routes().await {
        let operation = operation(&declared, &who_may(&nobody, &declared).await);
        let method = declared.route.method.to_lowercase();
        paths.entry(declared.route.path).or_insert_with(|| json!({}))[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CRAE",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Calls and other touches in, attributed revenue out.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components(),
    })
}

/// Who a route answers to, as it says itself.
enum Who {
    Everybody,
    /// Whoever signed the body.
    Sender,
    /// A caller with this permission.
    Caller(String),
}

async fn who_may(nobody: &Client, declared: &Declared) -> Who {
    let path = declared.path_with("convin");
    let answer = nobody.send(declared.route.method, &path, &[], Vec::new()).await;
    match answer.code() {
        "FORBIDDEN" => {
            let problem = answer.body["details"][0]["problem"].as_str().unwrap_or_default();
            Who::Caller(problem.strip_suffix(" is missing").unwrap().to_owned())
        }
        "INVALID_SIGNATURE" => Who::Sender,
        _ => {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            Who::Everybody
        }
    }
}

fn operation(declared: &Declared, who: &Who) -> Value {
    let route = &declared.route;
    let mut operation = json!({
        "operationId": operation_id(declared),
        "summary": route.summary,
        "tags": [declared.function],
        "security": match who {
            Who::Everybody => json!([]),
            Who::Sender => json!([{"signature": []}]),
            Who::Caller(_) => json!([{"api_key": []}, {"bearer": []}]),
        },
        "responses": match who {
            Who::Everybody => json!({"200": {"description": "What was asked for"}}),
            Who::Sender | Who::Caller(_) => json!({
                "2XX": {"$ref": "#/components/responses/Success"},
                "4XX": {"$ref": "#/components/responses/Error"},
                "5XX": {"$ref": "#/components/responses/Error"},
            }),
        },
    });
    if let Who::Caller(permission) = who {
        operation["description"] = json!(format!("Needs the permission `{permission}`."));
    }
    let mut parameters: Vec<_> = declared.parameters().map(parameter).collect();
    if route.method != "GET" && matches!(who, Who::Caller(_)) {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if route.method != "GET" {
        let schema = json!({"schema": {"type": "object"}});
        operation["requestBody"] = json!({"content": {"application/json": schema}});
    }
    operation
}

fn parameter(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
}

/// `get_v1_interactions_id`
fn operation_id(declared: &Declared) -> String {
    let words = declared.route.path.split(['/', '.', '{', '}']).filter(|word| !word.is_empty());
    let method = declared.route.method.to_lowercase();
    [method.as_str()].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

fn components() -> Value {
    let answer = |description: &str, schema: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        json!({"description": description, "content": {"application/json": {"schema": schema}}})
    };
    json!({
        "securitySchemes": {
            "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
            "signature": {
                "type": "apiKey", "in": "header", "name": "X-Webhook-Signature",
                "description": "HMAC-SHA256 of the raw body, in hex, with a secret of the tenant's for the provider",
            },
        },
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "Makes the request safe to repeat for 24 hours: the same key with the same body, by the \
                    same caller to the same path, is answered as the first time, with `Idempotency-Replayed: true`. \
                    Another body is refused with 409 `IDEMPOTENCY_KEY_REUSED`, a repetition while the first is still \
                    being carried out with 409 `REQUEST_IN_PROGRESS`. What failed on our side, also in part, is not \
                    kept and carried out again; so is what was answered in more than 350,000 bytes, which says \
                    `Idempotency-Kept: false`.",
            },
        },
        "responses": {
            "Success": answer("It was done, or taken to be done", "Success"),
            "Error": answer("It was not done, and why", "Error"),
        },
        "schemas": schemas(),
    })
}

fn schemas() -> Value {
    json!({
            "Success": {
                "type": "object",
                "required": ["data", "message", "meta"],
                "properties": {
                    "data": {"description": "An object, or the entries of a list"},
                    "message": {"type": "string"},
                    "meta": {
                        "type": "object",
                        "properties": {
                            "next_cursor": {"type": ["string", "null"], "description": "Of lists: null at the end"},
                            "idempotent_replay": {
                                "type": "boolean",
                                "description": "Of a repeated report: whether it added nothing",
                            },
                        },
                    },
                },
            },
            "Error": {
                "type": "object",
                "required": ["error", "code", "details", "request_id"],
                "properties": {
                    "error": {"type": "string", "description": "A sentence for people"},
                    "code": {"type": "string", "pattern": "^[A-Z][A-Z_]*$"},
                    "details": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
                    "request_id": {"type": "string"},
                },
            },
            "Problem": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {
                    "field": {"type": "string", "examples": ["customer_identifiers[0].type"]},
                    "problem": {"type": "string", "examples": ["is required"]},
                },
            },
    })
}
