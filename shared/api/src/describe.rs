//! What the types in a handler's signature mean for the OpenAPI document, so that the two cannot differ.

use std::collections::BTreeMap;
use std::future::Future;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::permission::Permission;
use domain::rule::Rule;
use http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// An operation while its document is made.
pub struct Operation<'a> {
    schemas: &'a mut Schemas,
    /// Besides those in the path.
    pub parameters: Vec<Value>,
    pub body: Option<Value>,
    pub answers: BTreeMap<u16, Value>,
    pub errors: Vec<ApiError>,
    /// The names of the security schemes of which one is needed.
    pub security: Vec<&'static str>,
    pub permission: Option<Permission>,
    /// The rules that no single parameter or field has.
    pub rules: Vec<Rule>,
}

/// The schemas that operations share.
pub struct Schemas {
    reads: SchemaGenerator,
    writes: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            reads: settings.clone().for_deserialize().into_generator(),
            writes: settings.for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// The schema of a part of an answer.
    pub fn of_answer<T: JsonSchema>(&mut self) -> Schema {
        self.writes.subschema_for::<T>()
    }

    /// Those that were named: what is read and what is written apart.
    pub fn named(&self) -> [&Map<String, Value>; 2] {
        [self.reads.definitions(), self.writes.definitions()]
    }
}

impl<'a> Operation<'a> {
    pub fn of(schemas: &'a mut Schemas, route: &crate::Route) -> Self {
        let mut operation = Self {
            schemas,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            errors: vec![ApiError::MethodNotAllowed, ApiError::Internal("".into())],
            security: Vec::new(),
            permission: None,
            rules: Vec::new(),
        };
        (route.describe)(&mut operation);
        operation.errors.extend((route.refusals)());
        operation
    }

    /// A parameter in the query or a header, described by its schema's description.
    pub fn parameter(&mut self, place: &str, name: &str, mut schema: Schema, presence: Presence) {
        let required = presence == Presence::Required;
        let mut parameter = json!({"name": name, "in": place, "required": required});
        if let Some(description) = schema.remove("description") {
            parameter["description"] = description;
        }
        parameter["schema"] = schema.to_value();
        self.parameters.push(parameter);
    }

    /// The parameters of a query: the properties of `T`.
    pub fn query<T: JsonSchema>(&mut self) {
        let schema = T::json_schema(&mut self.schemas.reads).to_value();
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let presence = if required.iter().any(|required| *required == name) {
                Presence::Required
            } else {
                Presence::Optional
            };
            self.parameter("query", name, without_null(property), presence);
        }
        let rules = schema["x-rules"].as_array().into_iter().flatten();
        self.rules.extend(rules.filter_map(|rule| Rule::parse(rule.as_str()?)));
    }

    /// A JSON body. One that needs no field may be left out.
    pub fn json_body<T: JsonSchema>(&mut self) {
        let whole = T::json_schema(&mut self.schemas.reads);
        let needed = ["required", "minProperties"].iter().any(|word| whole.get(*word).is_some());
        let schema = self.schemas.reads.subschema_for::<T>();
        self.body = Some(json!({"required": needed, "content": {"application/json": {"schema": schema}}}));
    }

    /// A body of any kind.
    pub fn any_body(&mut self, description: &str) {
        let content = json!({"application/json": {"schema": {}}});
        self.body = Some(json!({"description": description, "required": false, "content": content}));
    }

    pub fn answer<T: JsonSchema>(&mut self, status: StatusCode, description: &str) {
        let schema = self.schemas.of_answer::<T>();
        self.answer_as(status, description, ("application/json", schema));
    }

    pub fn answer_as(&mut self, status: StatusCode, description: &str, (media, schema): (&str, Schema)) {
        let answer = json!({"description": description, "content": {media: {"schema": schema}}});
        self.answers.insert(status.as_u16(), answer);
    }
}

/// Whether a parameter must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
}

/// An absent parameter is no null.
fn without_null(schema: &Value) -> Schema {
    let mut schema = Schema::try_from(schema.clone()).unwrap_or_default();
    for (word, null) in [("type", json!("null")), ("anyOf", json!({"type": "null"})), ("enum", Value::Null)] {
        if let Some(parts) = schema.get_mut(word).and_then(Value::as_array_mut) {
            parts.retain(|part| *part != null);
        }
    }
    if let Some([only]) = schema.get("type").and_then(Value::as_array).map(Vec::as_slice) {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
    schema
}

/// What a part of a handler's signature means for the document.
pub trait Describe {
    fn describe(operation: &mut Operation<'_>);
}

impl<S> Describe for State<S> {
    fn describe(_: &mut Operation<'_>) {}
}

/// Parameters in the path stand in the route's path already.
impl<T> Describe for Path<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.errors.push(ApiError::NotFound("object"));
    }
}

impl<T> Describe for Result<Path<T>, PathRejection> {
    fn describe(operation: &mut Operation<'_>) {
        Path::<T>::describe(operation);
    }
}

impl<T: Describe> Describe for Result<T, ApiError> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.errors.push(ApiError::Unavailable("".into()));
    }
}

impl<T: JsonSchema> Describe for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<T>(StatusCode::OK, "What was asked for");
    }
}

/// A handler whose whole signature can be described; `T` is as in axum's `Handler`.
pub trait Signature<T> {
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! signatures {
    ($($part:ident)*) => {
        impl<M, F, Answer, R, $($part),*> Signature<(M, $($part,)*)> for F
        where
            F: FnOnce($($part),*) -> Answer,
            Answer: Future<Output = R>,
            R: Describe,
            $($part: Describe,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($part::describe(operation);)*
                R::describe(operation);
            }
        }
    };
}

signatures!();
signatures!(A);
signatures!(A B);
signatures!(A B C);
signatures!(A B C D);
signatures!(A B C D E);
signatures!(A B C D E G);
