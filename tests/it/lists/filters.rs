use e2e::{new_tenant, new_tenant_in};
use serde_json::{Value, json};

use super::{call, column, customer_of, order, set, store};

const ANN: &str = "ann@example.com";

/// More hours than one page of a list walks.
const HOURS: u32 = 760;

#[tokio::test]
async fn a_range_is_whole_days_of_the_tenants_zone_both_included() {
    // Half past six in the evening in UTC is midnight in India.
    let shop = new_tenant_in("Asia/Kolkata").await;
    let moments = [
        ("last-of-1st", "2026-03-01T18:29:59.999Z"),
        ("first-of-2nd", "2026-03-01T18:30:00Z"),
        ("last-of-2nd", "2026-03-02T18:29:59.999Z"),
        ("first-of-3rd", "2026-03-02T18:30:00Z"),
        ("last-of-month", "2026-03-31T18:29:59.999Z"),
        ("first-of-month", "2026-03-31T18:30:00Z"),
    ];
    let calls = moments.map(|(id, at)| call(id, ANN, at)).to_vec();
    store(&shop, "/v1/interactions", calls).await;
    store(&shop, "/v1/conversions", moments.map(|(id, at)| order(id, ANN, at)).to_vec()).await;
    let customer = customer_of(&shop, ANN).await;
    for (range, expected) in [
        ("start_date=2026-03-02&end_date=2026-03-02", &["last-of-2nd", "first-of-2nd"][..]),
        ("end_date=2026-03-01", &["last-of-1st"]),
        ("start_date=2026-03-03&end_date=2026-03-31", &["last-of-month", "first-of-3rd"]),
        ("start_date=2026-04-01", &["first-of-month"]),
        ("start_date=2026-03-04&end_date=2026-03-30", &[]),
        ("start_date=2026-03-02&end_date=2026-03-03", &["first-of-3rd", "last-of-2nd", "first-of-2nd"]),
    ] {
        for (list, id) in
            [("/v1/interactions", "external_interaction_id"), ("/v1/conversions", "external_event_id")]
        {
            let all = shop.list(&format!("{list}?limit=1&{range}")).await;
            assert_eq!(column(&all, id), expected, "{list} {range}");
            let of_customer = shop.list(&format!("{list}?limit=1&customer_id={customer}&{range}")).await;
            assert_eq!(of_customer, all, "{list} {range}");
        }
        let journey = shop.get(&format!("/v1/customers/{customer}/journey?{range}")).await.data();
        let mut oldest_first: Vec<_> = expected.iter().map(|id| (*id).to_owned()).collect();
        oldest_first.reverse();
        let events = journey["events"].as_array().unwrap();
        let calls: Vec<_> = events.iter().filter(|event| event["kind"] == "interaction").cloned().collect();
        assert_eq!(column(&calls, "external_interaction_id"), oldest_first, "{range}");
        assert_eq!(events.len(), 2 * expected.len(), "{range}");
    }
}

#[tokio::test]
async fn any_members_id_selects_all_facts_of_a_customer() {
    let shop = new_tenant().await;
    let at = |second: u32| format!("2026-03-02T10:00:{second:02}Z");
    let known_as = |mut fact: Value, identifiers: Value| {
        fact["customer_identifiers"] = identifiers;
        fact
    };
    let phone = json!({"type": "phone", "value": "+14155550123"});
    let email = json!({"type": "email", "value": ANN});
    let lead = json!({"type": "lead_id", "value": "lead-7"});
    let calls = vec![
        known_as(call("by-phone", ANN, &at(1)), json!([phone])),
        known_as(call("links", ANN, &at(2)), json!([phone, email])),
        known_as(call("by-lead", ANN, &at(3)), json!([lead])),
        call("bobs", "bob@example.com", &at(4)),
    ];
    store(&shop, "/v1/interactions", calls).await;
    let orders = vec![
        known_as(order("links-too", ANN, &at(5)), json!([email, lead])),
        order("bobs", "bob@example.com", &at(6)),
    ];
    store(&shop, "/v1/conversions", orders).await;
    let customer = shop.list(&format!("/v1/customers?identifier=email:{ANN}")).await.remove(0);
    let members = set(customer["members"].as_array().unwrap(), "member_id");
    assert_eq!(members.len(), 3, "{customer}");
    for member in &members {
        let calls = shop.list(&format!("/v1/interactions?limit=2&customer_id={member}")).await;
        assert_eq!(column(&calls, "external_interaction_id"), ["by-lead", "links", "by-phone"]);
        assert!(calls.iter().all(|call| call["customer_id"] == customer["customer_id"]));
        let orders = shop.list(&format!("/v1/conversions?customer_id={member}")).await;
        assert_eq!(column(&orders, "external_event_id"), ["links-too"]);
        assert_eq!(shop.get(&format!("/v1/customers/{member}")).await.data(), customer);
        let journey = shop.get(&format!("/v1/customers/{member}/journey")).await.data();
        assert_eq!((&journey["customer"], journey["events"].as_array().unwrap().len()), (&customer, 4));
    }
}

#[tokio::test]
async fn an_agents_interactions_are_found_among_hours_of_others() {
    let shop = new_tenant().await;
    // The agent wanted has the oldest and the newest.
    let calls = (0..HOURS).map(|n| {
        let at = format!("2026-{:02}-{:02}T{:02}:00:00Z", 1 + n / 600, 1 + n % 600 / 24, n % 24);
        let mut call = call(&format!("call-{n:03}"), ANN, &at);
        call["agent_id"] = json!(if [0, HOURS - 1].contains(&n) { "wanted" } else { "other" });
        call
    });
    let calls: Vec<_> = calls.collect();
    for part in calls.chunks(380) {
        store(&shop, "/v1/interactions", part.to_vec()).await;
    }
    let customer = customer_of(&shop, ANN).await;
    for filter in ["limit=1".to_owned(), format!("customer_id={customer}&limit=200")] {
        let path = format!("/v1/interactions?agent_id=wanted&{filter}");
        let found = shop.list(&path).await;
        assert_eq!(column(&found, "external_interaction_id"), ["call-759", "call-000"], "{path}");
    }
    let one_day = "/v1/interactions?agent_id=wanted&start_date=2026-01-01&end_date=2026-01-01";
    assert_eq!(column(&shop.list(one_day).await, "external_interaction_id"), ["call-000"]);
    for none in ["Wanted", "want", "wanted%20"] {
        let path = format!("/v1/interactions?agent_id={none}&start_date=2026-01-01&end_date=2026-01-01");
        assert!(shop.list(&path).await.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn a_busy_hour_is_listed_whole_page_by_page_and_searched_to_its_end() {
    let shop = new_tenant().await;
    let calls: Vec<_> = (0..1_000)
        .map(|n| {
            // Four at each moment, of which the oldest is the one that is wanted.
            let at = format!("2026-03-02T10:{:02}:{:02}Z", n / 4 / 60, n / 4 % 60);
            let mut call = call(&format!("call-{n:03}"), ANN, &at);
            call["agent_id"] = json!(if n == 0 { "wanted" } else { "other" });
            call
        })
        .collect();
    for part in calls.chunks(500) {
        store(&shop, "/v1/interactions", part.to_vec()).await;
    }
    let wanted = shop.list("/v1/interactions?agent_id=wanted&limit=1").await;
    assert_eq!(column(&wanted, "external_interaction_id"), ["call-000"]);
    let all = shop.list("/v1/interactions?limit=200").await;
    let times = column(&all, "started_at");
    assert!(times.is_sorted_by(|newer, older| newer >= older));
    let mut ids = column(&all, "external_interaction_id");
    assert_eq!(ids.len(), 1_000);
    assert_eq!(column(&shop.list("/v1/interactions?limit=37").await, "external_interaction_id"), ids);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
}
