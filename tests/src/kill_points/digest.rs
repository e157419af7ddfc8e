//! Everything that can be read, without what depends on when it was told.

use serde_json::{Value, json};

use super::KillError;
use super::life::Life;
use super::story::run_of;

/// What differs from life to life: times of receipt, and ids that are minted.
const CHANGING: [&str; 8] = [
    "received_at",
    "updated_at",
    "created_at",
    "started_at_by_us",
    "completed_at",
    "run_id",
    "delivery_id",
    "as_of",
];

pub(super) async fn of(life: &mut Life) -> Result<String, KillError> {
    let mut all = Vec::new();
    for list in ["/v1/interactions", "/v1/conversions"] {
        all.extend(list_of(life, list).await?);
    }
    let customers = ["0", "1", "2", "3"]
        .map(|customer| format!("/v1/customers?identifier=email:c{customer}@example.com"));
    for customer in customers {
        all.extend(list_of(life, &customer).await?);
    }
    if let Some(mut run) = run_of(life).await? {
        let id = run["run_id"].as_str().unwrap_or_default().to_owned();
        if let Some(run) = run.as_object_mut() {
            run.remove("started_at");
        }
        all.push(run);
        for list in ["results", "unattributed"] {
            all.extend(list_of(life, &format!("/v1/attribution/runs/{id}/{list}")).await?);
        }
        for report in ["agents/revenue", "vendors/comparison", "intents/revenue"] {
            let path =
                format!("/v1/analytics/{report}?start_date=2026-03-01&end_date=2026-03-31&run_id={id}");
            all.push(life.get(&path).await?.body["data"].clone());
        }
    }
    all.iter_mut().for_each(forget);
    Ok(format!("{:#}", json!(all)))
}

/// The entries of a list, in an order of their own where its order is that of minted ids.
async fn list_of(life: &mut Life, path: &str) -> Result<Vec<Value>, KillError> {
    let join = if path.contains('?') { '&' } else { '?' };
    let answer = life.get(&format!("{path}{join}limit=200")).await?;
    Ok(answer.body["data"].as_array().cloned().unwrap_or_else(|| vec![json!(answer.text)]))
}

fn forget(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|name, _| !CHANGING.contains(&name.as_str()));
        object.values_mut().for_each(forget);
    } else if let Some(array) = value.as_array_mut() {
        array.iter_mut().for_each(forget);
    }
}

/// The first lines that differ.
pub(super) fn difference(expected: &str, found: &str) -> String {
    let lines = expected.lines().zip(found.lines()).filter(|(expected, found)| expected != found);
    let lines =
        lines.take(10).map(|(expected, found)| format!("{} should be {}", found.trim(), expected.trim()));
    let lines: Vec<_> = lines.collect();
    format!("{} lines for {}; {}", found.lines().count(), expected.lines().count(), lines.join("; "))
}
