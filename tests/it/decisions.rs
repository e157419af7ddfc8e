//! Customers merged and split by hand.

use domain::permission::Permission;
use e2e::{Client, KeyState, new_tenant, with_permissions};
use serde_json::{Value, json};

fn email(name: &str) -> Value {
    json!({"type": "email", "value": format!("{name}@example.com")})
}

fn phone(n: usize) -> Value {
    json!({"type": "phone", "value": format!("+1415555{n:04}")})
}

async fn call(shop: &Client, agent: &str, who: &[Value]) -> String {
    let call = json!({
        "external_interaction_id": format!("call-{agent}-{}", who.len()), "channel": "call", "agent_id": agent,
        "started_at": "2026-03-02T10:00:00Z", "customer_identifiers": who,
    });
    let stored = shop.post("/v1/interactions", call).await.data();
    stored["customer_id"].as_str().unwrap().to_owned()
}

async fn order(shop: &Client, name: &str, who: &Value) -> String {
    let order = json!({
        "external_event_id": name, "event_type": "purchase", "event_source": "billing", "amount_decimal": 100,
        "currency": "USD", "occurred_at": "2026-03-02T12:00:00Z", "customer_identifiers": [who],
    });
    let stored = shop.post("/v1/conversions", order).await.data();
    stored["customer_id"].as_str().unwrap().to_owned()
}

async fn merge(shop: &Client, id: &str, with: impl Into<Value>) -> Value {
    let body = json!({"with": with.into(), "reason": "the same person called"});
    shop.post(&format!("/v1/customers/{id}/merge"), body).await.data()
}

async fn split(shop: &Client, id: &str, identifier: &Value) -> Value {
    let body = json!({"identifier": identifier, "reason": "it is the neighbour's"});
    shop.post(&format!("/v1/customers/{id}/split"), body).await.data()
}

/// The customer of an identifier.
async fn customer(shop: &Client, identifier: &Value) -> Value {
    let value = identifier["value"].as_str().unwrap().replace('+', "%2B");
    let path = format!("/v1/customers?identifier={}:{value}", identifier["type"].as_str().unwrap());
    shop.list(&path).await.pop().unwrap()
}

async fn id_of(shop: &Client, identifier: &Value) -> String {
    customer(shop, identifier).await["customer_id"].as_str().unwrap().to_owned()
}

/// What a new LINEAR run gives each agent, and the run.
async fn earned(shop: &Client) -> (Vec<(String, f64)>, String) {
    let run = shop.run("LINEAR", json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    let run_id = run["run_id"].as_str().unwrap().to_owned();
    (earned_in(shop, &run_id).await, run_id)
}

async fn earned_in(shop: &Client, run_id: &str) -> Vec<(String, f64)> {
    let credits = shop.list(&format!("/v1/attribution/runs/{run_id}/results")).await;
    let earned = credits.iter().map(|credit| {
        let agent = credit["agent_id"].as_str().unwrap().to_owned();
        (agent, credit["attributed_amount"].as_f64().unwrap())
    });
    let mut earned: Vec<_> = earned.collect();
    earned.sort_by(|a, b| a.0.cmp(&b.0));
    earned
}

async fn history(shop: &Client, id: &str) -> Vec<Value> {
    shop.list(&format!("/v1/customers/{id}/decisions?limit=1")).await
}

#[tokio::test]
async fn merged_customers_are_one_everywhere_and_in_the_next_run() {
    let shop = new_tenant().await;
    let ann = call(&shop, "ann", &[email("maya")]).await;
    let bob = call(&shop, "bob", &[phone(1)]).await;
    order(&shop, "order-1", &email("maya")).await;
    let (before, first) = earned(&shop).await;
    assert_eq!(before, [("ann".to_owned(), 100.0)]);
    let merged = merge(&shop, &ann, bob.as_str()).await;
    assert_eq!(merged["members"].as_array().unwrap().len(), 2);
    for id in [&ann, &bob] {
        assert_eq!(shop.get(&format!("/v1/customers/{id}")).await.data(), merged);
        assert_eq!(shop.list(&format!("/v1/interactions?customer_id={id}")).await.len(), 2);
        let journey = shop.get(&format!("/v1/customers/{id}/journey")).await.data();
        assert_eq!(journey["events"].as_array().unwrap().len(), 3);
    }
    let (after, _) = earned(&shop).await;
    assert_eq!(after, [("ann".to_owned(), 50.0), ("bob".to_owned(), 50.0)]);
    // What was published stays as it was.
    assert_eq!(earned_in(&shop, &first).await, before);
}

#[tokio::test]
async fn what_is_split_off_stays_apart_whatever_is_told_until_it_is_merged_by_hand() {
    let shop = new_tenant().await;
    let both = [email("maya"), phone(1)];
    let maya = call(&shop, "ann", &both).await;
    call(&shop, "bob", &[phone(1)]).await;
    order(&shop, "order-1", &email("maya")).await;
    let (before, first) = earned(&shop).await;
    assert_eq!(before, [("ann".to_owned(), 50.0), ("bob".to_owned(), 50.0)]);
    let parts = split(&shop, &maya, &phone(1)).await;
    assert_eq!(parts["customer"], customer(&shop, &email("maya")).await);
    assert_eq!(parts["split_off"], customer(&shop, &phone(1)).await);
    assert_ne!(parts["customer"]["customer_id"], parts["split_off"]["customer_id"]);
    // A call belongs to its strongest identifier: ann's to the e-mail address, bob's to the telephone.
    assert_eq!(earned(&shop).await.0, [("ann".to_owned(), 100.0)]);
    // Told again, and anew.
    for agent in ["cleo", "dan"] {
        call(&shop, agent, &both).await;
    }
    assert_ne!(id_of(&shop, &email("maya")).await, id_of(&shop, &phone(1)).await);
    // The run that was published knew them as one, and its credits are still shown.
    assert_eq!(earned_in(&shop, &first).await, before);
    let journey = shop.get(&format!("/v1/customers/{maya}/journey")).await.data();
    let sale = journey["events"].as_array().unwrap().iter().find(|event| event["kind"] == "conversion");
    assert!(!sale.unwrap()["credits"].as_array().unwrap().is_empty());
    let merged = merge(&shop, &id_of(&shop, &phone(1)).await, email("maya")).await;
    assert_eq!(merged, customer(&shop, &email("maya")).await);
    assert_eq!(merged["members"].as_array().unwrap().len(), 2);
    assert_eq!(earned(&shop).await.0.len(), 4);
}

#[tokio::test]
async fn a_conversion_that_was_split_off_is_still_shown_with_its_credits_of_before() {
    let shop = new_tenant().await;
    let maya = call(&shop, "ann", &[email("maya"), phone(1)]).await;
    order(&shop, "order-1", &phone(1)).await;
    earned(&shop).await;
    split(&shop, &maya, &phone(1)).await;
    let id = id_of(&shop, &phone(1)).await;
    let journey = shop.get(&format!("/v1/customers/{id}/journey")).await.data();
    assert_eq!(journey["events"][0]["credits"][0]["agent_id"], "ann", "{journey}");
}

#[tokio::test]
async fn every_decision_is_kept_with_its_author_and_reason() {
    let shop = new_tenant().await;
    let maya = call(&shop, "ann", &[email("maya")]).await;
    let other = call(&shop, "bob", &[phone(1)]).await;
    assert!(history(&shop, &maya).await.is_empty());
    merge(&shop, &maya, other.as_str()).await;
    // One already: nothing is decided.
    merge(&shop, &other, email("maya")).await;
    let clerk = with_permissions(&shop, [Permission::CustomersMerge], KeyState::Active).await;
    split(&clerk, &maya, &phone(1)).await;
    split(&clerk, &maya, &phone(1)).await;
    merge(&shop, &maya, phone(1)).await;
    let told = history(&shop, &maya).await;
    let of = |field: &'static str| told.iter().map(move |decision| decision[field].as_str().unwrap());
    assert_eq!(of("kind").collect::<Vec<_>>(), ["merge", "split", "merge"]);
    let reasons = ["the same person called", "it is the neighbour's", "the same person called"];
    assert_eq!(of("reason").collect::<Vec<_>>(), reasons);
    let owner = format!("local-{}", shop.tenant.tenant_id);
    let authors: Vec<_> = of("author").collect();
    assert_eq!((authors[0], authors[2]), (owner.as_str(), owner.as_str()));
    assert!(clerk.tenant.api_key.contains(authors[1]));
    assert!(of("decided_at").is_sorted_by(|a, b| a >= b));
    let pair = json!({"member_id": maya, "other_member_id": other});
    assert!(told.iter().all(|decision| decision["pairs"] == json!([pair])), "{told:?}");
    assert_eq!(history(&shop, &other).await, told);
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused_with_its_reason() {
    let (shop, rival) = (new_tenant().await, new_tenant().await);
    let maya = call(&shop, "ann", &[email("maya")]).await;
    let theirs = call(&rival, "ann", &[email("maya")]).await;
    for n in 0..6 {
        call(&shop, &format!("agent-{n}"), &[phone(1), email(&format!("caller-{n}"))]).await;
    }
    let switchboard = id_of(&shop, &phone(1)).await;
    let because = "because";
    let path = format!("/v1/customers/{maya}");
    for (action, body, refusal) in [
        ("merge", json!({}), "400 VALIDATION_ERROR with reason"),
        ("merge", json!({"with": 7, "reason": ""}), "400 VALIDATION_ERROR with reason"),
        ("merge", json!({"with": "maya", "reason": because}), "400 VALIDATION_ERROR with"),
        ("merge", json!({"with": theirs, "reason": because}), "400 VALIDATION_ERROR with"),
        ("merge", json!({"with": phone(9), "reason": because}), "400 VALIDATION_ERROR with"),
        ("merge", json!({"with": phone(1), "reason": because}), "409 NOT_MERGEABLE with"),
        ("merge", json!({"with": switchboard, "reason": because}), "409 NOT_MERGEABLE with"),
        ("split", json!({"identifier": "x", "reason": because}), "400 VALIDATION_ERROR identifier"),
        ("split", json!({"identifier": phone(1), "reason": because}), "400 VALIDATION_ERROR identifier"),
        ("split", json!({"identifier": email("maya"), "reason": because}), "400 VALIDATION_ERROR identifier"),
        ("split", json!({"identifier": email("maya"), "with": 1}), "400 VALIDATION_ERROR reason with"),
    ] {
        let answer = shop.post(&format!("{path}/{action}"), body.clone()).await;
        assert_eq!(answer.refusal(), refusal, "{action} {body}: {}", answer.text);
    }
    let body = json!({"with": maya, "reason": because});
    for (client, id) in [(&shop, theirs.as_str()), (&rival, maya.as_str()), (&shop, "cus_1")] {
        let answer = client.post(&format!("/v1/customers/{id}/merge"), body.clone()).await;
        assert_eq!(answer.refusal(), "404 NOT_FOUND", "{id}");
        assert_eq!(client.get(&format!("/v1/customers/{id}/decisions")).await.refusal(), "404 NOT_FOUND");
    }
    assert!(history(&shop, &maya).await.is_empty());
}
