//! The table as the template lays it out.

use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::DynamoDbError;
use crate::template::{Key, Table};

/// Creates the table, or checks that the one that exists is laid out the same.
pub(super) fn create(database: &Database, table: &Table) -> Result<(), DynamoDbError> {
    let wanted = describe(table);
    let name = json!({ "TableName": table.name });
    let found = request(name).and_then(|request| database.describe_table(request));
    match found {
        Ok(found) => {
            let found = serde_json::to_value(found.table).unwrap_or_default();
            if layout(&found) != layout(&wanted) {
                return Err(DynamoDbError::OtherLayout);
            }
        }
        Err(DynoxideError::ResourceNotFoundException(_)) => {
            let created = request(wanted).and_then(|request| database.create_table(request));
            created.map_err(DynamoDbError::Table)?;
        }
        Err(error) => return Err(DynamoDbError::Table(error)),
    }
    expire(database, table).map_err(DynamoDbError::Table)
}

/// Says which attribute tells when an item expires; saying so again is refused, so it is asked before.
fn expire(database: &Database, table: &Table) -> Result<(), DynoxideError> {
    let Some(attribute) = &table.expires_by else {
        return Ok(());
    };
    let told = database.describe_time_to_live(request(json!({ "TableName": table.name }))?)?;
    let told = serde_json::to_value(told).unwrap_or_default();
    if told.pointer("/TimeToLiveDescription/AttributeName") == Some(&json!(attribute)) {
        return Ok(());
    }
    let specification = json!({ "AttributeName": attribute, "Enabled": true });
    let update = json!({ "TableName": table.name, "TimeToLiveSpecification": specification });
    database.update_time_to_live(request(update)?)?;
    Ok(())
}

pub(super) fn request<R: DeserializeOwned>(json: Value) -> Result<R, DynoxideError> {
    serde_json::from_value(json).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

/// The request that creates the table.
fn describe(table: &Table) -> Value {
    let keys = [&table.key].into_iter().chain(table.indexes.iter().map(|index| &index.key));
    let attributes = keys.flat_map(|key| [&key.partition, &key.sort]);
    let attributes = attributes.map(|name| json!({ "AttributeName": name, "AttributeType": "S" }));
    let indexes = table.indexes.iter().map(|index| {
        json!({
            "IndexName": index.name,
            "KeySchema": schema(&index.key),
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": index.includes },
        })
    });
    let stream = table.stream.as_ref().map(|view| json!({ "StreamEnabled": true, "StreamViewType": view }));
    json!({
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema(&table.key),
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
        "StreamSpecification": stream,
    })
}

fn schema(key: &Key) -> Value {
    json!([
        { "AttributeName": key.partition, "KeyType": "HASH" },
        { "AttributeName": key.sort, "KeyType": "RANGE" },
    ])
}

/// What must be the same for code and data to fit: the keys, the indexes by name with theirs, and the stream.
fn layout(table: &Value) -> Vec<[&Value; 3]> {
    let indexes = table["GlobalSecondaryIndexes"].as_array();
    let mut layout: Vec<_> = indexes
        .into_iter()
        .flatten()
        .map(|index| [&index["IndexName"], &index["KeySchema"], &index["Projection"]])
        .collect();
    layout.sort_by_key(|[name, ..]| name.as_str().map(str::to_owned));
    layout.push([&Value::Null, &table["KeySchema"], &table["StreamSpecification"]]);
    layout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{EMBEDDED, Template};

    fn table() -> Table {
        Template::read(EMBEDDED, &std::collections::BTreeMap::new()).unwrap().table
    }

    #[test]
    fn the_table_is_created_once_and_found_again() {
        let database = Database::memory().unwrap();
        create(&database, &table()).unwrap();
        create(&database, &table()).unwrap();
        assert_eq!(database.table_count().unwrap(), 1);
    }

    #[test]
    fn a_table_of_another_layout_is_refused() {
        let database = Database::memory().unwrap();
        create(&database, &table()).unwrap();
        let mut other = table();
        other.indexes[0].includes.push("extra".to_owned());
        assert!(matches!(create(&database, &other), Err(DynamoDbError::OtherLayout)));
        let mut fewer = table();
        fewer.indexes.pop();
        assert!(matches!(create(&database, &fewer), Err(DynamoDbError::OtherLayout)));
    }
}
