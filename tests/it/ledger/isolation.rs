//! Who is bound to a partner or broker sees what is theirs, and nothing else.

use domain::party::PartyKind;
use e2e::{Client, bound_to, new_tenant, routes};
use serde_json::{Value, json};

use super::{API, lead_of_the_document, put, settled, text};

/// The routes that answer to who is bound.
const THEIRS: [(&str, &str); 4] = [
    ("GET", "/api/v1/attribution/attributions"),
    ("GET", "/api/v1/attribution/attributions/{attribution_id}"),
    ("GET", "/api/v1/attribution/disputes"),
    ("POST", "/api/v1/attribution/disputes"),
];

async fn disputed(who: &Client, id: &str) -> e2e::Answer {
    let dispute = json!({"attributionId": id, "disputeType": "partner", "reason": "it was ours"});
    who.post_once(&format!("{API}/disputes"), dispute).await
}

#[tokio::test]
async fn every_other_route_refuses_who_is_bound() {
    let shop = new_tenant().await;
    let partner = bound_to(&shop, PartyKind::Partner, "partner-abc").await;
    let mut refused = 0;
    for declared in routes().await {
        let route = &declared.route;
        if THEIRS.contains(&(route.method, route.path)) {
            continue;
        }
        let body = if route.method == "GET" { Vec::new() } else { b"{}".to_vec() };
        let answer = partner.send(route.method, &route.path.replace(['{', '}'], ""), &[], body).await;
        if answer.code() == "FORBIDDEN" {
            refused += 1;
        } else {
            // Public ones, and what is signed instead.
            let is_open = declared.function == "site" || declared.function == "webhook-receiver";
            assert!(is_open, "{} {}: {} {}", route.method, route.path, answer.status, answer.text);
        }
    }
    assert!(refused > 40, "{refused}");
}

#[tokio::test]
async fn a_partner_sees_its_own_rows_and_nothing_of_anothers() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    let saved = settled(&shop, &conversion).await;
    let ids: Vec<String> = saved.iter().map(|share| text(&share["id"])).collect();
    let partner = bound_to(&shop, PartyKind::Partner, "partner-abc").await;
    let broker = bound_to(&shop, PartyKind::Broker, "broker-7").await;
    let stranger = bound_to(&shop, PartyKind::Partner, "broker-7").await;
    let list = format!("{API}/attributions");
    let own = |list: Vec<Value>| list.iter().map(|one| text(&one["id"])).collect::<Vec<_>>();
    for (who, theirs) in [(&partner, &ids[..1]), (&broker, &ids[1..2]), (&stranger, &ids[..0])] {
        assert_eq!(own(who.list(&list).await), theirs);
        for filter in
            ["partnerId=partner-abc", "brokerId=broker-7", "leadId=lead-123", "conversionId=ext:sale-1"]
        {
            let found = own(who.list(&format!("{list}?{filter}")).await);
            assert!(found.iter().all(|id| theirs.contains(id)), "{filter}");
        }
        for id in &ids {
            let is_theirs = theirs.contains(id);
            let answer = who.get(&format!("{list}/{id}")).await;
            assert_eq!(answer.status, if is_theirs { 200 } else { 404 }, "{id}");
            if !is_theirs {
                assert_eq!(disputed(who, id).await.refusal(), "404 NOT_FOUND");
            }
        }
        assert!(who.list(&format!("{API}/disputes")).await.is_empty());
    }
    // What one of them disputes, the others do not see.
    let dispute = disputed(&partner, &ids[0]).await;
    assert_eq!(dispute.status, 201, "{}", dispute.text);
    assert_eq!(partner.list(&format!("{API}/disputes")).await.len(), 1);
    assert!(broker.list(&format!("{API}/disputes")).await.is_empty());
    // What is given to another is no longer theirs.
    let resolution = json!({"status": "resolved", "reassign": {"partnerId": "broker-7"}});
    let path = format!("disputes/{}/resolve", text(&dispute.data()["id"]));
    assert_eq!(put(&shop, &path, &resolution).await.status, 200);
    assert!(partner.list(&list).await.is_empty());
    assert_eq!(own(stranger.list(&list).await), &ids[..1]);
    assert_eq!(partner.get(&format!("{list}/{}", ids[0])).await.status, 404);
}
