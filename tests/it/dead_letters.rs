//! A delivery that fails again and again: shown to people, and taken in once the cause is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crae::{Call, Fault, Faults, Options, Stack, tenants};
use e2e::Client;
use serde_json::{Value, json};

const LIST: &str = "/v1/webhooks/deliveries";

/// A stack that cannot write the interaction `call-1` as long as it is told so, and tries deliveries every second.
async fn stack(is_broken: &Arc<AtomicBool>) -> Stack {
    let is_broken = Arc::clone(is_broken);
    let judge = move |call: &Call| {
        let writes = call.principal == "call-ingestor" && call.operation == "PutItem";
        let fails = writes && is_broken.load(Ordering::SeqCst) && call.text().contains("call-1");
        fails.then_some(Fault::GivenUp)
    };
    let faults = Faults { judge: Some(Arc::new(judge)), ..Faults::default() };
    let stack = Stack::start(Options { faults, ..Options::default() }).await.unwrap();
    let queues = &stack.template().queues;
    let mut deliveries = queues.iter().find(|queue| queue.name == "crae-deliveries").unwrap().clone();
    deliveries.visibility_timeout_s = 1;
    stack.queues().create(deliveries).await.unwrap();
    stack
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_some_and(Vec::is_empty)
}

#[tokio::test]
async fn a_delivery_that_fails_again_and_again_is_shown_and_taken_in_once_the_cause_is_gone() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let stack = stack(&is_broken).await;
    let shop = Client::new(stack.url(), tenants::create(&stack, "shop", &[]).await.unwrap());
    let body = json!({
        "event_type": "call.started", "call_id": "call-1", "timestamp": "2026-03-02T10:00:00Z", "data": {},
    });
    let body = body.to_string();
    let id = shop.deliver("convin", &body).await.data()["delivery_id"].clone();
    let dead = format!("{LIST}?state=dead_lettered");
    let list = shop.get_until(&dead, |answer| !is_empty(&answer.body["data"])).await.data();
    assert_eq!((&list[0]["delivery_id"], list.as_array().unwrap().len()), (&id, 1));
    assert!(list[0]["reason"].as_str().unwrap().contains("replay"), "{list}");
    assert!(list[0]["interaction_id"].as_str().unwrap().starts_with("int_"), "{list}");
    let path = format!("{LIST}/{}", id.as_str().unwrap());
    assert_eq!(shop.get(&path).await.data()["payload"], body);
    assert_eq!(shop.get("/v1/interactions/ext:convin:call-1").await.status, 404);

    is_broken.store(false, Ordering::SeqCst);
    let redrive = format!("{LIST}/redrive");
    let answer = shop.post(&redrive, json!({})).await;
    assert_eq!((answer.status, answer.data()), (202, json!({"sent": 1, "failed": 0, "next_cursor": null})));
    shop.get_until(&dead, |answer| is_empty(&answer.body["data"])).await;
    let call = shop.get("/v1/interactions/ext:convin:call-1").await.data();
    assert_eq!(call["sections"]["started"]["delivery_id"], id);
    let all = shop.list(LIST).await;
    assert_eq!((all.len(), &all[0]["state"], &all[0]["reason"]), (1, &json!("applied"), &Value::Null));
    assert_eq!(shop.post(&redrive, json!({})).await.data()["sent"], 0);
    stack.stop().await;
}
