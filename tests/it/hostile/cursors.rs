//! Cursors that a list did not give out.

use e2e::{Client, new_tenant};
use serde_json::json;

use super::{call, order};

async fn cursor_of(shop: &Client, path: &str) -> String {
    let answer = shop.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    let next = answer.body["meta"]["next_cursor"].as_str();
    let next = next.or(answer.body["data"]["next_cursor"].as_str());
    next.unwrap_or_else(|| panic!("{path} has one page: {}", answer.text)).to_owned()
}

async fn refused(shop: &Client, path: &str, cursor: &str) {
    let join = if path.contains('?') { '&' } else { '?' };
    let answer = shop.get(&format!("{path}{join}cursor={cursor}")).await;
    assert_eq!(answer.refusal(), "400 INVALID_CURSOR cursor", "{path} {cursor}: {}", answer.text);
}

/// Stores two of everything that can be listed; answers the customer's journey and the paths of a run's results.
async fn filled() -> (Client, Vec<String>) {
    let shop = new_tenant().await;
    for n in 0..2 {
        assert_eq!(shop.post("/v1/interactions", call(&format!("call-{n}"))).await.status, 201);
        assert_eq!(shop.post("/v1/conversions", order(&format!("order-{n}"))).await.status, 201);
    }
    let run = shop.run("LINEAR", json!({})).await["run_id"].as_str().unwrap().to_owned();
    let second = json!({"model_code": "LINEAR", "config": {"time_window_hours": 1}});
    let second =
        shop.post("/v1/attribution/runs", second).await.data()["run_id"].as_str().unwrap().to_owned();
    let alone = shop.execute(&second).await;
    assert_eq!(alone["status"], "completed", "{alone}");
    let customer = shop.list("/v1/customers?identifier=phone:%2B14155550123").await;
    let customer = customer[0]["customer_id"].as_str().unwrap().to_owned();
    let lists = vec![
        "/v1/interactions?limit=1".to_owned(),
        "/v1/interactions?limit=1&start_date=2026-03-01".to_owned(),
        format!("/v1/interactions?limit=1&customer_id={customer}"),
        "/v1/conversions?limit=1".to_owned(),
        format!("/v1/customers/{customer}/journey?limit=1"),
        format!("/v1/customers/{customer}/journey?limit=1&end_date=2026-03-31"),
        "/v1/attribution/runs?limit=1".to_owned(),
        format!("/v1/attribution/runs/{run}/results?limit=1"),
        format!("/v1/attribution/runs/{second}/unattributed?limit=1"),
    ];
    (shop, lists)
}

#[tokio::test]
async fn a_cursor_leads_on_only_in_the_list_that_gave_it_out() {
    let (shop, lists) = filled().await;
    let mut cursors = Vec::new();
    for list in &lists {
        cursors.push(cursor_of(&shop, list).await);
    }
    for (place, list) in lists.iter().enumerate() {
        for (other, cursor) in cursors.iter().enumerate() {
            if place == other {
                let answer = shop.get(&format!("{list}&cursor={cursor}")).await;
                assert_eq!(answer.status, 200, "{list}: {}", answer.text);
            } else {
                refused(&shop, list, cursor).await;
            }
        }
        // The size of the page may change on the way.
        let wider = list.replace("limit=1", "limit=2");
        let answer = shop.get(&format!("{wider}&cursor={}", cursors[place])).await;
        assert_eq!(answer.status, 200, "{wider}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_altered_cursor_is_refused_wherever_it_was_altered() {
    let (shop, lists) = filled().await;
    for list in ["/v1/interactions?limit=1", &lists[4], "/v1/attribution/runs?limit=1"] {
        let cursor = cursor_of(&shop, list).await;
        for place in 0..cursor.len() {
            let altered = if cursor[place..].starts_with('A') { 'B' } else { 'A' };
            let altered = format!("{}{altered}{}", &cursor[..place], &cursor[place + 1..]);
            refused(&shop, list, &altered).await;
        }
        let (cut, longer) = (&cursor[..cursor.len() - 1], format!("{cursor}A"));
        for other in [
            cut,
            &longer,
            &format!("{cursor}=="),
            "A",
            "AAAA",
            "%25",
            "%00",
            "1",
            "null",
            "../..",
            "%F0%9F%92%A3",
        ] {
            refused(&shop, list, other).await;
        }
        refused(&shop, list, &"A".repeat(4000)).await;
    }
}

#[tokio::test]
async fn a_list_without_a_second_page_has_no_cursors() {
    let (shop, _) = filled().await;
    for list in [
        "/v1/interactions?external_id=call-1",
        "/v1/conversions?external_id=order-1",
        "/v1/customers?identifier=phone:%2B14155550123",
    ] {
        let answer = shop.get(&format!("{list}&limit=1&cursor=")).await;
        assert_eq!((answer.status, &answer.body["meta"]["next_cursor"]), (200, &json!(null)), "{list}");
        refused(&shop, list, &cursor_of(&shop, "/v1/interactions?limit=1").await).await;
    }
}

#[tokio::test]
async fn another_tenants_cursor_is_refused() {
    let (shop, lists) = filled().await;
    let (stranger, same) = filled().await;
    for (list, theirs) in lists.iter().zip(same) {
        refused(&stranger, &theirs, &cursor_of(&shop, list).await).await;
    }
}
