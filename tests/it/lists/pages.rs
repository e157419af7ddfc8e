use e2e::{Client, new_tenant};
use serde_json::{Value, json};

use super::{MOMENTS, call, column, customer_of, order, set, store};

const ANN: &str = "ann@example.com";

/// Walks a list in pages of `limit`; all but the last are full, and the last says so.
async fn walk(shop: &Client, path: &str, limit: usize) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = shop.get(&format!("{path}{join}limit={limit}&cursor={cursor}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        // A journey carries its page inside its data, beside the customer.
        let journey = answer.body["data"].is_object();
        let next = if journey { &answer.body["data"] } else { &answer.body["meta"] }["next_cursor"].clone();
        let page = if journey { &answer.body["data"]["events"] } else { &answer.body["data"] };
        let page = page.as_array().unwrap_or_else(|| panic!("{path}: {}", answer.text));
        assert!(page.len() <= limit, "{path}: {}", answer.text);
        all.extend_from_slice(page);
        match next.as_str() {
            Some(next) => {
                assert_eq!(page.len(), limit, "a page before the last is short: {path}: {}", answer.text);
                next.clone_into(&mut cursor);
            }
            None => return all,
        }
    }
}

/// Small pages and one large page show the same; answers that.
async fn same_in_pages(shop: &Client, path: &str) -> Vec<Value> {
    let whole = walk(shop, path, 200).await;
    for limit in [1, 2, 3, whole.len()] {
        assert_eq!(walk(shop, path, limit).await, whole, "{path} by {limit}");
    }
    whole
}

fn named(prefix: &str) -> impl Iterator<Item = (String, &'static str)> {
    MOMENTS.into_iter().enumerate().map(move |(n, at)| (format!("{prefix}-{n}"), at))
}

#[tokio::test]
async fn facts_are_listed_newest_first_and_once_each() {
    let shop = new_tenant().await;
    store(&shop, "/v1/interactions", named("call").map(|(id, at)| call(&id, ANN, at)).collect()).await;
    store(&shop, "/v1/conversions", named("order").map(|(id, at)| order(&id, ANN, at)).collect()).await;
    let customer = customer_of(&shop, ANN).await;
    let mut newest_first = MOMENTS;
    newest_first.reverse();
    for (list, id, time, prefix) in [
        ("/v1/interactions", "external_interaction_id", "started_at", "call"),
        ("/v1/conversions", "external_event_id", "occurred_at", "order"),
    ] {
        for path in [list.to_owned(), format!("{list}?customer_id={customer}")] {
            let entries = same_in_pages(&shop, &path).await;
            assert_eq!(column(&entries, time), newest_first, "{path}");
            assert_eq!(set(&entries, id), named(prefix).map(|(id, _)| id).collect(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_journey_is_told_from_its_beginning_touches_before_conversions() {
    let shop = new_tenant().await;
    store(&shop, "/v1/interactions", named("call").map(|(id, at)| call(&id, ANN, at)).collect()).await;
    store(&shop, "/v1/conversions", named("order").map(|(id, at)| order(&id, ANN, at)).collect()).await;
    let path = format!("/v1/customers/{}/journey", customer_of(&shop, ANN).await);
    let events = same_in_pages(&shop, &path).await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let time = event["started_at"].as_str().or(event["occurred_at"].as_str()).unwrap();
            let place = MOMENTS.iter().position(|moment| *moment == time).unwrap();
            (place, event["kind"] == "conversion")
        })
        .collect();
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(events.len(), 2 * MOMENTS.len());
    let ids = |field| events.iter().filter(|event| event[field].is_string()).cloned().collect::<Vec<_>>();
    for field in ["external_interaction_id", "external_event_id"] {
        assert_eq!(set(&ids(field), field).len(), MOMENTS.len());
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_whatever_arrives_meanwhile() {
    let shop = new_tenant().await;
    store(&shop, "/v1/conversions", named("order").map(|(id, at)| order(&id, ANN, at)).collect()).await;
    let before = walk(&shop, "/v1/conversions", 200).await;
    let first = shop.get("/v1/conversions?limit=5").await;
    let cursor = first.body["meta"]["next_cursor"].as_str().unwrap().to_owned();
    let newer = order("newer", ANN, "2026-03-02T11:00:00.001Z");
    let older = order("older", ANN, "2001-01-01T00:00:00Z");
    store(&shop, "/v1/conversions", vec![newer, older]).await;
    let rest = shop.get(&format!("/v1/conversions?limit=200&cursor={cursor}")).await.data();
    let mut rest = rest.as_array().unwrap().clone();
    let older = rest.remove(rest.len() - 2);
    assert_eq!(older["external_event_id"], "older");
    assert_eq!(rest, before[5..]);
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_once_each() {
    let shop = new_tenant().await;
    let mut made = Vec::new();
    for n in 0..7 {
        let run = json!({"model_code": "LINEAR", "name": format!("run {n}")});
        made.push(shop.post("/v1/attribution/runs", run).await.data());
    }
    let listed = same_in_pages(&shop, "/v1/attribution/runs").await;
    let key = |run: &Value| (run["created_at"].to_string(), run["run_id"].to_string());
    made.sort_by_key(|run| std::cmp::Reverse(key(run)));
    assert_eq!(listed, made);
}

#[tokio::test]
async fn every_credit_and_every_conversion_without_one_is_listed_once() {
    let shop = new_tenant().await;
    let (mut calls, mut orders) = (Vec::new(), Vec::new());
    for (person, touches, purchases) in [("ann", 3, 4), ("bob", 1, 5), ("cid", 0, 6), ("dan", 0, 1)] {
        let email = format!("{person}@example.com");
        for n in 0..touches {
            calls.push(call(&format!("{person}-call-{n}"), &email, &format!("2026-03-02T10:00:0{n}Z")));
        }
        for n in 0..purchases {
            orders.push(order(&format!("{person}-order-{n}"), &email, &format!("2026-03-02T12:00:0{n}Z")));
        }
    }
    store(&shop, "/v1/interactions", calls).await;
    store(&shop, "/v1/conversions", orders).await;
    let run = shop.run("LINEAR", json!({})).await;
    assert_eq!((&run["status"], &run["conversions_processed"]), (&json!("completed"), &json!(16)));
    let path = format!("/v1/attribution/runs/{}", run["run_id"].as_str().unwrap());
    let mut credits = same_in_pages(&shop, &format!("{path}/results")).await;
    for credit in &mut credits {
        let pair = format!("{} {}", credit["conversion_event_id"], credit["interaction_id"]);
        credit["pair"] = json!(pair);
    }
    // Three for each of Ann's four purchases, one for each of Bob's five.
    assert_eq!(set(&credits, "pair").len(), 3 * 4 + 5);
    let without = same_in_pages(&shop, &format!("{path}/unattributed")).await;
    let names = set(&without, "external_event_id");
    assert!(names.iter().all(|name| name.starts_with("cid") || name.starts_with("dan")), "{names:?}");
    assert_eq!(names.len(), 7);
}
