//! The document's own example, and its whole workflow.

use e2e::{new_tenant, rollups_done};
use serde_json::{Value, json};

use super::{API, amounts, attribution, lead_of_the_document, put, settled, text};

#[tokio::test]
async fn the_documents_example_is_shared_out_as_it_says() {
    let shop = new_tenant().await;
    let (ids, _) = lead_of_the_document(&shop).await;
    let example = json!({
        "leadId": "lead-123", "model": "position_based", "conversionValue": 1500.00, "commissionRate": 0.10,
    });
    for path in ["attribution/calculate", "calculate"] {
        let answer = shop.post(&format!("{API}/{path}"), example.clone()).await.data();
        assert_eq!((&answer["leadId"], &answer["conversionValue"]), (&json!("lead-123"), &json!(1500.0)));
        assert_eq!((&answer["saved"], &answer["commissionAmount"]), (&json!(false), &json!(150.0)));
        let shares: Vec<_> = answer["attributions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|share| {
                let of = |field: &str| share[field].clone();
                (of("touchpointId"), of("channel"), of("percentage"), of("revenue"), of("commission"))
            })
            .collect();
        let share = |id: &str, channel, percentage, revenue, commission| {
            (json!(id), json!(channel), json!(percentage), json!(revenue), json!(commission))
        };
        assert_eq!(
            shares,
            [
                share(&ids[0], "paid_search", 40, 600.0, 60.0),
                share(&ids[1], "email", 20, 300.0, 30.0),
                share(&ids[2], "direct", 40, 600.0, 60.0),
            ]
        );
    }
    // Nothing was stored.
    assert!(amounts(&shop).await.is_empty());
}

#[tokio::test]
async fn a_lead_is_followed_from_its_touchpoints_to_the_payment() {
    let shop = new_tenant().await;
    let (ids, conversion) = lead_of_the_document(&shop).await;
    let touchpoint = shop.get(&format!("{API}/touchpoints/{}", ids[0])).await.data();
    assert_eq!((&touchpoint["converted"], &touchpoint["conversionValue"]), (&json!(true), &json!(1500.0)));
    assert_eq!(
        (&touchpoint["campaign"], &touchpoint["leadId"]),
        (&json!("home-insurance-q4"), &json!("lead-123"))
    );

    let saved = settled(&shop, &conversion).await;
    assert_eq!(amounts(&shop).await.len(), 3);
    let named = json!({"id": "partner-abc", "name": "Alpine Partners"});
    let named = shop.post(&format!("{API}/partners"), named).await;
    assert_eq!(named.data()["name"], "Alpine Partners");
    rollups_done().await;
    let report =
        format!("{API}/reports/attribution?startDate=2026-01-01&endDate=2026-01-31&model=position_based");
    let told = shop.get(&report).await.data();
    assert_eq!(
        told["summary"],
        json!({
            "totalConversions": 1, "totalRevenue": 1500.0, "totalCommission": 150.0, "attributedRevenue": 1500.0,
            "settledConversions": 1,
        })
    );
    let search = told["byChannel"].as_array().unwrap().iter().find(|row| row["channel"] == "paid_search");
    assert_eq!(
        search.unwrap(),
        &json!({
            "channel": "paid_search", "totalTouchpoints": 1, "convertingTouchpoints": 1, "conversionRate": 1,
            "totalRevenue": 600.0, "totalCommission": 60.0, "attributionPercentage": 40,
        })
    );
    let partner = told["byPartner"].as_array().unwrap().iter().find(|row| row["partnerId"] == "partner-abc");
    let partner = partner.unwrap();
    assert_eq!(
        (&partner["partnerName"], &partner["totalCommission"]),
        (&json!("Alpine Partners"), &json!(60.0))
    );
    assert_eq!(partner["topChannels"], json!([{"channel": "paid_search", "count": 1, "revenue": 600.0}]));
    assert_eq!(
        told["trend"],
        json!([{"date": "2026-01-15", "conversions": 1, "revenue": 1500.0, "commission": 150.0}])
    );

    // How many touchpoints of a channel are a partner's, nobody counts.
    let of_partner = shop.get(&format!("{report}&partnerId=partner-abc")).await.data();
    assert_eq!(of_partner["byPartner"][0]["totalTouchpoints"], 1);
    let (channels, campaigns) = (&of_partner["byChannel"], &of_partner["byCampaign"]);
    assert_eq!((channels.as_array().unwrap().len(), &channels[0]["totalRevenue"]), (1, &json!(600.0)));
    for row in [&channels[0], &campaigns[0]] {
        assert_eq!((&row["totalTouchpoints"], &row["conversionRate"]), (&Value::Null, &Value::Null));
    }

    let (first, last) = (text(&saved[0]["id"]), text(&saved[2]["id"]));
    let dispute = json!({
        "attributionId": last, "disputeType": "partner", "reason": "Incorrect channel attribution",
        "evidence": {"originalSource": "partner_referral", "attributedChannel": "direct", "timestamps": []},
    });
    let dispute = shop.post_once(&format!("{API}/disputes"), dispute).await;
    assert_eq!(dispute.status, 201, "{}", dispute.text);
    let dispute = dispute.data();
    assert_eq!(attribution(&shop, &last).await["status"], "disputed");
    assert_eq!(shop.list(&format!("{API}/disputes?status=open")).await.len(), 1);
    // What is disputed stands still.
    let refused = put(&shop, &format!("attributions/{last}"), &json!({"status": "approved"})).await;
    assert_eq!(refused.refusal(), "409 ILLEGAL_MOVE");
    let resolution = json!({
        "status": "resolved", "resolution": "Adjusted attribution to correct channel", "resolvedBy": "admin-user",
        "reassign": {"partnerId": "partner-abc", "channel": "partner_referral"},
        "adjustments": [
            {"attributionId": first, "revenue": -100, "commission": -10},
            {"attributionId": last, "revenue": 100, "commission": 10},
        ],
    });
    let path = format!("disputes/{}/resolve", text(&dispute["id"]));
    let resolved = put(&shop, &path, &resolution).await.data();
    assert_eq!((&resolved["status"], &resolved["resolvedBy"]), (&json!("resolved"), &json!("admin-user")));
    let told = attribution(&shop, &last).await;
    assert_eq!((&told["channel"], &told["partnerId"]), (&json!("partner_referral"), &json!("partner-abc")));
    assert_eq!((&told["revenueAttributed"], &told["status"]), (&json!(700.0), &json!("calculated")));
    // The same again is the same; another end is refused, and moves nothing.
    assert_eq!(put(&shop, &path, &resolution).await.data(), resolved);
    let mut other = resolution.clone();
    other["adjustments"] =
        json!([{"attributionId": first, "revenue": -1}, {"attributionId": last, "revenue": 1}]);
    assert_eq!(put(&shop, &path, &other).await.refusal(), "409 ILLEGAL_MOVE");
    other["adjustments"] = resolution["adjustments"].clone();
    other["reassign"] = Value::Null;
    assert_eq!(put(&shop, &path, &other).await.refusal(), "409 ILLEGAL_MOVE");
    assert_eq!(attribution(&shop, &last).await["revenueAttributed"], 700.0);

    for status in ["approved", "paid"] {
        let moved = put(&shop, &format!("attributions/{last}"), &json!({"status": status})).await;
        assert_eq!(moved.data()["status"], status);
    }
    let paid = attribution(&shop, &last).await;
    assert_eq!((&paid["commissionPaid"], &paid["commissionOwed"]), (&json!(70.0), &json!(0.0)));
    let actions: Vec<Value> =
        shop.list("/v1/audit").await.into_iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(
        actions,
        [
            "attribution.status",
            "attribution.status",
            "dispute.status",
            "dispute.opened",
            "party.named",
            "settlement.calculated",
        ]
    );
}

#[tokio::test]
async fn a_calculation_takes_the_place_of_another_until_somebody_relies_on_it() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    settled(&shop, &conversion).await;
    let other = json!({"leadId": "lead-123", "model": "LINEAR", "conversionValue": 1500});
    let path = format!("{API}/calculate-and-save");
    let saved = shop.post(&path, other.clone()).await.data();
    assert_eq!((&saved["conversionId"], &saved["model"]), (&json!(conversion), &json!("linear")));
    assert_eq!(amounts(&shop).await, vec![(json!(500.0), json!(50.0)); 3]);
    let id = text(&saved["attributions"][0]["id"]);
    assert_eq!(put(&shop, &format!("attributions/{id}"), &json!({"status": "approved"})).await.status, 200);
    assert_eq!(shop.post(&path, other).await.status, 200, "the same changes nothing");
    let again = json!({"leadId": "lead-123", "model": "first_touch"});
    assert_eq!(shop.post(&path, again).await.refusal(), "409 CONVERSION_SETTLED");
    let later = json!({"leadId": "lead-123", "model": "linear", "occurredAt": "2026-01-15T10:31:00Z"});
    assert_eq!(shop.post(&path, later).await.refusal(), "400 VALIDATION_ERROR occurredAt");
    let change = put(&shop, &format!("conversions/{conversion}"), &json!({"value": 10})).await;
    assert_eq!(change.refusal(), "409 CONVERSION_SETTLED");
}

#[tokio::test]
async fn facts_are_set_right_and_withdrawn_as_long_as_nothing_is_settled() {
    let shop = new_tenant().await;
    let (ids, conversion) = lead_of_the_document(&shop).await;
    let change = json!({"channel": "display_ad", "partnerId": null, "timestamp": "2026-01-06T09:00:00Z"});
    let corrected = put(&shop, &format!("touchpoints/{}", ids[0]), &change).await.data();
    assert_eq!((&corrected["channel"], &corrected["partnerId"]), (&json!("display_ad"), &Value::Null));
    let removed = shop.send("DELETE", &format!("{API}/touchpoints/{}", ids[1]), &[], Vec::new()).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert_eq!(shop.get(&format!("{API}/touchpoints/{}", ids[1])).await.status, 404);
    assert_eq!(shop.get(&format!("/v1/interactions/{}", ids[1])).await.status, 404);
    let of_lead = format!("{API}/leads/lead-123/touchpoints");
    let list =
        shop.get_until(&of_lead, |answer| answer.body["data"].as_array().is_some_and(|all| all.len() == 2));
    let list = list.await.data();
    assert_eq!((&list[0]["id"], &list[1]["id"]), (&json!(ids[2]), &json!(ids[0])));
    let alone = put(&shop, &format!("conversions/{conversion}"), &json!({"value": 10})).await;
    assert_eq!(alone.refusal(), "400 VALIDATION_ERROR commissionAmount");
    let change = json!({"value": "1000.00", "commissionRate": 0.2, "type": "Sale"});
    let corrected = put(&shop, &format!("conversions/{conversion}"), &change).await.data();
    assert_eq!((&corrected["value"], &corrected["commissionAmount"]), (&json!(1000.0), &json!(200.0)));
    assert_eq!((&corrected["type"], &corrected["commissionRate"]), (&json!("sale"), &json!(0.2)));
    settled(&shop, &conversion).await;
    assert_eq!(amounts(&shop).await, vec![(json!(500.0), json!(100.0)); 2]);
    let shown = shop.get(&format!("{API}/conversions/ext:sale-1")).await.data();
    assert_eq!(shown["attributions"].as_array().unwrap().len(), 2);
    assert_eq!(shop.get("/v1/conversions/ext:sale-1").await.data()["event_type"], "purchase");
}

#[tokio::test]
async fn a_model_calculates_as_the_tenant_sets_it() {
    let shop = new_tenant().await;
    lead_of_the_document(&shop).await;
    let path = format!("{API}/attribution/models/position_based/config");
    let usual = shop.get(&path).await.data();
    assert_eq!(usual["config"]["positionWeights"], json!([0.4, 0.2, 0.4]));
    let config = json!({"model": "POSITION_BASED", "config": {
        "positionWeights": [0.5, 0.1, 0.4], "includeChannels": ["paid_search", "email", "direct"],
    }});
    assert_eq!(shop.post(&format!("{API}/attribution/models/config"), config).await.status, 200);
    assert_eq!(shop.get(&path).await.data()["config"]["positionWeights"], json!([0.5, 0.1, 0.4]));
    let asked = json!({"leadId": "lead-123", "model": "position_based", "conversionValue": 1000});
    let nobody = json!({"leadId": "nobody", "model": "linear", "conversionId": "cnv_x"});
    let batch = json!({"items": [asked, nobody, null, {"model": "linear"}]});
    let results = shop.post(&format!("{API}/attribution/batch"), batch).await.data();
    let shares = results["results"][0]["data"]["attributions"].as_array().unwrap();
    assert_eq!(shares.iter().map(|share| &share["revenue"]).collect::<Vec<_>>(), [500.0, 100.0, 400.0]);
    assert_eq!(results["results"][1]["status"], 400);
    assert_eq!(results["results"][1]["error"]["details"][0]["field"], "conversionId");
    // What is no calculation is refused by itself.
    assert_eq!(results["results"][2]["error"]["details"][0]["field"], "items[2]");
    assert_eq!(results["results"][3]["error"]["details"][0]["field"], "items[3].leadId");
}

#[tokio::test]
async fn a_lead_is_calculated_by_shares_of_single_touchpoints_and_by_what_made_it_one() {
    let shop = new_tenant().await;
    lead_of_the_document(&shop).await;
    let shares = async |model: &str| {
        let asked = json!({"leadId": "lead-123", "model": model, "conversionValue": 1000});
        let calculated = shop.post(&format!("{API}/attribution/calculate"), asked).await.data();
        let shares = calculated["attributions"].as_array().unwrap().iter();
        shares.map(|share| share["revenue"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(shares("custom").await, [400.0, 200.0, 400.0]);
    let weights = json!({"first": [0.1, 0.2], "last": [0.7]});
    let set = async |weights: Value| {
        let config = json!({"model": "custom", "config": {"customWeights": weights}});
        shop.post(&format!("{API}/attribution/models/config"), config).await
    };
    let told = set(weights).await.data();
    assert_eq!(told["config"]["customWeights"], json!({"first": [0.1, 0.2], "middle": 0, "last": [0.7]}));
    assert_eq!(shares("custom").await, [100.0, 200.0, 700.0]);
    assert_eq!(set(json!({"first": [0.5]})).await.refusal(), "400 VALIDATION_ERROR config.customWeights");
    // The lead's sale made nothing of it but a customer: then milestones are taken to lie evenly.
    assert_eq!(shares("w").await, [333.34, 333.33, 333.33]);
    let signup = json!({
        "external_event_id": "signup-1", "event_type": "signup", "event_source": "site", "amount_decimal": 0, "currency": "USD",
        "occurred_at": "2026-01-05T10:30:00Z", "customer_identifiers": [{"type": "lead_id", "value": "lead-123"}],
    });
    assert_eq!(shop.post("/v1/conversions", signup).await.status, 201);
    assert_eq!(shares("u").await, [800.0, 100.0, 100.0]);
}

#[tokio::test]
async fn attributions_are_paged_and_found_by_what_they_are() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    settled(&shop, &conversion).await;
    let ids = |list: Vec<Value>| list.iter().map(|one| text(&one["id"])).collect::<Vec<_>>();
    let all = ids(shop.list(&format!("{API}/attributions")).await);
    assert_eq!(all.len(), 3);
    for limit in 1..4 {
        assert_eq!(ids(shop.list(&format!("{API}/attributions?limit={limit}")).await), all, "{limit}");
        let of_lead = format!("{API}/attributions?limit={limit}&lead_id=lead-123");
        assert_eq!(ids(shop.list(&of_lead).await), all, "{limit}");
    }
    for (filter, expected) in [
        ("channel=email", &all[1..2]),
        ("partnerId=partner-abc", &all[..1]),
        ("brokerId=broker-7", &all[1..2]),
        ("status=Calculated", &all[..]),
        ("status=paid", &[]),
        ("startDate=2026-01-16", &[]),
        ("leadId=somebody", &[]),
        ("conversionId=ext:sale-1&channel=direct", &all[2..]),
    ] {
        assert_eq!(ids(shop.list(&format!("{API}/attributions?{filter}")).await), expected, "{filter}");
    }
}

#[tokio::test]
async fn what_is_settled_is_the_conversion_as_it_stands_however_close_it_was_set_right() {
    let shop = new_tenant().await;
    let (_, conversion) = lead_of_the_document(&shop).await;
    let mut settled = 0;
    for value in 1..=12 {
        let sale = json!({
            "leadId": "lead-123", "type": "sale", "value": 100, "currency": "USD", "externalId": format!("again-{value}"),
            "occurredAt": "2026-01-16T10:30:00Z",
        });
        let sale = text(&shop.post(&format!("{API}/conversions"), sale).await.data()["id"]);
        let save = json!({"leadId": "lead-123", "model": "linear", "conversionId": sale});
        let (path, change) = (format!("conversions/{sale}"), json!({"value": value}));
        let save_path = format!("{API}/calculate-and-save");
        let (saved, changed) = tokio::join!(shop.post(&save_path, save), put(&shop, &path, &change));
        assert!([200, 503].contains(&saved.status), "{}", saved.text);
        assert!([200, 409].contains(&changed.status), "{}", changed.text);
        let told = shop.get(&format!("{API}/conversions/{sale}")).await.data();
        let shares = told["attributions"].as_array().unwrap();
        let sum: f64 = shares.iter().map(|share| share["revenueAttributed"].as_f64().unwrap()).sum();
        assert!(shares.is_empty() || (sum - told["value"].as_f64().unwrap()).abs() < 0.001, "{told}");
        settled += usize::from(!shares.is_empty());
    }
    assert!(settled > 0, "nothing was settled beside {conversion}");
}

#[tokio::test]
async fn what_is_sent_again_without_a_time_is_what_was_stored() {
    let shop = new_tenant().await;
    for (path, body) in [
        ("touchpoints", json!({"leadId": "lead-123", "channel": "email", "externalId": "mail-1"})),
        ("conversions", json!({"leadId": "lead-123", "type": "sale", "value": 10, "externalId": "sale-1"})),
    ] {
        let path = format!("{API}/{path}");
        let first = shop.post(&path, body.clone()).await;
        assert_eq!(first.status, 201, "{}", first.text);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let again = shop.post(&path, body).await;
        assert_eq!((again.status, &again.body["data"]), (200, &first.body["data"]), "{}", again.text);
    }
}

#[tokio::test]
async fn a_touchpoint_that_ended_does_not_begin_afterwards() {
    let shop = new_tenant().await;
    let call = json!({
        "external_interaction_id": "call-1", "channel": "call", "started_at": "2026-03-02T10:00:00Z",
        "ended_at": "2026-03-02T10:05:00Z", "customer_identifiers": [{"type": "lead_id", "value": "lead-123"}],
    });
    assert_eq!(shop.post("/v1/interactions", call).await.status, 201);
    let late = json!({"timestamp": "2026-03-02T10:06:00Z"});
    let refused = put(&shop, "touchpoints/ext:api:call-1", &late).await;
    assert_eq!(refused.refusal(), "400 VALIDATION_ERROR timestamp");
    let touchpoint = shop.get(&format!("{API}/touchpoints/ext:api:call-1")).await.data();
    assert_eq!(touchpoint["timestamp"], "2026-03-02T10:00:00Z");
}
