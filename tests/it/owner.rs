//! A tenant with one of everything, for tests that ask every operation.

use std::collections::BTreeMap;

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

/// Stands in everything the owner stores, and must stand in nothing a stranger reads.
pub(crate) const CANARY: &str = "canary";

const AT: &str = "2026-03-02T10:00:00Z";

pub(crate) fn known_as() -> Value {
    json!([{"type": "email", "value": "canary@example.com"}, {"type": "phone", "value": "+14155550123"}])
}

pub(crate) fn call() -> Value {
    json!({
        "external_interaction_id": "call-1", "channel": "canary", "started_at": AT, "agent_id": "canary-agent",
        "vendor_code": "canary-vendor", "customer_identifiers": known_as(), "raw_metadata": {"note": "canary"},
    })
}

pub(crate) fn order() -> Value {
    json!({
        "external_event_id": "order-1", "event_type": "canary", "event_source": "canary", "amount_decimal": 10,
        "currency": "USD", "occurred_at": AT, "customer_identifiers": known_as(),
    })
}

pub(crate) fn touchpoint() -> Value {
    json!({
        "leadId": "canary-lead", "channel": "email", "timestamp": AT, "externalId": "touchpoint-1", "campaign": "canary",
        "partnerId": "canary-partner", "brokerId": "canary-broker",
    })
}

pub(crate) fn policy() -> Value {
    json!({
        "leadId": "canary-lead", "type": "policy_bound", "value": 10, "currency": "USD", "occurredAt": AT,
        "externalId": "policy-1", "policyNumber": "canary",
    })
}

/// What stands in paths and is everybody's.
pub(crate) const CLOSED: [&str; 1] = ["model"];

pub(crate) struct Owner {
    pub(crate) shop: Client,
    /// What stands in paths, by the names of their parameters.
    ids: BTreeMap<&'static str, String>,
    /// Every name that something of the owner's has in a path.
    pub(crate) names: Vec<String>,
    pub(crate) members: Vec<String>,
}

impl Owner {
    /// The id of the owner's for a parameter of a path.
    pub(crate) fn id(&self, parameter: &str) -> String {
        let id = self.ids.get(parameter);
        id.unwrap_or_else(|| panic!("give the owner something for {parameter}")).clone()
    }

    /// A touchpoint that nothing else is said of.
    pub(crate) async fn another_touchpoint(&self) -> String {
        let touchpoint = json!({"leadId": "canary-lead", "channel": "email", "timestamp": AT});
        let stored = self.shop.post("/api/v1/attribution/touchpoints", touchpoint).await.data();
        stored["id"].as_str().unwrap_or_default().to_owned()
    }

    /// What must be asked for at a path to be shown something.
    pub(crate) fn query(&self, path: &str) -> String {
        match path {
            "/v1/customers" => "?identifier=email:canary@example.com".to_owned(),
            "/v1/attribution/compare" | "/v1/attribution/diff" => {
                format!("?run_ids={0},{0}", self.id("run_id"))
            }
            _ => String::new(),
        }
    }
}

pub(crate) async fn owner() -> Owner {
    let shop = new_tenant().await;
    let call = shop.post("/v1/interactions", call()).await.data();
    let order = shop.post("/v1/conversions", order()).await.data();
    let run = shop.run("LINEAR", json!({})).await;
    assert_eq!(run["conversions_processed"], 1, "{run}");
    let customer = shop.list("/v1/customers?identifier=email:canary@example.com").await.remove(0);
    let members = customer["members"].as_array().unwrap().iter();
    let members: Vec<_> = members.map(|member| member["member_id"].as_str().unwrap().to_owned()).collect();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let touchpoint = shop.post("/api/v1/attribution/touchpoints", touchpoint()).await.data();
    let policy = shop.post("/api/v1/attribution/conversions", policy()).await.data();
    let saved = json!({"leadId": "canary-lead", "model": "linear", "conversionId": policy["id"]});
    let saved = shop.post("/api/v1/attribution/calculate-and-save", saved).await.data();
    let attribution = &saved["attributions"][0]["id"];
    let dispute = json!({"attributionId": attribution, "disputeType": "canary", "reason": "canary"});
    let dispute = shop.post_once("/api/v1/attribution/disputes", dispute).await.data();
    let schedule = json!({"name": "canary", "model_code": "LINEAR", "every": "day", "at": "03:30"});
    let schedule = shop.post("/v1/attribution/schedules", schedule).await.data();
    let unreadable = shop.deliver("convin", r#"{"event_type":"canary","data":"canary"}"#).await.data();
    shop.get_until("/v1/webhooks/deliveries", |answer| answer.body["data"] != json!([])).await;
    let ids = BTreeMap::from([
        ("interaction_id", text(&call["interaction_id"])),
        ("conversion_id", text(&order["conversion_event_id"])),
        ("customer_id", text(&customer["customer_id"])),
        ("run_id", text(&run["run_id"])),
        ("schedule_id", text(&schedule["schedule_id"])),
        ("delivery_id", text(&unreadable["delivery_id"])),
        ("touchpoint_id", text(&touchpoint["id"])),
        ("attribution_id", text(attribution)),
        ("dispute_id", text(&dispute["id"])),
        ("lead_id", "canary-lead".to_owned()),
        ("model", "linear".to_owned()),
        ("provider", "convin".to_owned()),
        ("tenant", shop.tenant.tenant_id.clone()),
    ]);
    let others = ["ext:call-1", "ext:api:call-1", "ext:order-1", "canary-agent"].map(str::to_owned);
    let mut names: Vec<_> =
        others.into_iter().chain(members.clone()).chain([text(&call["vendor_id"])]).collect();
    names.push("linear".to_owned());
    names.extend(ids.iter().filter(|(name, _)| name.ends_with("_id")).map(|(_, id)| id.clone()));
    Owner { shop, ids, names, members }
}
