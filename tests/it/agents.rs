//! An agent's conversions: those that a run credits the agent for.

use e2e::{Client, new_tenant};
use serde_json::json;

/// On the n-th day Ann calls the customer n; Bob too if n is odd; and an hour later the customer buys.
async fn shop() -> Client {
    let shop = new_tenant().await;
    for day in 1..=6 {
        let who = json!([{"type": "email", "value": format!("customer-{day}@example.com")}]);
        let agents = if day % 2 == 1 { &["ann", "bob"][..] } else { &["ann"] };
        for agent in agents {
            let call = json!({
                "external_interaction_id": format!("{agent}-{day}"), "channel": "call", "agent_id": agent,
                "started_at": format!("2026-03-0{day}T11:00:00Z"), "customer_identifiers": who,
            });
            shop.post("/v1/interactions", call).await.data();
        }
        let order = json!({
            "external_event_id": format!("order-{day}"), "event_type": "purchase", "event_source": "billing",
            "customer_identifiers": who, "amount_decimal": 100, "currency": "USD",
            "occurred_at": format!("2026-03-0{day}T12:00:00Z"),
        });
        shop.post("/v1/conversions", order).await.data();
    }
    shop
}

async fn orders(shop: &Client, query: &str) -> Vec<String> {
    let orders = shop.list(&format!("/v1/conversions?{query}")).await;
    orders.iter().map(|order| order["external_event_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_agents_conversions_are_those_that_the_answering_run_credits_the_agent_for() {
    let shop = shop().await;
    assert!(orders(&shop, "agent_id=bob").await.is_empty(), "no run has said yet whose they are");
    shop.run("LINEAR", json!({})).await;
    assert_eq!(orders(&shop, "agent_id=bob").await, ["order-5", "order-3", "order-1"]);
    assert_eq!(orders(&shop, "agent_id=ann").await.len(), 6);
    assert!(orders(&shop, "agent_id=cleo").await.is_empty());
    for limit in [1, 2, 4] {
        let paged = orders(&shop, &format!("agent_id=bob&limit={limit}")).await;
        assert_eq!(paged, ["order-5", "order-3", "order-1"], "{limit}");
    }
    let some = "agent_id=bob&start_date=2026-03-02&end_date=2026-03-04";
    assert_eq!(orders(&shop, some).await, ["order-3"]);
    let listed = shop.get("/v1/conversions?start_date=2026-03-05&end_date=2026-03-05").await.data();
    let customer = listed[0]["customer_id"].as_str().unwrap();
    assert_eq!(orders(&shop, &format!("agent_id=bob&customer_id={customer}")).await, ["order-5"]);
    // The count is that of the report.
    let report = "/v1/analytics/agents/revenue?start_date=2026-03-01&end_date=2026-03-31";
    let rows = shop.get(report).await.data()["rows"].clone();
    let bob = rows.as_array().unwrap().iter().find(|row| row["agent_id"] == "bob").unwrap();
    assert_eq!(bob["conversions"], 3);
    // The default model's run answers for the days it published: it gives the last touch the same.
    shop.run("TIME_DECAY", json!({"start_date": "2026-03-01", "end_date": "2026-03-02"})).await;
    assert_eq!(orders(&shop, "agent_id=bob&end_date=2026-03-02").await, ["order-1"]);
}
