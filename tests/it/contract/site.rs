//! What everybody may read.

use e2e::{new_tenant, routes};
use serde_json::Value;

#[tokio::test]
async fn health_ready_and_live_say_ok() {
    let anybody = new_tenant().await;
    for path in ["/health", "/ready", "/live"] {
        for method in ["GET", "HEAD"] {
            let answer = anybody.send(method, path, &[("x-api-key", "")], Vec::new()).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
            assert_eq!(method == "GET", answer.body["status"] == "ok", "{path}: {}", answer.text);
        }
    }
    assert_eq!(anybody.get("/health").await.body["table"], "ok");
}

#[tokio::test]
async fn the_openapi_document_is_served_whole_and_resolves() {
    let anybody = new_tenant().await;
    let answer = anybody.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.text, api::OPENAPI);
    assert_eq!(answer.body["openapi"], "3.1.0");
    for declared in routes().await {
        let operation = &answer.body["paths"][declared.route.path][declared.route.method.to_lowercase()];
        assert_eq!(operation["summary"], declared.route.summary, "{}", declared.route.path);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        let named = in_path.map(|parameter| &parameter["name"]);
        assert!(named.eq(declared.parameters().collect::<Vec<_>>()), "{}", declared.route.path);
    }
    resolves(&answer.body, &answer.body);
}

/// Every reference in the document leads somewhere in it, and no key of security is made up.
fn resolves(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(to)) => {
                        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                    }
                    ("security", Value::Array(ways)) => {
                        let names = ways.iter().filter_map(Value::as_object).flat_map(|way| way.keys());
                        let known = &document["components"]["securitySchemes"];
                        assert!(names.into_iter().all(|name| known.get(name).is_some()), "{value}");
                    }
                    _ => resolves(document, value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| resolves(document, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_docs_page_lists_the_documents_routes_and_loads_nothing_from_elsewhere() {
    let anybody = new_tenant().await;
    let answer = anybody.send("GET", "/docs", &[("x-api-key", "")], Vec::new()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"), "{}", answer.header("content-type"));
    assert!(answer.text.contains("fetch('/openapi.json')") && answer.text.contains("api.paths"));
    for elsewhere in ["http://", "https://", "src=", "@import", "url(", "innerHTML"] {
        assert!(!answer.text.contains(elsewhere), "{elsewhere}");
    }
}
