//! The table and its indexes.

use super::node::Node;
use super::{Index, Key, Table, TemplateError};

pub(super) fn read(name: &str, properties: &Node<'_>) -> Result<Table, TemplateError> {
    properties.only(&[
        "AttributeDefinitions",
        "BillingMode",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "StreamSpecification",
        "TimeToLiveSpecification",
    ])?;
    for attribute in properties.required("AttributeDefinitions")?.items()? {
        let kind = attribute.required("AttributeType")?;
        if kind.text()? != "S" {
            return Err(kind.wrong("S, as all our keys are"));
        }
    }
    let text = |section: &str, name: &str| {
        let section = properties.field(section);
        section.map(|section| section.required(name)?.text()).transpose()
    };
    let indexes = match properties.field("GlobalSecondaryIndexes") {
        Some(indexes) => indexes.items()?.iter().map(read_index).collect(),
        None => Ok(Vec::new()),
    };
    Ok(Table {
        name: properties.physical_name(name)?,
        key: read_key(&properties.required("KeySchema")?)?,
        indexes: indexes?,
        expires_by: text("TimeToLiveSpecification", "AttributeName")?,
        stream: text("StreamSpecification", "StreamViewType")?,
    })
}

fn read_key(schema: &Node<'_>) -> Result<Key, TemplateError> {
    let parts = schema.items()?;
    let [partition, sort] = parts.as_slice() else {
        return Err(schema.wrong("a partition key and a sort key"));
    };
    for (part, kind) in [(partition, "HASH"), (sort, "RANGE")] {
        if part.required("KeyType")?.text()? != kind {
            return Err(part.wrong("HASH first, then RANGE"));
        }
    }
    Ok(Key {
        partition: partition.required("AttributeName")?.text()?,
        sort: sort.required("AttributeName")?.text()?,
    })
}

fn read_index(index: &Node<'_>) -> Result<Index, TemplateError> {
    index.only(&["IndexName", "KeySchema", "Projection"])?;
    let projection = index.required("Projection")?;
    projection.only(&["ProjectionType", "NonKeyAttributes"])?;
    let kind = projection.required("ProjectionType")?;
    if kind.text()? != "INCLUDE" {
        return Err(kind.wrong("INCLUDE"));
    }
    let includes = projection.required("NonKeyAttributes")?.items()?;
    Ok(Index {
        name: index.required("IndexName")?.text()?,
        key: read_key(&index.required("KeySchema")?)?,
        includes: includes.iter().map(Node::text).collect::<Result<_, _>>()?,
    })
}
