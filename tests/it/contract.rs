//! Template, code and documents say the same.

mod alarms;
mod events;
mod fields;
mod openapi;
mod rules;
mod safety;
mod site;

use std::collections::BTreeSet;
use std::process::Command;

use crae::functions;
use crae::gateway::{Route, Routes};
use crae::template::Event;
use e2e::{Answer, Declared, new_tenant, routes, stack};
use serde_json::{Value, json};

/// The gateway's routes as the template gives them, each leading to the name of its function.
async fn gateway() -> Routes<String> {
    let functions = &stack().await.template().functions;
    let routes = functions.iter().flat_map(|function| {
        let routes = function.events.iter().filter_map(|event| match event {
            Event::HttpApi { method, path } => Some(Route::read(method, path).unwrap()),
            Event::Sqs { .. } | Event::Stream { .. } | Event::Schedule { .. } => None,
        });
        routes.map(|route| (route, function.name.clone())).collect::<Vec<_>>()
    });
    Routes::new(routes.collect())
}

/// Every route of the template: its function, its method, and its path.
async fn template_routes() -> Vec<(String, String, String)> {
    let functions = stack().await.template().functions.clone();
    let routes = functions.into_iter().flat_map(|function| {
        let name = function.name;
        function.events.into_iter().filter_map(move |event| match event {
            Event::HttpApi { method, path } => Some((name.clone(), method, path)),
            Event::Sqs { .. } | Event::Stream { .. } | Event::Schedule { .. } => None,
        })
    });
    routes.collect()
}

#[tokio::test]
async fn a_function_asks_for_exactly_the_environment_that_the_template_gives_it() {
    let stack = stack().await;
    for function in functions::ALL {
        let host = stack.host(function.name);
        assert!(function.connect(&host).is_ok(), "{}", function.name);
        let described = stack.template().functions.iter().find(|described| described.name == function.name);
        let given: BTreeSet<_> = described.unwrap().environment.keys().cloned().collect();
        assert_eq!(host.env.asked(), given, "{}", function.name);
    }
}

#[tokio::test]
async fn the_template_leads_every_listed_route_to_the_function_that_declares_it() {
    let gateway = gateway().await;
    for declared in routes().await {
        let method = declared.route.method.parse().unwrap();
        let path = declared.path_with("some-id");
        let found = gateway.find(&method, &path).map(|found| found.target.as_str());
        assert_eq!(found, Some(declared.function), "{method} {path}");
    }
}

/// The routes of `cargo lambda watch`, which stand in Cargo.toml.
fn watched() -> Routes<String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path", manifest];
    let told = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let router = told["metadata"]["lambda"]["watch"]["router"].as_object().unwrap().clone();
    let mut routes = Vec::new();
    for (path, functions) in router {
        let path = path.replace("{*proxy}", "{proxy+}");
        let mut add = |method: &Value, function: &Value| {
            let route = Route::read(method.as_str().unwrap(), &path).unwrap();
            routes.push((route, function.as_str().unwrap().to_owned()));
        };
        match functions.as_array() {
            Some(functions) => functions.iter().for_each(|one| add(&one["method"], &one["function"])),
            None => add(&json!("ANY"), &functions),
        }
    }
    Routes::new(routes)
}

#[tokio::test]
async fn cargo_lambda_watch_leads_every_listed_route_to_the_function_that_declares_it() {
    let watched = watched();
    for declared in routes().await {
        let method = declared.route.method.parse().unwrap();
        let path = declared.path_with("some-id");
        let found = watched.find(&method, &path).map(|found| found.target.as_str());
        assert_eq!(found, Some(declared.function), "{method} {path}");
    }
}

#[tokio::test]
async fn every_route_of_the_template_leads_to_a_listed_route_of_its_function() {
    let (gateway, declared) = (gateway().await, routes().await);
    let mut idle = Vec::new();
    for (function, method, path) in template_routes().await {
        let key = if path == "$default" { path } else { format!("{method} {path}") };
        let used = declared.iter().filter(|declared| declared.function == function).any(|declared| {
            let method = declared.route.method.parse().unwrap();
            gateway.find(&method, &declared.path_with("some-id")).is_some_and(|found| found.key == key)
        });
        if !used {
            idle.push(key);
        }
    }
    // It leads to no route on purpose: to our answer for paths that lead nowhere.
    assert_eq!(idle, ["$default"]);
}

/// Paths that the gateway sends along this route of the template.
fn along(path: &str) -> Vec<String> {
    match path.split_once("{proxy+}") {
        _ if path == "$default" => {
            ["/", "/v1", "/v2/interactions", "/health/", "/HEALTH", "/v1/interactions/", "//", "/.env"]
                .map(str::to_owned)
                .to_vec()
        }
        None => vec![path.to_owned()],
        Some((prefix, _)) => {
            ["x", "x/", "x/y", "x/y/z/1/2/3", "x//y", "x/journey", "batch", "%20", "runs", "runs/x"]
                .map(|rest| format!("{prefix}{rest}"))
                .to_vec()
        }
    }
}

fn is_refusal(answer: &Answer, status: u16, code: &str) -> bool {
    let body = &answer.body;
    let text = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    // HTTP wants a refusal of a method to say which ones there are.
    let names_methods = !answer.header("allow").is_empty();
    (answer.status, answer.code()) == (status, code)
        && names_methods == (status == 405)
        && body["details"] == json!([])
        && body.as_object().is_some_and(|fields| fields.len() == 4)
        && text("error")
        && text("request_id")
}

#[tokio::test]
async fn what_the_gateway_lets_through_and_no_router_knows_gets_our_404_or_405() {
    let (shop, gateway, declared) = (new_tenant().await, gateway().await, routes().await);
    for path in template_routes().await.iter().flat_map(|(_, _, path)| along(path)) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            assert!(gateway.find(&method.parse().unwrap(), &path).is_some(), "{method} {path}");
            let here: Vec<&Declared> = declared.iter().filter(|declared| declared.takes(&path)).collect();
            if here.iter().any(|declared| declared.route.method == method) {
                continue;
            }
            let (status, code) =
                if here.is_empty() { (404, "NOT_FOUND") } else { (405, "METHOD_NOT_ALLOWED") };
            for key in ["", shop.tenant.api_key.as_str()] {
                let answer = shop.send(method, &path, &[("x-api-key", key)], b"{}".to_vec()).await;
                assert!(
                    is_refusal(&answer, status, code),
                    "{method} {path}: {} {}",
                    answer.status,
                    answer.text
                );
            }
        }
    }
}

#[tokio::test]
async fn a_refused_method_is_told_which_ones_the_path_answers_to() {
    let (shop, declared) = (new_tenant().await, routes().await);
    for path in declared.iter().map(|declared| declared.path_with("convin")).collect::<BTreeSet<_>>() {
        // One path may be read as another's parameter: a route with more words of its own is meant.
        let words = |route: &Declared| route.parameters().count();
        let fewest = declared.iter().filter(|route| route.takes(&path)).map(words).min();
        let here = declared.iter().filter(|route| route.takes(&path) && Some(words(route)) == fewest);
        let mut methods: BTreeSet<_> = here.map(|route| route.route.method).collect();
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        let Some(other) = ["PUT", "DELETE", "PATCH"].into_iter().find(|other| !methods.contains(other))
        else {
            panic!("{path} answers to every method");
        };
        let answer = shop.send(other, &path, &[], Vec::new()).await;
        let told: BTreeSet<_> = answer.header("allow").split(',').collect();
        assert_eq!((answer.status, told), (405, methods), "{path}");
    }
}

#[tokio::test]
async fn every_answer_stays_out_of_caches_and_has_a_request_id() {
    let shop = new_tenant().await;
    for declared in routes().await {
        for key in ["", shop.tenant.api_key.as_str()] {
            let path = declared.path_with("x");
            let answer = shop.send(declared.route.method, &path, &[("x-api-key", key)], Vec::new()).await;
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(answer.header("x-request-id").starts_with("req_"), "{path}");
            assert_eq!(answer.header("server"), "", "{path}");
        }
    }
}
