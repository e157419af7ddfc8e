//! What is paid back is taken back from how a conversion is settled, whichever came first.

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

use super::{API, amounts, attribution, lead_of_the_document, put, settled, text};

async fn refund(shop: &Client, id: &str, amount: i64) {
    let refund = json!({
        "external_event_id": id, "event_type": "refund", "event_source": "billing", "amount_decimal": amount,
        "currency": "USD", "refund_of": "sale-1", "occurred_at": "2026-02-03T10:00:00Z",
    });
    assert_eq!(shop.post("/v1/conversions", refund).await.status, 201);
}

#[tokio::test]
async fn a_refund_takes_back_whether_it_came_before_or_after() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    refund(&shop, "refund-1", -500).await;
    settled(&shop, &conversion).await;
    let left = [(400.0, 40.0), (200.0, 20.0), (400.0, 40.0)];
    assert_eq!(amounts(&shop).await, left.map(|(revenue, commission)| (json!(revenue), json!(commission))));
    refund(&shop, "refund-2", -1000).await;
    assert_eq!(amounts(&shop).await, vec![(json!(0.0), json!(0.0)); 3]);
    // It counts on its own day, and the conversion on its.
    let report = |month: &str, days: u32| {
        format!("{API}/reports/attribution?startDate=2026-{month}-01&endDate=2026-{month}-{days}")
    };
    let summary = |told: Value| {
        ["totalRevenue", "attributedRevenue", "totalCommission"].map(|of| told["summary"][of].clone())
    };
    assert_eq!(
        summary(shop.get(&report("01", 31)).await.data()),
        [1500.0, 1500.0, 150.0].map(|of| json!(of))
    );
    assert_eq!(
        summary(shop.get(&report("02", 28)).await.data()),
        [-1500.0, -1500.0, -150.0].map(|of| json!(of))
    );
}

#[tokio::test]
async fn what_was_paid_out_is_owed_back_after_a_refund() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    let id = text(&settled(&shop, &conversion).await[0]["id"]);
    for status in ["approved", "paid"] {
        let moved =
            put(&shop, &format!("attributions/{id}"), &json!({"status": status, "note": "invoice 17"})).await;
        assert_eq!(moved.status, 200, "{}", moved.text);
    }
    refund(&shop, "refund-1", -1500).await;
    let told = attribution(&shop, &id).await;
    assert_eq!((&told["status"], &told["commissionOwed"]), (&json!("paid"), &json!(-60.0)));
    let actions = shop.list("/v1/audit").await;
    assert!(actions.iter().any(|entry| entry["action"] == "settlement.paid_back"), "{actions:?}");
}
