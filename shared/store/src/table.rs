//! The verbs. Everything that reads or writes the table goes through here and is metered.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, ReturnValue, TransactWriteItem};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ahead::Ahead;
use crate::error::StoreError;
use crate::keys::{self, Key};
use crate::meter::{Meter, Way};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The single table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: Arc<str>,
    pub(crate) meter: Meter,
    /// Hours that this container has seen listed.
    pub(crate) listed_hours: Arc<Mutex<HashSet<String>>>,
    pub(crate) ahead: Ahead,
}

/// Which state of an item a read answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// The latest.
    Strong,
    /// The latest or an earlier one, at half the price: for who finds out by the write that follows, or writes what is
    /// there already.
    Eventual,
}

/// The condition under which a put takes place.
#[derive(Clone, Copy)]
pub(crate) enum Unless<'a> {
    Exists,
    /// The item's `rv` is another than this.
    Changed(u64),
    Never,
    /// A condition of its own, over values named in the item or given apart.
    Fails(&'a str, &'a [(&'a str, AttributeValue)]),
}

/// A range of one partition.
pub(crate) struct Range<'a> {
    pub(crate) index: Option<Index>,
    pub(crate) pk: String,
    pub(crate) sk: Sorted<'a>,
    pub(crate) newest_first: bool,
    pub(crate) limit: Option<usize>,
    /// The attributes that are read; None for all.
    pub(crate) only: Option<&'a [&'a str]>,
}

impl<'a> Range<'a> {
    /// Of the table, all of it, oldest first.
    pub(crate) const fn of(pk: String, sk: Sorted<'a>) -> Self {
        Self { index: None, pk, sk, newest_first: false, limit: None, only: None }
    }

    /// What begins so.
    pub(crate) const fn beginning(pk: String, prefix: &'a str) -> Self {
        Self::of(pk, Sorted::Prefix(prefix))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Index {
    Timeline,
    Hour,
}

/// Which sort keys are meant.
pub(crate) enum Sorted<'a> {
    Prefix(&'a str),
    /// Both ends included.
    Between(String, String),
}

impl Table {
    pub fn new(client: Client, name: &str) -> Self {
        let (meter, ahead) = (Meter::default(), Ahead::default());
        Self { client, name: name.into(), meter, listed_hours: Arc::default(), ahead }
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Reads one item, strongly consistent.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        if let Some(read_ahead) = self.ahead.take(key) {
            return read_ahead.map(read).transpose();
        }
        self.get_as(key, Consistency::Strong).await
    }

    pub(crate) async fn get_as<T: DeserializeOwned>(
        &self,
        key: &Key,
        consistency: Consistency,
    ) -> Result<Option<T>, StoreError> {
        if !key.is_possible() {
            return Ok(None);
        }
        let answer = self
            .client
            .get_item()
            .table_name(&*self.name)
            .set_key(Some(attributes(key)))
            .consistent_read(consistency == Consistency::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await
            .map_err(StoreError::of("GetItem"))?;
        self.meter.add(keys::part(&key.pk), Way::Read, answer.consumed_capacity());
        answer.item.map(read).transpose()
    }

    /// Puts an item; false if its condition forbade it.
    pub(crate) async fn put<T: Serialize>(&self, item: &T, unless: Unless<'_>) -> Result<bool, StoreError> {
        let item = written(item)?;
        let part = part_of(&item);
        let (condition, values) = unless.condition().unzip();
        let put = self
            .client
            .put_item()
            .table_name(&*self.name)
            .set_item(Some(item))
            .set_condition_expression(condition)
            .set_expression_attribute_values(values.filter(|values| !values.is_empty()))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        match put.send().await {
            Ok(answer) => {
                self.meter.add(part, Way::Write, answer.consumed_capacity());
                Ok(true)
            }
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(StoreError::of("PutItem")(error)),
        }
    }

    /// Puts all of these items or none; answers the place of the first that its condition forbade.
    pub(crate) async fn put_together(
        &self,
        puts: &[(Item, Unless<'_>)],
    ) -> Result<Option<usize>, StoreError> {
        let write = |(item, unless): &(Item, Unless<'_>)| {
            let (condition, values) = unless.condition().unzip();
            let put = Put::builder()
                .table_name(&*self.name)
                .set_item(Some(item.clone()))
                .set_condition_expression(condition)
                .set_expression_attribute_values(values.filter(|values| !values.is_empty()))
                .build();
            put.map(|put| TransactWriteItem::builder().put(put).build())
        };
        let writes: Vec<_> = puts
            .iter()
            .map(write)
            .collect::<Result<_, _>>()
            .map_err(StoreError::unbuildable("TransactWriteItems"))?;
        for attempt in 0.. {
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
            let error = match request.send().await {
                Ok(answer) => {
                    let part = puts.first().map_or("other", |(item, _)| part_of(item));
                    let consumed = answer.consumed_capacity().iter();
                    consumed.for_each(|units| self.meter.add(part, Way::Write, Some(units)));
                    return Ok(None);
                }
                Err(error) => error,
            };
            let reasons = error.as_service_error().map(forbidden);
            match reasons {
                Some(Forbidden::By(place)) => return Ok(Some(place)),
                Some(Forbidden::ByRivals) => {}
                Some(Forbidden::No) | None => return Err(StoreError::of("TransactWriteItems")(error)),
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended("TransactWriteItems".to_owned()))
    }

    /// Updates an item, creating it if need be; answers what the attributes are then that were named.
    pub(crate) async fn update<T: DeserializeOwned>(
        &self,
        key: &Key,
        expression: &str,
        values: &[(&str, AttributeValue)],
    ) -> Result<T, StoreError> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let answer = self
            .client
            .update_item()
            .table_name(&*self.name)
            .set_key(Some(attributes(key)))
            .update_expression(expression)
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
            .send()
            .await
            .map_err(StoreError::of("UpdateItem"))?;
        self.meter.add(keys::part(&key.pk), Way::Write, answer.consumed_capacity());
        read(answer.attributes.unwrap_or_default())
    }

    /// Deletes an item if the condition holds; that it does not, or that there is none, is no error.
    pub(crate) async fn delete(
        &self,
        key: &Key,
        condition: &str,
        (name, value): (&str, AttributeValue),
    ) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.name)
            .set_key(Some(attributes(key)))
            .condition_expression(condition)
            .expression_attribute_values(name, value)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        match delete.send().await {
            Ok(answer) => {
                self.meter.add(keys::part(&key.pk), Way::Write, answer.consumed_capacity());
                Ok(())
            }
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(StoreError::of("DeleteItem")(error)),
        }
    }

    /// Reads one page of a range: strongly consistent on the table, eventually on an index.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        range: &Range<'_>,
        after: Option<Item>,
    ) -> Result<(Vec<T>, Option<Item>), StoreError> {
        if range.pk.len() > keys::MOST_PARTITION_BYTES {
            return Ok((Vec::new(), None));
        }
        let (pk, sk) = match range.index {
            None => ("pk", "sk"),
            Some(Index::Timeline) => ("g1p", "g1s"),
            Some(Index::Hour) => ("g2p", "g2s"),
        };
        let query = self
            .client
            .query()
            .table_name(&*self.name)
            .set_index_name(range.index.map(|index| match index {
                Index::Timeline => "timeline".to_owned(),
                Index::Hour => "hour".to_owned(),
            }))
            .consistent_read(range.index.is_none())
            .scan_index_forward(!range.newest_first)
            .set_limit(range.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(after)
            .expression_attribute_names("#pk", pk)
            .expression_attribute_names("#sk", sk)
            .expression_attribute_values(":pk", AttributeValue::S(range.pk.clone()))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let query = match &range.sk {
            Sorted::Prefix(prefix) => query
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :from)")
                .expression_attribute_values(":from", AttributeValue::S((*prefix).to_owned())),
            Sorted::Between(from, to) => query
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", AttributeValue::S(from.clone()))
                .expression_attribute_values(":to", AttributeValue::S(to.clone())),
        };
        let query = match range.only {
            None => query,
            Some(only) => {
                let names: Vec<_> = (0..only.len()).map(|number| format!("#a{number}")).collect();
                let named = |query: QueryFluentBuilder, (name, attribute): (&String, &&str)| {
                    query.expression_attribute_names(name, *attribute)
                };
                names.iter().zip(only).fold(query.projection_expression(names.join(", ")), named)
            }
        };
        let answer = query.send().await.map_err(StoreError::of("Query"))?;
        self.meter.add(keys::part(&range.pk), Way::Read, answer.consumed_capacity());
        let items = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
        Ok((items, answer.last_evaluated_key))
    }

    /// Reads a whole range, or its first `limit` items.
    pub(crate) async fn query_all<T: DeserializeOwned>(
        &self,
        range: &Range<'_>,
    ) -> Result<Vec<T>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (items, next) = self.query(range, after).await?;
            all.extend(items);
            if next.is_none() || range.limit.is_some_and(|limit| all.len() >= limit) {
                return Ok(all);
            }
            after = next;
        }
    }
}

impl Unless<'_> {
    /// The condition, and the values in it; None for a put that always takes place.
    fn condition(self) -> Option<(String, Item)> {
        match self {
            Unless::Never => None,
            Unless::Exists => Some(("attribute_not_exists(pk)".to_owned(), Item::new())),
            Unless::Changed(seen) => {
                let seen = AttributeValue::N(seen.to_string());
                Some(("rv = :seen".to_owned(), Item::from([(":seen".to_owned(), seen)])))
            }
            Unless::Fails(condition, values) => {
                let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                Some((condition.to_owned(), values.collect()))
            }
        }
    }
}

/// Why a transaction did not take place.
enum Forbidden {
    /// By the condition of the write at this place.
    By(usize),
    /// Others were writing the same items.
    ByRivals,
    No,
}

fn forbidden(error: &TransactWriteItemsError) -> Forbidden {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return Forbidden::No;
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
    match codes.iter().position(|code| *code == "ConditionalCheckFailed") {
        Some(place) => Forbidden::By(place),
        None if codes.contains(&"TransactionConflict") => Forbidden::ByRivals,
        None => Forbidden::No,
    }
}

/// How often a write that lost a race, or a batch that was cut, is tried again before the caller is told.
const MOST_ATTEMPTS: u32 = 12;

/// Waits before another attempt, longer each time and never in step with a rival; None after the last.
pub(crate) async fn pause(attempt: u32) -> Option<()> {
    if attempt >= MOST_ATTEMPTS {
        return None;
    }
    let most = 4_u64 << attempt.min(7);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=most))).await;
    Some(())
}

pub(crate) fn attributes(key: &Key) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

pub(crate) fn written<T: Serialize>(item: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(item).map_err(|error| StoreError::Corrupt("to write".to_owned(), Box::new(error)))
}

pub(crate) fn part_of(item: &Item) -> &'static str {
    item.get("pk").and_then(|pk| pk.as_s().ok()).map_or("other", |pk| keys::part(pk))
}

pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt(pk, Box::new(error)))
}
