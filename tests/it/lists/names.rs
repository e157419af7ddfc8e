//! What outside systems call things: `ext:` in paths, `?external_id=`, `?identifier=`.

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

use super::{call, column, order, store};

const ANN: &str = "ann@example.com";
const AT: &str = "2026-03-02T10:00:00Z";

/// A query value with everything encoded that could mean something else.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn id_at(shop: &Client, path: &str) -> Value {
    shop.get(path).await.data()["interaction_id"].clone()
}

#[tokio::test]
async fn an_external_id_means_one_interaction_of_each_source() {
    let shop = new_tenant().await;
    let of = |source: &str| {
        let mut call = call("call-1", ANN, AT);
        call["source"] = json!(source);
        call
    };
    let convins = shop.post("/v1/interactions", of("convin")).await.data()["interaction_id"].clone();
    assert_eq!(id_at(&shop, "/v1/interactions/ext:call-1").await, convins);
    let ours = shop.post("/v1/interactions", of("api")).await.data()["interaction_id"].clone();
    assert_ne!(ours, convins);
    assert_eq!(shop.get("/v1/interactions/ext:call-1").await.refusal(), "409 AMBIGUOUS_ID");
    assert_eq!(id_at(&shop, "/v1/interactions/ext:convin:call-1").await, convins);
    assert_eq!(id_at(&shop, "/v1/interactions/ext:API:call-1").await, ours);
    assert_eq!(shop.get("/v1/interactions/ext:telephony:call-1").await.refusal(), "404 NOT_FOUND");
    for (query, sources) in
        [("", vec!["api", "convin"]), ("&source=convin", vec!["convin"]), ("&source=telephony", Vec::new())]
    {
        let found = shop.list(&format!("/v1/interactions?external_id=call-1{query}")).await;
        assert_eq!(column(&found, "source"), sources, "{query}");
    }
    assert!(shop.list("/v1/conversions?external_id=call-1").await.is_empty());
}

#[tokio::test]
async fn external_ids_of_any_printable_characters_are_found() {
    let shop = new_tenant().await;
    let ids = [
        "a/b",
        "a?b",
        "a#b",
        "a%b",
        "a%2Fb",
        "100%",
        "a b",
        "a+b",
        "a&b=c",
        "a:b",
        "ext:a",
        "a\\b",
        "..",
        "../a",
        "a\"b'",
        "é–λ🎉",
        "*",
        "~",
        "a;b,c",
        "{id}",
        "call-1",
        "CALL-1",
        "1",
    ];
    store(&shop, "/v1/interactions", ids.map(|id| call(id, ANN, AT)).to_vec()).await;
    store(&shop, "/v1/conversions", ids.map(|id| order(id, ANN, AT)).to_vec()).await;
    for id in ids {
        for (list, name) in
            [("/v1/interactions", "external_interaction_id"), ("/v1/conversions", "external_event_id")]
        {
            let found = shop.list(&format!("{list}?external_id={}", encoded(id))).await;
            assert_eq!(column(&found, name), [id], "{list}");
            // The gateway decodes paths, so that these four mean something else there.
            if !id.contains(['/', '?', '%']) {
                let found = shop.get(&format!("{list}/ext:{}", encoded(id))).await;
                assert_eq!(found.data()[name], id, "{list}");
            }
        }
    }
}

#[tokio::test]
async fn a_customer_is_found_by_any_identifier_in_any_writing() {
    let shop = new_tenant().await;
    let mut known = call("call-1", ANN, AT);
    known["customer_identifiers"] = json!([
        {"type": "phone", "value": "+14155550123"}, {"type": "email", "value": ANN},
        {"type": "lead_id", "value": "lead 7/8"}, {"type": "customer_id", "value": "C-1"},
    ]);
    let customer = shop.post("/v1/interactions", known).await.data()["customer_id"].clone();
    for identifier in [
        "phone:+14155550123",
        "phone:%2B14155550123",
        "phone:%2B1%20(415)%20555-0123",
        "phone:4155550123",
        "PHONE:+14155550123",
        "email:ann@example.com",
        "email:%20Ann%40EXAMPLE.com",
        "lead_id:lead%207%2F8",
        "customer_id:C-1",
    ] {
        let found = shop.list(&format!("/v1/customers?identifier={identifier}")).await;
        assert_eq!(
            found.iter().map(|found| &found["customer_id"]).collect::<Vec<_>>(),
            [&customer],
            "{identifier}"
        );
    }
    assert_eq!(shop.get("/v1/customers/ext:C-1").await.data()["customer_id"], customer);
    for nobody in ["phone:+14155550124", "email:bob@example.com", "lead_id:C-1", "customer_id:c-1"] {
        assert!(shop.list(&format!("/v1/customers?identifier={nobody}")).await.is_empty(), "{nobody}");
    }
    assert_eq!(shop.get("/v1/customers/ext:lead%207").await.refusal(), "404 NOT_FOUND");
}
