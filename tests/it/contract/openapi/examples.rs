//! Examples of whole bodies, put together from the examples of their fields.

use serde_json::{Map, Value, json};

use super::operations;

/// Adds an example to every request body and every success.
pub(super) fn add(document: &mut Value) {
    let before = document.clone();
    for operation in operations(document) {
        for (status, answer) in operation["responses"].as_object_mut().unwrap() {
            add_to(&before, Some(answer), message_of(status));
        }
        add_to(&before, operation.get_mut("requestBody"), None);
    }
}

fn message_of(status: &str) -> Option<&'static str> {
    match status {
        "201" => Some("created"),
        "202" => Some("accepted"),
        _ => Some("ok"),
    }
}

fn add_to(document: &Value, holder: Option<&mut Value>, message: Option<&str>) {
    let Some(contents) = holder.and_then(|holder| holder.get_mut("content")?.as_object_mut()) else { return };
    for media in contents.values_mut() {
        let mut example = of(document, &media["schema"]);
        if let (Some(message), true) = (message, example.get("message").is_some()) {
            example["message"] = json!(message);
        }
        media["example"] = example;
    }
}

/// An example of what a schema describes.
fn of(document: &Value, schema: &Value) -> Value {
    let first = |word: &str| schema[word].as_array().and_then(|values| values.first()).cloned();
    if let Some(known) = first("examples").or_else(|| schema.get("const").cloned()).or_else(|| first("enum"))
    {
        return known;
    }
    if let Some(to) = schema["$ref"].as_str() {
        let mut example = of(document, document.pointer(&to[1..]).unwrap());
        if let (Some(fields), Value::Object(own)) = (example.as_object_mut(), object(document, schema)) {
            fields.extend(own);
        }
        return example;
    }
    if let Some(part) = first("anyOf").or_else(|| first("oneOf")) {
        return of(document, &part);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => object(document, schema),
        Some("array") => json!([of(document, &schema["items"])]),
        Some("string") => json!("text"),
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
        Some("number") => json!(1),
        Some("boolean") => json!(true),
        _ => json!({}),
    }
}

fn object(document: &Value, schema: &Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, property)| (name.clone(), of(document, property))).collect::<Map<_, _>>().into()
}
