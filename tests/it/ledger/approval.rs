//! A run that is approved settles what it credited.

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

use super::{API, lead_of_the_document, put, settled, text};

async fn approved(shop: &Client, run: &Value) -> Value {
    let path = format!("/v1/attribution/runs/{}/approve", text(&run["run_id"]));
    let answer = shop.post(&path, json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.data()
}

#[tokio::test]
async fn what_an_approved_run_credited_is_owed_once_and_another_run_changes_nothing() {
    let shop = new_tenant().await;
    lead_of_the_document(&shop).await;
    let run = shop.run("LINEAR", json!({"time_window_hours": 720})).await;
    assert_eq!(run["approved_at"], Value::Null);
    assert!(approved(&shop, &run).await["approved_at"].is_string());
    let list = format!("{API}/attributions");
    let is_settled = |count: usize| {
        move |answer: &e2e::Answer| answer.body["data"].as_array().is_some_and(|all| all.len() == count)
    };
    let all = shop.get_until(&list, is_settled(3)).await.data();
    for one in all.as_array().unwrap() {
        let told =
            ["status", "model", "revenueAttributed", "commissionAmount", "leadId"].map(|field| &one[field]);
        assert_eq!(
            told,
            [&json!("approved"), &json!("linear"), &json!(500.0), &json!(50.0), &json!("lead-123")]
        );
    }
    let other = shop.run("FIRST_TOUCH", json!({"time_window_hours": 720})).await;
    approved(&shop, &other).await;
    let saved = json!({"leadId": "lead-123", "model": "first_touch"});
    let refused = shop.post(&format!("{API}/calculate-and-save"), saved).await;
    assert_eq!(refused.refusal(), "409 CONVERSION_SETTLED");
    let again = shop.list(&list).await;
    assert_eq!(Value::from(again), all);
}

#[tokio::test]
async fn a_calculation_that_nobody_relies_on_gives_way_to_an_approved_run() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    settled(&shop, &conversion).await;
    let run = shop.run("LAST_TOUCH", json!({"time_window_hours": 720})).await;
    approved(&shop, &run).await;
    let list = format!("{API}/attributions");
    let is_alone = |answer: &e2e::Answer| answer.body["data"].as_array().is_some_and(|all| all.len() == 1);
    let all = shop.get_until(&list, is_alone).await.data();
    assert_eq!((&all[0]["channel"], &all[0]["revenueAttributed"]), (&json!("direct"), &json!(1500.0)));
    let paid = put(&shop, &format!("attributions/{}", text(&all[0]["id"])), &json!({"status": "paid"})).await;
    assert_eq!(paid.data()["commissionPaid"], 150.0);
    // The partner of the first touchpoint has nothing any more.
    assert!(shop.list(&format!("{list}?partnerId=partner-abc")).await.is_empty());
}

#[tokio::test]
async fn a_run_without_results_cannot_be_approved() {
    let shop = new_tenant().await;
    let run = shop.post("/v1/attribution/runs", json!({"model_code": "LINEAR"})).await.data();
    let path = format!("/v1/attribution/runs/{}/approve", text(&run["run_id"]));
    assert_eq!(shop.post(&path, json!({})).await.refusal(), "409 RUN_NOT_COMPLETED");
}
