//! Every delivery that was accepted, and what has become of it.

use e2e::{Client, Weather, deliveries_done, new_tenant};
use serde_json::{Value, json};

const LIST: &str = "/v1/webhooks/deliveries";
const REDRIVE: &str = "/v1/webhooks/deliveries/redrive";
const UNREADABLE: &str =
    r#"{"event_type":"call.ended","call_id":"call-1","timestamp":"2026-03-02T10:00:00","data":{}}"#;
const UNHANDLED: &str = r#"{"event_type":"call.transferred","call_id":"call-1"}"#;

/// Delivers, and waits until it is known what became of it; its id.
async fn deliver(shop: &Client, provider: &str, body: &str) -> String {
    let answer = shop.deliver(provider, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    deliveries_done().await;
    answer.data()["delivery_id"].as_str().unwrap().to_owned()
}

/// A new tenant that was told some deliveries of convin, each of them once, and their ids. One whose answer was lost was
/// taken all the same, and what was sent in its place is a duplicate; then all is told anew, to another tenant.
async fn told_once(bodies: &[&str]) -> (Client, Vec<String>) {
    'telling: loop {
        let (shop, mut ids) = (new_tenant().await, Vec::new());
        for body in bodies {
            let answer = shop.deliver("convin", body).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
            if answer.is_of_retry {
                continue 'telling;
            }
            deliveries_done().await;
            ids.push(answer.data()["delivery_id"].as_str().unwrap().to_owned());
        }
        return (shop, ids);
    }
}

fn ids(list: &[Value]) -> Vec<&str> {
    list.iter().map(|kept| kept["delivery_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_changed_nothing_is_listed_with_its_reason_newest_first() {
    let shop = new_tenant().await;
    let unreadable = deliver(&shop, "convin", UNREADABLE).await;
    let unhandled = deliver(&shop, "telephony", UNHANDLED).await;
    let all = shop.list(LIST).await;
    assert_eq!(ids(&all), [unhandled.as_str(), &unreadable]);
    assert!(all[0]["interaction_id"].as_str().unwrap().starts_with("int_"));
    assert_eq!(
        all[0]["reason"],
        "the event type call.transferred is not handled; those that are: call.started, call.ended, \
         call.transcript.updated, call.intent.detected"
    );
    assert_eq!(all[1]["reason"], "timestamp has no offset; add Z or one such as +05:30");
    assert_eq!((&all[1]["state"], &all[1]["provider"]), (&json!("quarantined"), &json!("convin")));
    for (filter, expected) in [
        ("limit=1", vec![unhandled.as_str(), &unreadable]),
        ("state=Quarantined", vec![&unreadable]),
        ("provider=telephony&limit=1", vec![&unhandled]),
        ("state=unhandled&provider=convin", vec![]),
        ("end_date=2026-03-02", vec![]),
        ("start_date=2026-03-02", vec![&unhandled, &unreadable]),
    ] {
        assert_eq!(ids(&shop.list(&format!("{LIST}?{filter}")).await), expected, "{filter}");
    }
    for (filter, refusal) in [
        ("state=lost", "400 VALIDATION_ERROR state"),
        ("provider=nobody", "400 VALIDATION_ERROR provider"),
        ("cursor=abc", "400 INVALID_CURSOR cursor"),
    ] {
        assert_eq!(shop.get(&format!("{LIST}?{filter}")).await.refusal(), refusal, "{filter}");
    }
}

#[tokio::test]
async fn the_payload_is_shown_byte_for_byte() {
    let shop = new_tenant().await;
    let id = deliver(&shop, "convin", UNREADABLE).await;
    let kept = shop.get(&format!("{LIST}/{id}")).await.data();
    assert_eq!((&kept["payload"], &kept["delivery_id"]), (&json!(UNREADABLE), &json!(id)));
    for missing in ["dlv_00000000000000000000000000000000", "dlv_x", "x", &id[..id.len() - 1]] {
        assert_eq!(shop.get(&format!("{LIST}/{missing}")).await.refusal(), "404 NOT_FOUND", "{missing}");
    }
}

#[tokio::test]
async fn what_still_cannot_be_read_stays_kept_once_after_a_replay() {
    let shop = new_tenant().await;
    let id = deliver(&shop, "convin", UNREADABLE).await;
    let replayed = shop.post(&format!("{LIST}/{id}/replay"), json!({})).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text);
    deliveries_done().await;
    let all = shop.list(LIST).await;
    assert_eq!(ids(&all), [id.as_str()]);
    assert!(all[0]["replayed_at"].is_string());
    assert_eq!(shop.get(&format!("{LIST}/{id}")).await.data()["payload"], UNREADABLE);
}

fn started(at: &str, agent: &str) -> String {
    json!({"event_type": "call.started", "call_id": "call-1", "timestamp": at, "data": {"agent_id": agent}})
        .to_string()
}

#[tokio::test]
async fn each_accepted_delivery_has_exactly_one_state_whatever_it_told_and_in_whatever_order() {
    let told = [
        ("stale", started("2026-03-02T10:00:01Z", "ann")),
        ("applied", started("2026-03-02T10:00:02Z", "bob")),
        ("stale", started("2026-03-02T10:00:00Z", "cid")),
        ("duplicate", started("2026-03-02T10:00:02Z", "bob")),
        ("quarantined", UNREADABLE.to_owned()),
        ("unhandled", UNHANDLED.to_owned()),
    ];
    let (shop, ids) = told_once(&told.each_ref().map(|(_, body)| body.as_str())).await;
    let expected: Vec<_> = ids.into_iter().zip(told.map(|(state, _)| state)).rev().collect();
    let told = |list: Vec<Value>| {
        let told = |one: Value| (one["delivery_id"].as_str().unwrap().to_owned(), one["state"].clone());
        list.into_iter().map(told).collect::<Vec<_>>()
    };
    let wanted = |keep: &dyn Fn(&str) -> bool| {
        let kept = expected.iter().filter(|(_, state)| keep(state));
        kept.map(|(id, state)| (id.clone(), json!(state))).collect::<Vec<_>>()
    };
    assert_eq!(told(shop.list(LIST).await), wanted(&|_| true));
    assert_eq!(told(shop.list(&format!("{LIST}?limit=1")).await), wanted(&|_| true));
    for state in ["applied", "duplicate", "stale", "pending", "unhandled", "quarantined", "dead_lettered"] {
        let path = format!("{LIST}?state={state}&limit=1");
        assert_eq!(told(shop.list(&path).await), wanted(&|other| other == state), "{state}");
    }
    let path = format!("{LIST}?interaction_id=ext:convin:call-1");
    assert_eq!(told(shop.list(&path).await), wanted(&|_| true));
    assert!(shop.list(&format!("{LIST}?interaction_id=ext:telephony:call-1")).await.is_empty());
}

#[tokio::test]
async fn a_section_leads_to_the_payload_that_told_it() {
    let body = started("2026-03-02T10:00:00Z", "ann");
    let (shop, ids) = told_once(&[&body]).await;
    let id = ids[0].as_str();
    let call = shop.get("/v1/interactions/ext:convin:call-1").await.data();
    assert_eq!(call["sections"]["started"]["delivery_id"], id);
    let delivery = shop.get(&format!("{LIST}/{id}")).await.data();
    assert_eq!((&delivery["payload"], &delivery["state"]), (&json!(body), &json!("applied")));
    assert_eq!(delivery["interaction_id"], call["interaction_id"]);
    let replayed = shop.post(&format!("{LIST}/{id}/replay"), json!({})).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text);
    deliveries_done().await;
    assert_eq!(shop.get(&format!("{LIST}/{id}")).await.data()["state"], "applied");
    assert_eq!(shop.get("/v1/interactions/ext:convin:call-1").await.data(), call);
    let posted = json!({
        "external_interaction_id": "call-2", "channel": "call", "started_at": "2026-03-02T10:00:00Z",
        "customer_identifiers": [{"type": "phone", "value": "+14155550123"}],
    });
    let posted = shop.post("/v1/interactions", posted).await.data();
    assert_eq!(posted["sections"]["api"]["delivery_id"], Value::Null);
}

/// Asks again while some could not be sent, as people would.
async fn redriven(shop: &Client, body: &Value) -> Value {
    for _ in 0..9 {
        let answer = shop.post(REDRIVE, body.clone()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let told = answer.data();
        if told["failed"] == 0 {
            return told;
        }
    }
    panic!("some could not be sent");
}

#[tokio::test]
async fn a_redrive_sends_what_is_asked_for_and_says_what_it_cannot_read() {
    let shop = new_tenant().await;
    for _ in 0..3 {
        deliver(&shop, "convin", UNREADABLE).await;
    }
    deliver(&shop, "convin", UNHANDLED).await;
    for (body, sent) in [
        (json!({}), 0),
        (json!({"state": "quarantined"}), 3),
        (json!({"state": "Unhandled", "start_date": "2026-03-02"}), 1),
        (json!({"state": "quarantined", "end_date": "2026-03-02"}), 0),
    ] {
        let answer = redriven(&shop, &body).await;
        assert_eq!((&answer["failed"], &answer["next_cursor"]), (&json!(0), &Value::Null), "{body}");
        // A delivery that was kept and answered as failed was sent again, and kept twice.
        let more = Weather::now().failures && answer["sent"].as_u64() > Some(sent) && sent > 0;
        assert!(answer["sent"] == sent || more, "{body}: {answer}");
    }
    deliveries_done().await;
    let all = shop.list(LIST).await;
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|one| one["replayed_at"].is_string()), "{all:?}");
    for (body, refusal) in [
        (json!({"state": "applied"}), "400 VALIDATION_ERROR state"),
        (json!({"start_date": "today"}), "400 VALIDATION_ERROR start_date"),
        (json!({"start_date": "2026-03-02", "end_date": "2026-03-01"}), "400 VALIDATION_ERROR end_date"),
        (json!({"ids": []}), "400 VALIDATION_ERROR ids"),
        (json!({"cursor": "abc"}), "400 INVALID_CURSOR cursor"),
    ] {
        assert_eq!(shop.post(REDRIVE, body).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn the_tenant_sees_its_settings_and_that_a_secret_is_wrong_but_no_secret() {
    let shop = new_tenant().await;
    let tenant = shop.get("/v1/tenant").await.data();
    assert_eq!(tenant["tenant_id"], shop.tenant.tenant_id);
    assert_eq!((&tenant["default_model"], &tenant["daily_run_days"]), (&json!("TIME_DECAY"), &json!(30)));
    assert_eq!(tenant["webhooks"]["convin"], json!({"active_secrets": 1, "refusals": []}));
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    let wrong = [("x-webhook-signature", "00"), ("x-api-key", "")];
    assert_eq!(shop.send("POST", &path, &wrong, UNHANDLED.into()).await.status, 401);
    let signature = shop.signature("telephony", UNHANDLED.as_bytes());
    let others = [("x-webhook-signature", signature.as_str()), ("x-api-key", "")];
    assert_eq!(shop.send("POST", &path, &others, UNHANDLED.into()).await.status, 401);
    let answer = shop.get("/v1/tenant").await;
    // One of each minute: the first, unless the table refused to note it.
    let refusals = answer.body["data"]["webhooks"]["convin"]["refusals"].as_array().unwrap();
    assert!(refusals.len() == 1 && refusals[0]["at"].is_string(), "{refusals:?}");
    let reasons = [
        "the delivery carries no signature, or several that differ",
        "the signature is not one of this body with an active secret",
    ];
    assert!(reasons.contains(&refusals[0]["reason"].as_str().unwrap()), "{refusals:?}");
    assert_eq!(answer.body["data"]["webhooks"]["telephony"]["refusals"], json!([]));
    assert!(shop.tenant.webhook_secrets.values().all(|secret| !answer.text.contains(secret)));
}
