//! Batches: every entry gets what the single call would have answered.

use std::collections::BTreeSet;

use e2e::{Client, new_tenant};
use serde_json::{Value, json};

use super::{call, nothing_is_stored, order, with};

type Make = fn(&str) -> Value;

/// Both resources: where they are posted, one that is right, what it calls its id, and a field to spoil.
const RESOURCES: [(&str, Make, &str, &str); 2] = [
    ("/v1/interactions", call, "external_interaction_id", "channel"),
    ("/v1/conversions", order, "external_event_id", "currency"),
];

async fn post(shop: &Client, path: &str, items: Vec<Value>) -> Vec<Value> {
    let answer = shop.post(&format!("{path}/batch"), json!({"items": items})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.data()["results"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<u64> {
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], json!(index), "{result}");
    }
    results.iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

/// `VALIDATION_ERROR items[3].currency`
fn refusal(result: &Value) -> String {
    let details = result["error"]["details"].as_array().unwrap();
    let fields = details.iter().map(|problem| problem["field"].as_str().unwrap());
    let code = result["error"]["code"].as_str().unwrap();
    [code].into_iter().chain(fields).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn of_500_entries_three_bad_ones_are_named_and_497_are_stored() {
    for (path, make, id, field) in RESOURCES {
        let shop = new_tenant().await;
        let mut items: Vec<_> = (0..500).map(|n| make(&format!("entry-{n}"))).collect();
        items[0] = with(items[0].clone(), &format!("/{field}"), json!("no such"));
        items[250] = with(items[250].clone(), "/customer_identifiers/1/value", json!("nobody"));
        items[499] = with(items[499].clone(), "/colour", json!("red"));
        let results = post(&shop, path, items.clone()).await;
        assert_eq!(results.len(), 500);
        let bad = [
            (0, format!("VALIDATION_ERROR items[0].{field}")),
            (250, "VALIDATION_ERROR items[250].customer_identifiers[1].value".to_owned()),
            (499, "VALIDATION_ERROR items[499].colour".to_owned()),
        ];
        for (index, status) in statuses(&results).into_iter().enumerate() {
            match bad.iter().find(|(bad, _)| *bad == index) {
                Some((_, named)) => {
                    assert_eq!((status, refusal(&results[index])), (400, named.clone()));
                    assert!(results[index].get("id").is_none(), "{}", results[index]);
                }
                None => assert_eq!((status, results[index].get("error")), (201, None), "{index}"),
            }
        }
        let stored = shop.list(&format!("{path}?limit=200")).await;
        let names: BTreeSet<_> =
            stored.iter().map(|stored| stored[id].as_str().unwrap().to_owned()).collect();
        let expected = (0..500).filter(|n| ![0, 250, 499].contains(n)).map(|n| format!("entry-{n}"));
        assert_eq!((stored.len(), names), (497, expected.collect()));
        for (index, _) in bad {
            let answer = shop.get(&format!("{path}/ext:entry-{index}")).await;
            assert_eq!(answer.refusal(), "404 NOT_FOUND");
        }
        // An entry's id is the stored object's.
        let ours = format!("{path}/{}", results[7]["id"].as_str().unwrap());
        assert_eq!(shop.get(&ours).await.data()[id], "entry-7");
        // Sent again, nothing is new but what was corrected.
        items[250] = make("entry-250");
        let again = post(&shop, path, items).await;
        let expected: Vec<_> = (0..500)
            .map(|n| match n {
                0 | 499 => 400,
                250 => 201,
                _ => 200,
            })
            .collect();
        assert_eq!(statuses(&again), expected);
        assert_eq!(again[7]["id"], results[7]["id"]);
    }
}

#[tokio::test]
async fn entries_of_one_id_are_stored_in_their_order() {
    for (path, make, _, field) in RESOURCES {
        let shop = new_tenant().await;
        let other = |id: &str| with(make(id), &format!("/{field}"), json!("eur"));
        let entries =
            vec![make("same"), other("same"), make("new"), make("same"), other("new"), other("last")];
        let results = post(&shop, path, entries).await;
        assert_eq!(statuses(&results), [201, 409, 201, 200, 409, 201]);
        for index in [1, 4] {
            assert_eq!(refusal(&results[index]), format!("DUPLICATE_RESOURCE {field}"));
        }
        assert_eq!(results[0]["id"], results[3]["id"]);
        assert_eq!(shop.list(path).await.len(), 3);
    }
}

#[tokio::test]
async fn an_entry_that_is_no_object_does_not_keep_its_neighbours_out() {
    for (path, make, id, _) in RESOURCES {
        let shop = new_tenant().await;
        let items = vec![
            json!("text"),
            make("good-1"),
            Value::Null,
            json!([make("hidden")]),
            json!(7),
            make("good-2"),
            json!({}),
        ];
        let results = post(&shop, path, items).await;
        assert_eq!(statuses(&results), [400, 201, 400, 400, 400, 201, 400]);
        for index in [0, 2, 3, 4] {
            assert_eq!(refusal(&results[index]), format!("VALIDATION_ERROR items[{index}]"));
        }
        assert!(refusal(&results[6]).contains(&format!(" items[6].{id}")), "{}", results[6]);
        assert_eq!(shop.list(path).await.len(), 2);
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() {
    for (path, make, _, _) in RESOURCES {
        let shop = new_tenant().await;
        let small = |count: usize| -> Vec<Value> { vec![make("hostile-1"); count] };
        for (body, fields) in [
            (json!({}), "items"),
            (json!({"items": []}), "items"),
            (json!({"items": null}), "items"),
            (json!({"items": make("hostile-1")}), "items"),
            (json!({"items": small(501)}), "items"),
            (json!({"items": small(1), "mode": "fast"}), "mode"),
            (json!({"items": small(1), "tenant_id": "other"}), "tenant_id"),
            (make("hostile-1"), ""),
        ] {
            let answer = shop.post(&format!("{path}/batch"), body).await;
            let refusal = answer.refusal();
            assert!(refusal.starts_with(&format!("400 VALIDATION_ERROR {fields}")), "{refusal}");
        }
        nothing_is_stored(&shop, "hostile-1").await;
    }
}
