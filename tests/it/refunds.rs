//! Refunds and chargebacks: what was credited is taken back, on the day it is paid back, to the cent.

use std::collections::BTreeMap;

use e2e::{Client, deliveries_done, new_tenant};
use serde_json::{Value, json};

const MODELS: [&str; 6] =
    ["FIRST_TOUCH", "LAST_TOUCH", "LINEAR", "TIME_DECAY", "POSITION_BASED", "AI_WEIGHTED"];

fn order(id: &str, who: &str, amount: &str, at: &str) -> Value {
    json!({
        "external_event_id": id, "event_type": "purchase", "event_source": "shop", "amount_decimal": amount,
        "currency": "USD", "occurred_at": at, "customer_identifiers": [{"type": "customer_id", "value": who}],
    })
}

fn refund(id: &str, of: &str, amount: &str, at: &str) -> Value {
    json!({
        "external_event_id": id, "event_type": "chargeback", "event_source": "bank", "amount_decimal": amount,
        "currency": "USD", "occurred_at": at, "refund_of": of,
    })
}

/// Calls of a customer by these agents, an hour apart.
async fn calls(shop: &Client, who: &str, agents: &[&str]) {
    for (hour, agent) in agents.iter().enumerate() {
        let call = json!({
            "external_interaction_id": format!("{who}-{hour}"), "channel": "call", "agent_id": agent,
            "started_at": format!("2026-03-02T{:02}:00:00Z", 8 + hour),
            "customer_identifiers": [{"type": "customer_id", "value": who}],
        });
        assert_eq!(shop.post("/v1/interactions", call).await.status, 201);
    }
}

async fn store(shop: &Client, body: Value) -> Value {
    let answer = shop.post("/v1/conversions", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.data()
}

/// In cents, by touch and over everything that the run credited.
async fn credits(shop: &Client, run: &Value) -> BTreeMap<String, Vec<i64>> {
    cents(shop, run, "attributed_amount").await
}

async fn cents(shop: &Client, run: &Value, field: &str) -> BTreeMap<String, Vec<i64>> {
    let mut credits: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let path = format!("/v1/attribution/runs/{}/results", run["run_id"].as_str().unwrap());
    for credit in shop.list(&path).await {
        let cents = format!("{:.2}", credit[field].as_f64().unwrap()).replace('.', "").parse().unwrap();
        credits.entry(credit["interaction_id"].as_str().unwrap().to_owned()).or_default().push(cents);
    }
    credits
}

#[tokio::test]
async fn a_refund_takes_back_what_touches_earned_on_its_own_day() {
    let shop = new_tenant().await;
    calls(&shop, "c-1", &["ann", "bob", "cid"]).await;
    store(&shop, order("order-1", "c-1", "100.00", "2026-03-02T20:00:00Z")).await;
    let paid_back = store(&shop, refund("refund-1", "order-1", "-40.00", "2026-03-20T09:00:00Z")).await;
    assert_eq!((&paid_back["refund_of"], &paid_back["amount_decimal"]), (&json!("order-1"), &json!(-40.0)));
    let journey = shop.list("/v1/customers?identifier=customer_id:c-1").await;
    assert_eq!(journey[0]["customer_id"], paid_back["customer_id"]);

    let run = shop.run("LINEAR", json!({})).await;
    assert_eq!(run["attributed_total"], json!([{"currency": "USD", "amount": 60.0}]));
    let earned = |day: &'static str| {
        let path = format!(
            "/v1/analytics/agents/revenue?start_date={day}&end_date={day}&run_id={}",
            run["run_id"].as_str().unwrap()
        );
        let shop = shop.clone();
        async move {
            let report = shop.get(&path).await.data();
            let rows = report["rows"].as_array().unwrap().iter();
            rows.map(|row| {
                (row["agent_id"].clone(), row["attributed_revenue"].clone(), row["conversions"].clone())
            })
            .collect::<Vec<_>>()
        }
    };
    deliveries_done().await;
    let row =
        |agent: &str, revenue: f64, conversions: u64| (json!(agent), json!(revenue), json!(conversions));
    assert_eq!(
        earned("2026-03-02").await,
        [row("ann", 33.34, 1), row("bob", 33.33, 1), row("cid", 33.33, 1)]
    );
    assert_eq!(
        earned("2026-03-20").await,
        [row("bob", -13.33, 0), row("cid", -13.33, 0), row("ann", -13.34, 0)]
    );
}

#[tokio::test]
async fn in_a_run_of_the_refunds_days_alone_it_takes_back_what_was_earned_before_them() {
    let shop = new_tenant().await;
    calls(&shop, "c-1", &["ann", "bob"]).await;
    store(&shop, order("order-1", "c-1", "10.01", "2026-03-02T20:00:00Z")).await;
    store(&shop, refund("refund-1", "order-1", "-10.01", "2026-04-01T09:00:00Z")).await;
    let run = shop.run("LINEAR", json!({"start_date": "2026-04-01", "event_types": ["purchase"]})).await;
    assert_eq!(run["attributed_total"], json!([{"currency": "USD", "amount": -10.01}]));
    let mut taken: Vec<_> = credits(&shop, &run).await.into_values().collect();
    taken.sort();
    assert_eq!(taken, [[-501], [-500]]);
    // What the filter leaves out is not taken back either.
    let run = shop.run("LINEAR", json!({"start_date": "2026-04-01", "event_types": ["signup"]})).await;
    assert_eq!(run["conversions_processed"], 0);
}

#[tokio::test]
async fn many_refunds_end_at_nothing_by_every_model_and_no_touch_ever_earns_by_one() {
    let shop = new_tenant().await;
    let mut rng = fastrand::Rng::with_seed(7);
    for customer in 0..12 {
        let who = format!("c-{customer}");
        calls(&shop, &who, &vec!["ann"; rng.usize(1..9)]).await;
        let mut cents = rng.u64(1..40_000);
        let amount = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
        let mut sold = order(&who, &who, &amount(cents), "2026-03-02T20:00:00Z");
        sold["commission_rate"] = json!(0.125);
        store(&shop, sold).await;
        let mut number = 0;
        while cents > 0 {
            number += 1;
            // The fifth pays back all that is left.
            let part = if number == 5 { cents } else { rng.u64(1..=cents) };
            cents -= part;
            let (id, at) = (format!("{who}-{number}"), format!("2026-03-0{}T20:00:00Z", 2 + number));
            store(&shop, refund(&id, &who, &format!("-{}", amount(part)), &at)).await;
        }
    }
    for model in MODELS {
        let run = shop.run(model, json!({})).await;
        assert_eq!(run["attributed_total"], json!([{"currency": "USD", "amount": 0.0}]), "{model}");
        for field in ["attributed_amount", "commission_amount"] {
            for (touch, cents) in cents(&shop, &run, field).await {
                assert_eq!(cents.iter().sum::<i64>(), 0, "{model} {field} {touch} {cents:?}");
                assert!(
                    cents.iter().filter(|cents| **cents > 0).count() <= 1,
                    "{model} {field} {touch} {cents:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_commission_is_shared_by_the_same_weights_and_taken_back_with_the_amount() {
    let shop = new_tenant().await;
    calls(&shop, "c-1", &["ann", "bob", "cid"]).await;
    let mut policy = order("policy-1", "c-1", "1500.00", "2026-03-02T20:00:00Z");
    policy["commission_rate"] = json!(0.10);
    policy["policy_id"] = json!("policy-789");
    let stored = store(&shop, policy.clone()).await;
    assert_eq!((&stored["commission_amount"], &stored["policy_id"]), (&json!(150.0), &json!("policy-789")));
    // The same as an amount is the same.
    policy["commission_rate"] = Value::Null;
    policy["commission_amount"] = json!("150.00");
    assert_eq!(shop.post("/v1/conversions", policy.clone()).await.status, 200);
    policy["commission_amount"] = json!(1);
    assert_eq!(
        shop.post("/v1/conversions", policy).await.refusal(),
        "409 DUPLICATE_RESOURCE commission_amount"
    );

    store(&shop, refund("refund-1", "policy-1", "-750.00", "2026-03-20T09:00:00Z")).await;
    let run = shop.run("POSITION_BASED", json!({})).await;
    let sorted = |credits: BTreeMap<String, Vec<i64>>| {
        let mut all: Vec<_> = credits.into_values().collect();
        all.iter_mut().for_each(|cents| cents.sort_unstable());
        all.sort();
        all
    };
    assert_eq!(sorted(credits(&shop, &run).await), [[-30_000, 60_000], [-30_000, 60_000], [-15_000, 30_000]]);
    let commissions = cents(&shop, &run, "commission_amount").await;
    assert_eq!(sorted(commissions), [[-3_000, 6_000], [-3_000, 6_000], [-1_500, 3_000]]);
}

#[tokio::test]
async fn what_pays_back_nothing_that_is_known_is_unattributed_and_says_so() {
    let shop = new_tenant().await;
    calls(&shop, "c-1", &["ann"]).await;
    store(&shop, order("order-1", "c-1", "10.00", "2026-03-02T20:00:00Z")).await;
    store(&shop, refund("refund-1", "unheard-of", "-5.00", "2026-03-03T09:00:00Z")).await;
    // Ten were paid back of ten: of the five after that, nothing is anybody's.
    store(&shop, refund("refund-2", "order-1", "-10.00", "2026-03-04T09:00:00Z")).await;
    store(&shop, refund("refund-3", "order-1", "-5.00", "2026-03-05T09:00:00Z")).await;
    store(&shop, refund("refund-4", "refund-2", "-1.00", "2026-03-06T09:00:00Z")).await;
    let mut in_euro = refund("refund-5", "order-1", "-3.00", "2026-03-03T09:00:00Z");
    in_euro["currency"] = json!("EUR");
    store(&shop, in_euro).await;
    let run = shop.run("LINEAR", json!({})).await;
    let totals =
        |eur: f64, usd: f64| json!([{"currency": "EUR", "amount": eur}, {"currency": "USD", "amount": usd}]);
    assert_eq!(run["attributed_total"], totals(0.0, 0.0));
    assert_eq!(run["unattributed_total"], totals(-3.0, -11.0));
    let path = format!("/v1/attribution/runs/{}/unattributed", run["run_id"].as_str().unwrap());
    let listed = shop.list(&path).await;
    let mut told: Vec<_> =
        listed.iter().map(|found| format!("{} {}", found["refund_of"], found["reason"])).collect();
    told.sort();
    let told: Vec<_> = told.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            r#""order-1" "pays_back_nothing""#,
            r#""order-1" "pays_back_nothing""#,
            r#""refund-2" "pays_back_nothing""#,
            r#""unheard-of" "pays_back_nothing""#,
        ]
    );
}

#[tokio::test]
async fn a_refund_stands_with_what_it_pays_back_whichever_came_first_and_whomever_it_names() {
    let shop = new_tenant().await;
    calls(&shop, "c-1", &["ann"]).await;
    let early = store(&shop, refund("early", "order-1", "-1.00", "2026-03-03T09:00:00Z")).await;
    assert_eq!(early["customer_id"], Value::Null);
    store(&shop, order("order-1", "c-1", "10.00", "2026-03-02T20:00:00Z")).await;
    let mut elsewhere = refund("elsewhere", "order-1", "-2.00", "2026-03-04T09:00:00Z");
    elsewhere["customer_identifiers"] = json!([{"type": "customer_id", "value": "bank-7"}]);
    store(&shop, elsewhere).await;
    let customer = shop.list("/v1/customers?identifier=customer_id:c-1").await[0]["customer_id"].clone();
    let customer = customer.as_str().unwrap();
    let names = |list: &[Value]| -> Vec<String> {
        list.iter().map(|one| one["external_event_id"].as_str().unwrap().to_owned()).collect()
    };
    let of_customer = format!("/v1/conversions?customer_id={customer}");
    let found = shop.get_until(&of_customer, |answer| answer.body["data"].as_array().unwrap().len() == 2);
    assert_eq!(names(found.await.data().as_array().unwrap()), ["early", "order-1"]);

    shop.run("TIME_DECAY", json!({})).await;
    assert_eq!(
        names(&shop.list("/v1/conversions?agent_id=ann&start_date=2026-03-01").await),
        ["elsewhere", "early", "order-1"]
    );
    let journey = shop.get("/v1/customers/ext:bank-7/journey").await.data();
    assert_eq!(journey["events"][0]["credits"][0]["attributed_amount"], -2.0, "{journey:#}");
}

#[tokio::test]
async fn what_is_no_refund_needs_a_customer_and_an_amount_that_is_not_negative() {
    let shop = new_tenant().await;
    let with = |field: &str, value: Value| {
        let mut body = refund("refund-1", "order-1", "-5.00", "2026-03-03T09:00:00Z");
        body[field] = value;
        body
    };
    for (body, refused) in [
        (with("refund_of", Value::Null), "400 VALIDATION_ERROR customer_identifiers amount_decimal"),
        (with("amount_decimal", json!(5)), "400 VALIDATION_ERROR amount_decimal"),
        (with("amount_decimal", json!("-0.00")), "400 VALIDATION_ERROR amount_decimal"),
        (with("refund_of", json!("refund-1")), "400 VALIDATION_ERROR refund_of"),
        (with("amount_decimal", json!("-1.001")), "400 VALIDATION_ERROR amount_decimal"),
    ] {
        assert_eq!(shop.post("/v1/conversions", body.clone()).await.refusal(), refused, "{body}");
    }
    let stored = with("amount_decimal", json!(-5));
    assert_eq!(shop.post("/v1/conversions", stored.clone()).await.status, 201);
    assert_eq!(shop.post("/v1/conversions", stored).await.status, 200);
    let other = shop.post("/v1/conversions", with("refund_of", json!("order-2"))).await;
    assert_eq!(other.refusal(), "409 DUPLICATE_RESOURCE refund_of");
}
