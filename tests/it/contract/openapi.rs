//! `shared/api/openapi.json` is made of the handlers' signatures, so that it cannot be wrong.

mod answers;
mod examples;

use std::collections::BTreeSet;

use api::{Operation, Schemas};
use domain::rule::Rule;
use e2e::{Declared, routes};
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
    let (mut schemas, mut paths, mut responses) = (Schemas::default(), Map::new(), Map::new());
    let mut handlers = BTreeSet::new();
    let _error = schemas.of_answer::<api::ErrorBody>();
    for declared in routes().await {
        let method = declared.route.method.to_lowercase();
        let mut operation = operation(&declared, &mut schemas, &mut responses);
        // A second path to the same handler.
        if !handlers.insert(declared.route.handler) {
            let alias = format!("{}_alias", declared.route.handler);
            operation["operationId"] = json!(alias);
        }
        paths.entry(declared.route.path).or_insert_with(|| json!({}))[method] = operation;
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CRAE",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Calls and other touches in, attributed revenue out.\n\n\
                Success is `{\"data\": …, \"message\": \"…\", \"meta\": {…}}`, an error `{\"error\": \"…\", \"code\": \
                \"…\", \"details\": […], \"request_id\": \"…\"}`. Each entry of `details` names a field and what is \
                wrong with it; what fits the schema and is refused all the same names the rule it breaks, one of those \
                under the operation's `x-rules`. Enum values are read in any case. An empty query parameter counts \
                as absent. What the gateway itself refuses, such as a header that is too large, has the gateway's shape.\n\n\
                **Why does this revenue not show?** Look in this order.\n\n\
                1. `GET /v1/interactions/ext:SOURCE:ID` with the provider's id of the call: it is not there if nothing \
                that told of it was taken in. Then `GET /v1/webhooks/deliveries?interaction_id=ext:SOURCE:ID` shows \
                what came and its `state` and `reason`: `quarantined` could not be read, `unhandled` is of a type that \
                is not taken in, `dead_lettered` failed on our side. If nothing came, it was never sent, or refused \
                for its signature: `GET /v1/tenant` shows each provider's last `refusals`, one of each minute at most. \
                What cannot be read stays so when it is replayed: it has to be sent again, set right.\n\n\
                2. It is there, but its `customer_id` is null: nothing it was told names who called. `POST /v1/interactions` \
                with its `source` and `external_interaction_id` can add that.\n\n\
                3. `GET /v1/conversions?external_id=ID`: the conversion must be there, belong to the same customer \
                (`GET /v1/customers?identifier=phone:+14155550123`), and its `currency` be that of the report: amounts \
                are never converted, a report's `other_currencies` names the others.\n\n\
                4. `GET /v1/attribution/runs/{run_id}/unattributed` with the report's `meta.run_id` says of each \
                conversion why nothing is credited for it, such as `outside_window`. What arrived after the report's \
                `as_of` waits for the next run.",
        },
        "servers": [{"url": "/"}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(),
            "headers": answers::headers(),
            "responses": responses,
            "schemas": named(&schemas),
        },
    });
    without_view(&mut document);
    add_rules(&mut document);
    examples::add(&mut document);
    document
}

fn operation(declared: &Declared, schemas: &mut Schemas, responses: &mut Map<String, Value>) -> Value {
    let route = &declared.route;
    let told = Operation::of(schemas, route);
    let security = told.security.iter().map(|scheme| json!({*scheme: []}));
    let mut operation = json!({
        "operationId": route.handler,
        "summary": route.summary,
        "tags": [tag(route.path)],
        "security": security.collect::<Vec<_>>(),
        "responses": answers::responses(&told, declared.parameters().next().is_some(), responses),
        "x-rules": told.rules,
    });
    if let Some(permission) = told.permission {
        operation["description"] = json!(format!("Needs the permission `{}`.", permission.code()));
        operation["x-permission"] = json!(permission.code());
    }
    let parameters: Vec<_> = declared.parameters().map(in_path).chain(told.parameters).collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = told.body {
        operation["requestBody"] = body;
    }
    operation
}

/// What operations are about, in the order in which people come to need them.
const TAGS: [(&str, &str); 10] = [
    ("interactions", "Calls and other contacts with customers."),
    ("conversions", "Events worth money: purchases, renewals, upgrades."),
    ("customers", "Who the identifiers of interactions and conversions belong to."),
    ("attribution", "Runs split each conversion's money over the interactions that led to it."),
    (
        "ledger",
        "Touchpoints and conversions of leads, how they are settled, what partners and brokers are owed.",
    ),
    ("analytics", "Who earned the money: by agent, vendor and intent."),
    ("webhooks", "What telephony providers deliver, and what has become of it."),
    ("audit", "Who changed what of what is owed."),
    ("tenant", "What holds for the whole tenant."),
    ("service", "Whether it works, and what it can do."),
];

/// What the operation is about: the part of the path after the version.
fn tag(path: &str) -> &'static str {
    if path.starts_with("/api/v1/attribution/") {
        return "ledger";
    }
    let name = path.strip_prefix("/v1/").map_or("service", |rest| rest.split('/').next().unwrap_or(rest));
    let known = TAGS.into_iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("say here what {name} is about")).0
}

fn in_path(name: &str) -> Value {
    let (description, example) = match name {
        "interaction_id" => {
            ("`int_…`, `ext:SOURCE:ID`, or `ext:ID` where only one source has it", "ext:api:call-123")
        }
        "conversion_id" => ("`cnv_…`, or `ext:ID`", "ext:order-789"),
        "customer_id" => {
            ("The `cus_…` of any member, or `ext:ID` for the tenant's own customer id", "ext:c-1")
        }
        "run_id" => ("`run_…`", "run_018d0e0a7b7c7d008000000000000001"),
        "schedule_id" => ("`sch_…`", "sch_018d0e0a7b7c7d008000000000000001"),
        "delivery_id" => ("`dlv_…`", "dlv_018d0e0a7b7c7d008000000000000001"),
        "touchpoint_id" => {
            ("`int_…`, `ext:SOURCE:ID`, or `ext:ID` where only one source has it", "ext:api:click-991")
        }
        "lead_id" => ("Your id of the lead, or the `cus_…` of any member of the customer", "lead-123"),
        "attribution_id" => {
            ("`atr_…`", "atr_018d0e0a7b7c7c6b5a4938275f1e8d0c9b8a7f6e5d4c3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")
        }
        "dispute_id" => ("`dsp_…`", "dsp_018d0e0a7b7c7d008000000000000001"),
        "model" => ("A model, in any case", "position_based"),
        "tenant" => ("The tenant, or one of its aliases with the provider", "demo"),
        "provider" => {
            let codes = providers::Provider::ALL.map(providers::Provider::code);
            let schema = json!({"type": "string", "enum": codes});
            return json!({"name": name, "in": "path", "required": true, "schema": schema});
        }
        unknown => panic!("say here what {unknown} is"),
    };
    // The gateway decodes a path twice, and cuts it in between: these two would have to be encoded twice.
    let schema = json!({"type": "string", "pattern": "^[^%?]+$", "examples": [example]});
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

fn security_schemes() -> Value {
    json!({
        "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
        "signature": {
            "type": "apiKey", "in": "header", "name": "X-Webhook-Signature",
            "description": "HMAC-SHA256 of the raw body, in hex or base64, with a secret of the tenant's for the provider",
        },
    })
}

/// The schemas of requests and of answers together. One that both have is the same in both.
fn named(schemas: &Schemas) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in schemas.named().into_iter().flatten() {
        if let Some(other) = all.insert(name.clone(), schema.clone()) {
            assert_eq!(other, *schema, "two schemas are called {name}: rename one");
        }
    }
    all
}

/// A wire type is called a view in the code, to tell it from what is stored; outside there is nothing else.
fn without_view(document: &mut Value) {
    let text = document.to_string();
    let names: BTreeSet<String> =
        document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    let shorter = |name: &String| name.replace("View", "");
    let short: BTreeSet<_> = names.iter().map(shorter).collect();
    assert_eq!(short.len(), names.len(), "two schemas would be called the same without View");
    let renamed = names.iter().filter(|name| name.contains("View")).fold(text, |text, name| {
        let to = shorter(name);
        text.replace(&format!("/components/schemas/{name}\""), &format!("/components/schemas/{to}\""))
            .replace(&format!("\"{name}\":"), &format!("\"{to}\":"))
    });
    *document = serde_json::from_str(&renamed).unwrap();
}

/// Gives each operation the rules of everything it reads, with their sentences.
fn add_rules(document: &mut Value) {
    let before = document.clone();
    for operation in operations(document) {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for part in ["x-rules", "parameters", "requestBody"] {
            collect_rules(&before, &operation[part], &mut names);
        }
        let own = operation["x-rules"].as_array().unwrap().iter();
        names.extend(own.map(|name| name.as_str().unwrap().to_owned()));
        let sentence = |name: &String| json!(Rule::parse(name).unwrap().sentence());
        operation["x-rules"] =
            names.iter().map(|name| (name.clone(), sentence(name))).collect::<Map<_, _>>().into();
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().unwrap();
    paths.values_mut().flat_map(|verbs| verbs.as_object_mut().unwrap().values_mut())
}

fn collect_rules(document: &Value, part: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), value) {
                    ("$ref", Value::String(to)) => {
                        collect_rules(document, document.pointer(&to[1..]).unwrap(), names);
                    }
                    ("x-rules", Value::Array(rules)) => {
                        names.extend(rules.iter().map(|rule| rule.as_str().unwrap().to_owned()));
                    }
                    _ => collect_rules(document, value, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_rules(document, item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
