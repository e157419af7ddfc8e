//! Two tenants: whatever one names of the other's, it sees nothing.

use e2e::{Client, Declared, new_tenant, rollups_done};
use serde_json::{Value, json};

use super::guarded;
use crate::owner::{CANARY, CLOSED, Owner, call, known_as, order, owner};

/// The paths of a route with each of the owner's names in it, and without any if it has no parameter.
fn paths(declared: &Declared, owner: &Owner) -> Vec<String> {
    match declared.parameters().count() {
        0 => vec![declared.route.path.to_owned()],
        _ => owner.names.iter().map(|name| declared.path_with(name)).collect(),
    }
}

#[tokio::test]
async fn the_owner_reads_what_the_stranger_is_going_to_ask_for() {
    let owner = owner().await;
    for declared in guarded().await.iter().filter(|declared| declared.route.method == "GET") {
        let mut shown = false;
        for path in paths(declared, &owner) {
            let query = owner.query(&path);
            shown |= owner.shop.get(&format!("{path}{query}")).await.status == 200;
        }
        assert!(shown, "{} shows its owner nothing: give the owner what it needs", declared.route.path);
    }
}

#[tokio::test]
async fn a_stranger_finds_nothing_of_anothers_by_any_path() {
    let (owner, stranger) = (owner().await, new_tenant().await);
    for declared in guarded().await {
        for path in paths(&declared, &owner) {
            let body = if declared.route.method == "GET" { Vec::new() } else { b"{}".to_vec() };
            let answer = stranger.send(declared.route.method, &path, &[], body).await;
            if declared.parameters().any(|name| CLOSED.contains(&name)) {
                continue;
            }
            let named = declared.parameters().next().is_some();
            let nothing = match (named, declared.route.method) {
                (true, _) => answer.refusal() == "404 NOT_FOUND",
                (false, "GET") => [200, 400].contains(&answer.status),
                (false, _) => answer.status == 400 || answer.body["data"]["sent"] == 0,
            };
            assert!(nothing, "{} {path}: {} {}", declared.route.method, answer.status, answer.text);
            assert!(!answer.text.contains(CANARY), "{path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_stranger_finds_nothing_of_anothers_by_any_filter() {
    let (owner, stranger) = (owner().await, new_tenant().await);
    let mut empty = vec![
        "/v1/interactions".to_owned(),
        "/v1/conversions".to_owned(),
        "/v1/attribution/runs".to_owned(),
        "/v1/webhooks/deliveries".to_owned(),
        "/v1/webhooks/deliveries?state=quarantined".to_owned(),
        "/v1/interactions?external_id=call-1".to_owned(),
        "/v1/interactions?agent_id=canary-agent".to_owned(),
        "/v1/conversions?external_id=order-1".to_owned(),
        "/v1/interactions?start_date=2026-03-02&end_date=2026-03-02".to_owned(),
        "/v1/customers?identifier=email:canary@example.com".to_owned(),
        "/v1/customers?identifier=phone:%2B14155550123".to_owned(),
    ];
    for member in &owner.members {
        empty.push(format!("/v1/interactions?customer_id={member}"));
        empty.push(format!("/v1/conversions?customer_id={member}"));
    }
    for path in empty {
        assert_eq!(stranger.list(&path).await, [] as [Value; 0], "{path}");
        let owners_name = [("x-tenant-id", owner.shop.tenant.tenant_id.as_str())];
        let refused = stranger.send("GET", &path, &owners_name, Vec::new()).await;
        assert_eq!(refused.refusal(), "403 TENANT_MISMATCH", "{path}");
    }
    let report = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-31";
    let answer = stranger.get(&format!("{report}&run_id={}", owner.id("run_id"))).await;
    assert_eq!(answer.refusal(), "404 NOT_FOUND");
    let compared = format!("/v1/attribution/compare{}", owner.query("/v1/attribution/compare"));
    assert_eq!(stranger.get(&compared).await.refusal(), "404 NOT_FOUND");
    let answer = stranger.get(report).await.data();
    assert_eq!((&answer["rows"], &answer["totals"]["conversions"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_stranger_who_says_the_same_has_facts_of_its_own_and_changes_nobodys() {
    let (owner, stranger) = (owner().await, new_tenant().await);
    // The report counts what is counted behind it.
    rollups_done().await;
    let before = everything(&owner.shop).await;
    for (path, body, id) in
        [("/v1/interactions", call(), "interaction_id"), ("/v1/conversions", order(), "conversion_event_id")]
    {
        let mut body = body;
        body["customer_identifiers"] = known_as().as_array().unwrap()[..1].into();
        let answer = stranger.post(path, body.clone()).await;
        assert_eq!(answer.status, 201, "another tenant's fact is none of this one's: {}", answer.text);
        let theirs = answer.data();
        assert!(!owner.names.contains(&theirs[id].as_str().unwrap().to_owned()), "{theirs}");
        assert!(!owner.members.contains(&theirs["customer_id"].as_str().unwrap().to_owned()), "{theirs}");
        let batch = stranger.post(&format!("{path}/batch"), json!({"items": [body]})).await.data();
        assert_eq!(batch["results"][0]["status"], 200);
    }
    let signed = json!({
        "event_type": "call.started", "call_id": "call-1", "timestamp": "2026-03-02T10:00:00Z",
        "data": {"email": "canary@example.com", "agent_id": "other"},
    });
    assert_eq!(stranger.deliver("convin", &signed.to_string()).await.status, 202);
    stranger.get_until("/v1/interactions/ext:convin:call-1", |answer| answer.status == 200).await;
    let run = stranger.run("LINEAR", json!({})).await;
    assert_eq!((&run["status"], &run["conversions_processed"]), (&json!("completed"), &json!(1)));
    assert_eq!(everything(&owner.shop).await, before);
}

/// All that a tenant can read of itself.
async fn everything(shop: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["/v1/interactions", "/v1/conversions", "/v1/attribution/runs"] {
        all.extend(shop.list(list).await);
    }
    all.extend(shop.list("/v1/customers?identifier=phone:%2B14155550123").await);
    let report = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-31";
    all.push(shop.get(report).await.data());
    all
}
