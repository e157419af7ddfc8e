//! Query parameters: each refusal names its parameter.

use e2e::{new_tenant, new_tenant_in, rollups_done};
use serde_json::json;

use super::nested;

/// Every route that takes a range of days and pages.
const LISTS: [&str; 2] = ["/v1/interactions", "/v1/conversions"];

#[tokio::test]
async fn a_parameter_that_cannot_be_is_refused_by_name() {
    let shop = new_tenant().await;
    let mut cases: Vec<(String, &str)> = Vec::new();
    for list in LISTS.into_iter().chain(["/v1/attribution/runs"]) {
        for limit in ["0", "201", "-1", "1.5", "ten", "99999999999999999999", "1e2", "0x10", "%00"] {
            cases.push((format!("{list}?limit={limit}"), "limit"));
        }
        cases.push((format!("{list}?limit=1&limit=1"), "limit"));
        cases.push((format!("{list}?page=2"), "page"));
        cases.push((format!("{list}?Limit=2"), "Limit"));
        cases.push((format!("{list}?tenant_id=other"), "tenant_id"));
        cases.push((format!("{list}?limit=0&offset=5"), "limit offset"));
    }
    for list in LISTS.into_iter().chain(["/v1/analytics/agents/revenue"]) {
        for day in [
            "2026-02-30",
            "2026-2-3",
            "31.01.2026",
            "2026-03-01T00:00:00Z",
            "20260301",
            "today",
            "-2026-03-01",
            "10000-01-01",
            "0000-01-01",
        ] {
            cases.push((format!("{list}?start_date={day}"), "start_date"));
            cases.push((format!("{list}?end_date={day}"), "end_date"));
        }
        cases.push((format!("{list}?start_date=2026-03-02&end_date=2026-03-01"), "end_date"));
    }
    for (query, named) in [
        ("/v1/analytics/agents/revenue?currency=XXX", "currency"),
        ("/v1/analytics/agents/revenue?limit=5", "limit"),
        ("/v1/interactions?external_id=call-1&limit=0", "limit"),
        ("/v1/interactions?external_id=call-1&source=nobody", "source"),
        ("/v1/interactions?source=api", "source"),
        ("/v1/conversions?external_id=order-1&source=api", "source"),
        ("/v1/interactions/ext:call-1?expand=customer", "expand"),
        ("/v1/conversions/ext:order-1?expand=customer", "expand"),
        ("/v1/customers/ext:1?expand=journey", "expand"),
        ("/v1/customers/ext:1/journey?newest=true", "newest"),
        ("/v1/customers", "identifier"),
        ("/v1/customers?identifier=", "identifier"),
        ("/v1/customers?identifier=%2B14155550123", "identifier"),
        ("/v1/customers?identifier=fax:%2B14155550123", "identifier"),
        ("/v1/customers?identifier=phone:call%20me", "identifier"),
        ("/v1/customers?identifier=email:ann", "identifier"),
        ("/v1/customers?identifier=email:a@example.com&identifier=email:b@example.com", "identifier"),
        ("/v1/customers?identifier=email:a@example.com&limit=0", "limit"),
    ] {
        cases.push((query.to_owned(), named));
    }
    cases.push((format!("/v1/interactions?external_id={}", "x".repeat(129)), "external_id"));
    let mut wrong = Vec::new();
    for (path, named) in cases {
        let answer = shop.get(&path).await;
        if answer.refusal() != format!("400 VALIDATION_ERROR {named}") {
            wrong.push(format!("{path}: expected {named}, got {} {}", answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn ids_that_cannot_be_are_not_found() {
    let shop = new_tenant().await;
    let long = "x".repeat(4000);
    let ids = [
        "int_1",
        "cnv_1",
        "cus_1",
        "run_1",
        "INT_00000000000000000000000000000000",
        "1",
        "null",
        "..",
        "%2e%2e",
        "*",
        "ext:",
        "ext::",
        "ext:api:",
        "ext:nobody:x",
        "%20",
        "%0a",
        "%00",
        "%252500",
        "%2525ff",
        "%25252e",
        "T%23demo",
        "a%5Cb",
        "%F0%9F%92%A3",
        &long,
    ];
    for resource in ["interactions", "conversions", "customers", "attribution/runs"] {
        for id in ids {
            for tail in ["", "/journey", "/results", "/unattributed"] {
                let answer = shop.get(&format!("/v1/{resource}/{id}{tail}")).await;
                let refusal = answer.refusal();
                let known = ["404 NOT_FOUND", "405 METHOD_NOT_ALLOWED"].contains(&refusal.as_str());
                assert!(known, "/v1/{resource}/{id}{tail}: {} {}", answer.status, answer.text);
            }
        }
    }
    for path in [
        format!("/v1/analytics/agents/revenue?run_id={long}"),
        "/v1/analytics/agents/revenue?run_id=run_1".to_owned(),
        "/v1/analytics/agents/revenue?run_id=x%23RUN".to_owned(),
    ] {
        assert_eq!(shop.get(&path).await.refusal(), "404 NOT_FOUND", "{path}");
    }
    for filter in ["cus_1", "int_1", "null", &long, &nested(100), "%00", "%ff"] {
        for list in LISTS {
            let answer = shop.get(&format!("{list}?customer_id={filter}")).await;
            assert_eq!((answer.status, &answer.body["data"]), (200, &json!([])), "{filter}");
        }
    }
}

#[tokio::test]
async fn days_at_the_ends_of_the_calendar_are_days_like_others() {
    for zone in ["UTC", "America/New_York"] {
        are_days_like_others(zone).await;
    }
}

async fn are_days_like_others(zone: &str) {
    let shop = new_tenant_in(zone).await;
    assert_eq!(shop.post("/v1/interactions", super::call("call-1")).await.status, 201);
    assert_eq!(shop.post("/v1/conversions", super::order("order-1")).await.status, 201);
    let customer = shop.list("/v1/customers?identifier=phone:%2B14155550123").await;
    let customer = customer[0]["customer_id"].as_str().unwrap().to_owned();
    let count = async |range: &str| {
        let lists =
            [format!("/v1/interactions?{range}"), format!("/v1/interactions?customer_id={customer}&{range}")];
        let mut counts = Vec::new();
        for list in lists {
            counts.push(shop.list(&list).await.len());
        }
        let journey = shop.get(&format!("/v1/customers/{customer}/journey?{range}")).await;
        counts.push(journey.data()["events"].as_array().unwrap().len() / 2);
        counts
    };
    for (range, expected) in [
        ("start_date=1970-01-01", 1),
        ("end_date=1970-01-01", 0),
        ("end_date=2286-11-20", 1),
        ("end_date=2286-11-21", 1),
        ("end_date=2300-01-01", 1),
        ("end_date=9999-12-31", 1),
        ("start_date=2300-01-01", 0),
        ("start_date=2300-01-01&end_date=9999-12-31", 0),
        ("start_date=9999-12-31", 0),
        ("start_date=1970-01-01&end_date=9999-12-31", 1),
    ] {
        assert_eq!(count(range).await, [expected; 3], "{range}");
    }
    for (dates, conversions) in [
        (json!({"start_date": "2300-01-01"}), 0),
        (json!({"end_date": "1970-01-01"}), 0),
        (json!({"start_date": "9999-12-31", "end_date": "9999-12-31"}), 0),
        (json!({"start_date": "1970-01-01", "end_date": "9999-12-31"}), 1),
    ] {
        let run = shop.run("LINEAR", dates.clone()).await;
        let done = (&run["status"], &run["conversions_processed"]);
        assert_eq!(done, (&json!("completed"), &json!(conversions)), "{dates}: {run}");
    }
    rollups_done().await;
    for (range, interactions) in [
        ("start_date=1970-01-01&end_date=9999-12-31", 1),
        ("end_date=1970-01-01", 0),
        ("start_date=9999-12-31&end_date=9999-12-31", 0),
    ] {
        let report = shop.get(&format!("/v1/analytics/agents/revenue?{range}")).await;
        assert_eq!(
            report.body["data"]["totals"]["total_interactions"], interactions,
            "{zone} {range}: {}",
            report.text
        );
        let report = shop.get(&format!("/api/v1/attribution/reports/attribution?{range}")).await.data();
        let counted =
            report["byChannel"].as_array().unwrap().iter().filter_map(|row| row["totalTouchpoints"].as_u64());
        assert_eq!(counted.sum::<u64>(), interactions, "{zone} {range}: {report:#}");
    }
}
