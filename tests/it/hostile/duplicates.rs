//! The same external id again: the same, more, or something else.

use e2e::{Answer, Client, Weather, new_tenant};
use serde_json::{Value, json};

use super::{call, order, with};

fn replayed(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.body["meta"]["idempotent_replay"].clone())
}

/// That something was added; where answers are lost, it may be told to have been there already.
fn is_added(answer: &Answer) -> bool {
    let (status, replayed) = replayed(answer);
    status == 200 && (replayed == false || Weather::now().failures)
}

/// What is stored, without what a repeated report may change by saying the same in other words: nothing.
async fn stored(shop: &Client, path: &str) -> Value {
    shop.get(&format!("{path}/ext:again-1")).await.data()
}

#[tokio::test]
async fn a_report_that_says_the_same_in_other_words_changes_nothing() {
    let shop = new_tenant().await;
    let said_otherwise =
        json!([{"type": "EMAIL", "value": "ANN@Example.com"}, {"type": "Phone", "value": "(415) 555-0123"}]);
    for (path, right, otherwise) in [
        (
            "/v1/interactions",
            with(call("again-1"), "/purchase_probability", json!(0.5)),
            vec![
                ("/started_at", json!("2026-03-02T15:30:00.000+05:30")),
                ("/channel", json!("CALL")),
                ("/source", json!("API")),
                ("/purchase_probability", json!("0.50")),
                ("/customer_identifiers", said_otherwise.clone()),
            ],
        ),
        (
            "/v1/conversions",
            with(order("again-1"), "/metadata", json!({"b": 1, "a": [2]})),
            vec![
                ("/occurred_at", json!("2026-03-03T04:00:00-08:00")),
                ("/amount_decimal", json!("10.50")),
                ("/currency", json!("usd")),
                ("/customer_identifiers", said_otherwise.clone()),
            ],
        ),
    ] {
        assert_eq!(shop.post(path, right.clone()).await.status, 201, "{path}");
        let before = stored(&shop, path).await;
        let otherwise = otherwise.into_iter().fold(right.clone(), |body, (at, value)| with(body, at, value));
        for again in [right, otherwise] {
            let answer = shop.post(path, again.clone()).await;
            assert_eq!(replayed(&answer), (200, json!(true)), "{again}: {}", answer.text);
            assert_eq!(answer.data(), before, "{path}");
            assert_eq!(stored(&shop, path).await, before, "{path}");
        }
        assert_eq!(shop.list(path).await, [before], "{path}");
    }
}

#[tokio::test]
async fn a_report_that_only_adds_is_merged() {
    let shop = new_tenant().await;
    for (path, right, field, more) in [
        ("/v1/interactions", call("again-1"), "/primary_intent", json!("pricing")),
        ("/v1/conversions", order("again-1"), "/metadata", json!({"sku": "7"})),
    ] {
        let first = shop.post(path, right.clone()).await.data();
        let added = with(right.clone(), field, more.clone());
        let identifiers = json!([{"type": "lead_id", "value": "lead-7"}]);
        let answer = shop.post(path, with(added, "/customer_identifiers", identifiers)).await;
        assert!(is_added(&answer), "{path}: {}", answer.text);
        let merged = answer.data();
        assert_eq!(merged[&field[1..]], more, "{path}");
        let names = first.as_object().unwrap().iter().filter(|(name, value)| {
            !value.is_null() && !["updated_at", "sections", "customer_id"].contains(&name.as_str())
        });
        for (name, value) in names {
            assert_eq!(merged[name], *value, "{path} {name}");
        }
        assert_eq!(stored(&shop, path).await, merged, "{path}");
        // Whoever is known by the first report's identifiers is now known by the second's too.
        let by_phone = shop.list("/v1/customers?identifier=phone:%2B14155550123").await;
        assert_eq!(shop.list("/v1/customers?identifier=lead_id:lead-7").await, by_phone, "{path}");
        // The first report said less, and adds nothing now.
        assert_eq!(replayed(&shop.post(path, right).await), (200, json!(true)), "{path}");
    }
}

#[tokio::test]
async fn a_report_that_contradicts_is_refused_by_field_and_changes_nothing() {
    let shop = new_tenant().await;
    let full = [
        ("/ended_at", json!("2026-03-02T10:10:00Z")),
        ("/agent_id", json!("agent-1")),
        ("/raw_metadata", json!({"a": 1})),
    ];
    let full = full.into_iter().fold(call("again-1"), |body, (at, value)| with(body, at, value));
    let bought = with(order("again-1"), "/metadata", json!({"a": 1}));
    for (path, right, cases) in [
        (
            "/v1/interactions",
            full,
            vec![
                ("channel", json!("email")),
                ("started_at", json!("2026-03-02T10:00:00.001Z")),
                ("ended_at", json!("2026-03-02T10:11:00Z")),
                ("agent_id", json!("Agent-1")),
                ("raw_metadata", json!({"a": 2})),
            ],
        ),
        (
            "/v1/conversions",
            bought,
            vec![
                ("event_type", json!("Purchase")),
                ("amount_decimal", json!("10.51")),
                ("currency", json!("EUR")),
                ("occurred_at", json!("2026-03-03T12:00:01Z")),
                ("event_source", json!("crm")),
                ("metadata", json!({"a": 1, "b": 2})),
            ],
        ),
    ] {
        assert_eq!(shop.post(path, right.clone()).await.status, 201, "{path}");
        let before = stored(&shop, path).await;
        for (field, value) in cases {
            // What it adds besides is not kept either.
            let body = with(right.clone(), &format!("/{field}"), value);
            let body = with(body, "/customer_identifiers", json!([{"type": "lead_id", "value": "lead-9"}]));
            let answer = shop.post(path, body).await;
            assert_eq!(answer.refusal(), format!("409 DUPLICATE_RESOURCE {field}"), "{}", answer.text);
            assert_eq!(stored(&shop, path).await, before, "{field}");
        }
        assert_eq!(shop.list(path).await, [before], "{path}");
        assert!(shop.list("/v1/customers?identifier=lead_id:lead-9").await.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_contradicted_field_is_named() {
    let shop = new_tenant().await;
    assert_eq!(shop.post("/v1/conversions", order("again-1")).await.status, 201);
    let other = with(order("again-1"), "/amount_decimal", json!(11));
    let answer = shop.post("/v1/conversions", with(other, "/event_source", json!("crm"))).await;
    assert_eq!(answer.refusal(), "409 DUPLICATE_RESOURCE amount_decimal event_source");
}

#[tokio::test]
async fn sixteen_first_reports_at_once_create_one_object() {
    let shop = new_tenant().await;
    for (path, body) in [("/v1/interactions", call("again-1")), ("/v1/conversions", order("again-1"))] {
        let posts = (0..16).map(|_| {
            let (shop, body) = (shop.clone(), body.clone());
            tokio::spawn(async move { shop.post(path, body).await })
        });
        let (mut created, mut bodies) = (0, Vec::new());
        for post in posts.collect::<Vec<_>>() {
            let answer = post.await.unwrap();
            assert!([200, 201].contains(&answer.status), "{}", answer.text);
            created += u32::from(answer.status == 201);
            bodies.push(answer.data());
        }
        assert_eq!(created, 1, "{path}");
        let stored = stored(&shop, path).await;
        assert!(bodies.iter().all(|body| *body == stored), "{path}");
        assert_eq!(shop.list(path).await.len(), 1, "{path}");
    }
}
