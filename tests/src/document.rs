//! The OpenAPI document as tests read it, and what it promises of every answer that any of them gets.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::permission::Permission;
use serde_json::Value;

use crate::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(api::OPENAPI).unwrap_or_else(|error| panic!("{error}")));

/// Who an operation answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Nothing,
    Signature,
    Key,
}

/// An operation of the document.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    told: &'static Value,
}

impl Operation {
    pub fn all() -> Vec<Operation> {
        let paths = DOCUMENT["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, verbs)| {
            let verbs = verbs.as_object().into_iter().flatten();
            verbs.map(move |(verb, told)| Operation { method: upper(verb), path, told })
        });
        operations.collect()
    }

    /// The one that a request leads to: where a path is also another's parameter, the path itself.
    pub fn of(method: &str, path: &str) -> Option<Operation> {
        let asked: Vec<_> = path.split(['?', '#']).next().unwrap_or(path).split('/').collect();
        let takes = |operation: &Operation| {
            let own: Vec<_> = operation.path.split('/').collect();
            let same =
                |(own, asked): (&&str, &&str)| own == asked || own.starts_with('{') && !asked.is_empty();
            own.len() == asked.len() && own.iter().zip(&asked).all(same)
        };
        let here = Self::all().into_iter().filter(takes);
        let meant = here.min_by_key(|operation| operation.path.matches('{').count())?;
        Self::all().into_iter().find(|operation| operation.path == meant.path && operation.method == method)
    }

    /// Its path with what `value` gives in place of each parameter.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let filled = self.path.split('/').map(|segment| match segment.strip_prefix('{') {
            Some(name) => value(name.trim_end_matches('}')),
            None => segment.to_owned(),
        });
        filled.collect::<Vec<_>>().join("/")
    }

    /// The names of its parameters in the query, in the path or among the headers.
    pub fn parameters(&self, place: &str) -> BTreeSet<&'static str> {
        let all = self.told["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place)
            .filter_map(|parameter| parameter["name"].as_str())
            .collect()
    }

    pub fn asks(&self) -> Asks {
        let schemes = self.told["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
        match schemes.flat_map(|scheme| scheme.keys()).next().map(String::as_str) {
            None => Asks::Nothing,
            Some("signature") => Asks::Signature,
            Some(_) => Asks::Key,
        }
    }

    /// Of one that asks for a key: the permission that the key must hold.
    pub fn permission(&self) -> Option<Permission> {
        Permission::parse(self.told["x-permission"].as_str()?)
    }

    pub fn summary(&self) -> &'static str {
        self.told["summary"].as_str().unwrap_or_default()
    }

    /// The schema of its JSON body.
    pub fn body(&self) -> Option<&'static Value> {
        self.told.pointer("/requestBody/content/application~1json/schema").map(resolved)
    }

    pub fn rules(&self) -> BTreeSet<&'static str> {
        self.told["x-rules"]
            .as_object()
            .into_iter()
            .flat_map(|rules| rules.keys().map(String::as_str))
            .collect()
    }

    /// The codes of the errors it may end in with a status; None if it never has that status.
    fn codes(&self, status: u16) -> Option<BTreeSet<&'static str>> {
        let response = resolved(self.told["responses"].get(status.to_string())?);
        let schema = &response["content"]["application/json"]["schema"];
        // Of our own shape, where the gateway's is possible too.
        let own = schema.pointer("/anyOf/0").unwrap_or(schema);
        let codes = own.pointer("/allOf/1/properties/code/enum");
        Some(codes.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect())
    }
}

/// What a reference leads to; anything else is itself.
pub fn resolved(part: &'static Value) -> &'static Value {
    match part["$ref"].as_str() {
        Some(to) => DOCUMENT.pointer(&to[1..]).unwrap_or(&Value::Null),
        None => part,
    }
}

fn upper(verb: &str) -> &'static str {
    match verb {
        "get" => "GET",
        "post" => "POST",
        "patch" => "PATCH",
        "put" => "PUT",
        "delete" => "DELETE",
        other => panic!("{other} is new to the tests"),
    }
}

/// Ends the test if an answer is none that the document tells of, or if a field was taken that it does not know.
pub(crate) fn hold(method: &str, path: &str, sent: &[u8], answer: &Answer) {
    // What no path takes, and what the gateway refuses itself, is no operation's.
    let Some(operation) = Operation::of(method, path) else { return };
    if answer.status >= 400 && answer.body.get("request_id").is_none() {
        return;
    }
    let seen = || format!("{method} {path}: {} {}", answer.status, answer.text);
    let codes = operation.codes(answer.status).unwrap_or_else(|| panic!("the document has no {}", seen()));
    let is_known = answer.status < 400 || codes.contains(answer.code());
    assert!(is_known, "the document has no such code: {}", seen());
    let rules = operation.rules();
    let entries =
        answer.body["data"]["results"].as_array().into_iter().flatten().map(|entry| &entry["error"]);
    let details = entries.chain([&answer.body]).filter_map(|error| error["details"].as_array());
    for problem in details.flatten() {
        let rule = problem["rule"].as_str();
        assert!(rule.is_none_or(|rule| rules.contains(rule)), "{rule:?} is not under x-rules: {}", seen());
    }
    let known = operation.body().and_then(|schema| schema["properties"].as_object());
    if let (true, Some(known)) = (answer.status < 300, known) {
        let body: Value = serde_json::from_slice(sent).unwrap_or_default();
        let taken = body.as_object().into_iter().flat_map(|fields| fields.keys());
        let unknown: Vec<_> = taken.filter(|field| !known.contains_key(*field)).collect();
        assert!(unknown.is_empty(), "the document does not know {unknown:?}: {}", seen());
    }
}
