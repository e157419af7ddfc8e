//! What the document says of requests is what is read: every field and parameter, and no others.

use std::collections::BTreeSet;

use e2e::{Answer, Asks, Client, Operation, resolved};
use serde_json::{Map, Value, json};

use crate::owner::{Owner, owner};

/// Every operation that asks for a key, with a path to something that its owner has.
fn paths(owner: &Owner) -> Vec<(Operation, String)> {
    let operations = Operation::all().into_iter().filter(|operation| operation.asks() == Asks::Key);
    operations.map(|operation| (operation, operation.path_with(|name| owner.id(name)))).collect()
}

async fn send(shop: &Client, operation: &Operation, path: &str, body: &Value) -> Answer {
    shop.send(operation.method, path, &[("content-type", "application/json")], body.to_string().into()).await
}

/// An object in a body: its schema, where it stands, and a body with a value of it there.
struct Place {
    schema: &'static Value,
    field: String,
    body: Box<dyn Fn(Value) -> Value>,
}

/// The body itself and every object in it.
fn places(schema: &'static Value) -> Vec<Place> {
    let mut found = vec![Place { schema, field: String::new(), body: Box::new(|value| value) }];
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in properties {
        let is_object = |schema: &&Value| schema["properties"].is_object();
        let parts = property["anyOf"].as_array().into_iter().flatten().chain([property]);
        if let Some(schema) = parts.map(resolved).find(is_object) {
            let body = Box::new(move |value| json!({name: value}));
            found.push(Place { schema, field: format!("{name}."), body });
        }
        if let Some(schema) = property.get("items").map(resolved).filter(is_object) {
            let body = Box::new(move |value| json!({name: [value]}));
            found.push(Place { schema, field: format!("{name}[0]."), body });
        }
    }
    found
}

fn problem_of<'a>(answer: &'a Answer, field: &str) -> Option<&'a str> {
    let mut details = answer.body["details"].as_array()?.iter();
    details.find(|problem| problem["field"] == field)?["problem"].as_str()
}

/// What is wrong with an object that is read whole or not at all.
fn problem_of_whole<'a>(answer: &'a Answer, place: &Place) -> Option<&'a str> {
    problem_of(answer, place.field.strip_suffix('.')?)
}

const UNKNOWN: &str = "is not a known field";

/// Every name that any request has for anything.
fn vocabulary() -> BTreeSet<&'static str> {
    let bodies = Operation::all().into_iter().filter_map(|operation| operation.body()).flat_map(places);
    let fields = bodies.filter_map(|place| place.schema["properties"].as_object()).flat_map(Map::keys);
    let parameters = Operation::all().into_iter().flat_map(|operation| operation.parameters("query"));
    fields.map(String::as_str).chain(parameters).collect()
}

#[tokio::test]
async fn every_field_of_a_schema_is_read_and_no_other() {
    let owner = owner().await;
    for (operation, path) in paths(&owner) {
        for place in operation.body().into_iter().flat_map(places) {
            for name in vocabulary() {
                // Nothing that is read is a truth value.
                let answer = send(&owner.shop, &operation, &path, &(place.body)(json!({name: true}))).await;
                let field = format!("{}{name}", place.field);
                if problem_of_whole(&answer, &place).is_some() {
                    continue;
                }
                let problem = problem_of(&answer, &field);
                let is_described = place.schema["properties"].get(name).is_some();
                assert_eq!(
                    (problem.is_some(), problem == Some(UNKNOWN)),
                    (true, !is_described),
                    "{} {path} {field}: {}",
                    operation.method,
                    answer.text
                );
            }
        }
    }
}

#[tokio::test]
async fn a_schema_requires_what_cannot_be_left_out() {
    let owner = owner().await;
    for (operation, path) in paths(&owner) {
        for place in operation.body().into_iter().flat_map(places) {
            let answer = send(&owner.shop, &operation, &path, &(place.body)(json!({}))).await;
            if problem_of_whole(&answer, &place).is_some() {
                continue;
            }
            let missing = answer.body["details"].as_array().into_iter().flatten().filter_map(|problem| {
                let is_missing = [
                    "is required",
                    "must have 1 to 10 entries",
                    "must have 1 to 100 entries",
                    "must have 1 to 500 entries",
                ];
                let said = is_missing.iter().any(|missing| problem["problem"] == *missing);
                problem["field"]
                    .as_str()?
                    .strip_prefix(&place.field)
                    .filter(|field| said && !field.contains('.'))
            });
            let required =
                place.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let (missing, required): (BTreeSet<_>, BTreeSet<_>) = (missing.collect(), required.collect());
            assert_eq!(missing, required, "{} {path} {}: {}", operation.method, place.field, answer.text);
        }
    }
}

fn snake_case(camel: &str) -> String {
    let letters = camel.chars().map(|letter| match letter.is_ascii_uppercase() {
        true => format!("_{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    });
    letters.collect()
}

#[tokio::test]
async fn every_parameter_of_the_document_is_read_and_no_other() {
    let owner = owner().await;
    for (operation, path) in paths(&owner).iter().filter(|(operation, _)| operation.method == "GET") {
        for name in vocabulary() {
            let answer = owner.shop.get(&format!("{path}?{name}=")).await;
            let problem = problem_of(&answer, name).unwrap_or_default();
            let is_unknown = problem.starts_with("is not a known parameter");
            let described = operation.parameters("query");
            // What is in camel case is taken in snake case too.
            let is_described =
                described.contains(name) || described.iter().any(|camel| snake_case(camel) == name);
            assert_eq!(is_unknown, !is_described, "{path}?{name}: {} {}", answer.status, answer.text);
        }
    }
}
