//! The payloads under events/ are what their functions take: people invoke functions with them, and read them to learn
//! what comes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crae::functions::{Code, Function};
use crae::template::{self, Event};
use crae::{Options, Stack, tenants};
use domain::ids::TenantId;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::Service;

use super::gateway;

/// A payload by its name, such as `http/post-run.json`.
struct Payload {
    name: String,
    text: String,
}

impl Payload {
    /// All that lie in a folder.
    fn all(folder: &str) -> Vec<Self> {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
        let entries = fs::read_dir(events.join(folder)).unwrap();
        let read = |path: PathBuf| Self {
            name: path.strip_prefix(&events).unwrap().display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
        };
        let payloads: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
        assert!(!payloads.is_empty(), "{folder}");
        payloads
    }

    fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// A stack of its own: the payloads are those of tenant `demo`, whom other tests use as well.
async fn stack() -> Stack {
    let stack = Stack::start(Options::default()).await.unwrap_or_else(|error| panic!("{error}"));
    tenants::seed(&stack).await.unwrap_or_else(|error| panic!("{error}"));
    stack
}

fn code(stack: &Stack, function: &str) -> Code {
    let connected = Function::named(function).unwrap().connect(&stack.host(function));
    connected.unwrap_or_else(|error| panic!("{error}"))
}

/// The one function that is started like this.
fn started_by(stack: &Stack, is_it: impl Fn(&Event) -> bool) -> &template::Function {
    let functions = stack.template().functions.iter();
    let started: Vec<_> = functions.filter(|function| function.events.iter().any(&is_it)).collect();
    assert_eq!(started.len(), 1, "{started:?}");
    started[0]
}

/// A request as the gateway passes it on; answers the function's name, and its status.
async fn request(stack: &Stack, payload: &Payload) -> (String, u64) {
    let event: Value = payload.read();
    let http = &event["requestContext"]["http"];
    let method = http["method"].as_str().unwrap().parse().unwrap();
    let gateway = gateway().await;
    let found = gateway.find(&method, event["rawPath"].as_str().unwrap()).unwrap();
    assert_eq!(event["routeKey"], found.key, "{}", payload.name);
    let Code::Http(router) = code(stack, found.target) else { panic!("{} takes no requests", found.target) };
    let request = LambdaEvent::new(payload.read::<LambdaRequest>(), Context::default());
    let answer = Adapter::from(router).call(request).await.unwrap_or_else(|never| match never {});
    let answer = serde_json::to_value(answer).unwrap();
    (found.target.clone(), answer["statusCode"].as_u64().unwrap())
}

#[tokio::test]
async fn each_http_function_takes_a_request_under_events() {
    let stack = stack().await;
    let mut called = BTreeSet::new();
    for payload in Payload::all("http") {
        let (function, status) = request(&stack, &payload).await;
        assert!((200..300).contains(&status), "{} is answered with {status}", payload.name);
        called.insert(function);
    }
    let functions = stack.template().functions.iter();
    let all = functions.filter(|function| matches!(function.events[0], Event::HttpApi { .. }));
    assert_eq!(called, all.map(|function| function.name.clone()).collect());
    stack.stop().await;
}

#[tokio::test]
async fn each_queue_has_messages_under_events_that_its_function_takes() {
    let stack = stack().await;
    let mut called = BTreeSet::new();
    for payload in Payload::all("sqs") {
        let event: Value = payload.read();
        let arn = event["Records"][0]["eventSourceARN"].as_str().unwrap();
        let name = arn.rsplit(':').next().unwrap();
        let function = started_by(&stack, |event| matches!(event, Event::Sqs { queue, .. } if queue == name));
        let Code::Queue(handle) = code(&stack, &function.name) else { panic!("{name} leads elsewhere") };
        let response = handle(payload.read()).await;
        assert!(response.batch_item_failures.is_empty(), "{}: {response:?}", payload.name);
        called.insert(function.name.clone());
    }
    let functions = stack.template().functions.iter();
    let all = functions.filter(|function| matches!(function.events[0], Event::Sqs { .. }));
    assert_eq!(called, all.map(|function| function.name.clone()).collect());
    let url = format!("{}/v1/interactions/ext:convin:call-67890", stack.url());
    let key = &tenants::TenantCredentials::of(&TenantId::parse("demo").unwrap()).api_key;
    let answer = crae::http_client(&url).unwrap().get(url).header("x-api-key", key).send().await.unwrap();
    let call: Value = answer.json().await.unwrap();
    assert_eq!(call["data"]["duration_seconds"], 900, "the deliveries tell of a call: {call}");
    stack.stop().await;
}

#[tokio::test]
async fn the_stream_and_the_schedule_have_payloads_under_events_that_their_functions_take() {
    let stack = stack().await;
    let projector = started_by(&stack, |event| matches!(event, Event::Stream { .. }));
    for payload in Payload::all("stream") {
        let Code::Stream(handle) = code(&stack, &projector.name) else { panic!("no function of a stream") };
        let response = handle(payload.read()).await;
        assert!(response.batch_item_failures.is_empty(), "{}: {response:?}", payload.name);
    }
    let scheduler = started_by(&stack, |event| matches!(event, Event::Schedule { .. }));
    for payload in Payload::all("schedule") {
        assert!(payload.read::<Value>().is_object(), "{}", payload.name);
        let Code::Schedule(tick) = code(&stack, &scheduler.name) else { panic!("no function of a schedule") };
        tick().await.unwrap();
    }
    stack.stop().await;
}
