//! Reading and writing many items, in as few requests as that takes.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::{self, Key};
use crate::meter::Way;
use crate::table::{Consistency, Item, Table, attributes, part_of, pause, read, written};

/// DynamoDB takes no more in one request.
const MOST_READ_AT_ONCE: usize = 100;
const MOST_WRITTEN_AT_ONCE: usize = 25;

/// How many requests of one batch are under way at a time.
const REQUESTS_ABREAST: usize = 4;

impl Table {
    /// Reads many items, strongly consistent, in no order; what is not there is left out.
    pub(crate) async fn get_many<T: DeserializeOwned>(&self, keys: &[Key]) -> Result<Vec<T>, StoreError> {
        self.get_all(keys, Consistency::Strong).await?.into_iter().map(read).collect()
    }

    /// As [`Table::get_many`], as they are stored.
    pub(crate) async fn get_all(
        &self,
        keys: &[Key],
        consistency: Consistency,
    ) -> Result<Vec<Item>, StoreError> {
        // A request that names a key twice is refused whole.
        let keys: BTreeSet<Key> = keys.iter().filter(|key| key.is_possible()).cloned().collect();
        let keys: Vec<Key> = keys.into_iter().collect();
        let chunks = keys.chunks(MOST_READ_AT_ONCE).map(|chunk| self.get_chunk(chunk, consistency));
        let chunks: Vec<_> = chunks.collect();
        stream::iter(chunks).buffer_unordered(REQUESTS_ABREAST).try_concat().await
    }

    async fn get_chunk(&self, keys: &[Key], consistency: Consistency) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        let mut wanted: Vec<Item> = keys.iter().map(attributes).collect();
        let part = keys.first().map_or("other", |key| keys::part(&key.pk));
        for attempt in 0.. {
            let strongly = consistency == Consistency::Strong;
            let request =
                KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(strongly).build();
            let answer = self
                .client
                .batch_get_item()
                .request_items(&*self.name, request.map_err(StoreError::unbuildable("BatchGetItem"))?)
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                .send()
                .await
                .map_err(StoreError::of("BatchGetItem"))?;
            let consumed = answer.consumed_capacity().iter();
            consumed.for_each(|units| self.meter.add(part, Way::Read, Some(units)));
            found.extend(answer.responses.and_then(|mut all| all.remove(&*self.name)).into_iter().flatten());
            let left = answer.unprocessed_keys.and_then(|mut all| all.remove(&*self.name));
            wanted = left.map(|left| left.keys).unwrap_or_default();
            if wanted.is_empty() {
                break;
            }
            pause(attempt).await.ok_or_else(|| StoreError::Contended("BatchGetItem".to_owned()))?;
        }
        Ok(found)
    }

    /// Puts many items without conditions, in no order.
    pub(crate) async fn put_many<T: Serialize>(&self, items: &[T]) -> Result<(), StoreError> {
        let chunks: Vec<_> = items.chunks(MOST_WRITTEN_AT_ONCE).map(|chunk| self.put_chunk(chunk)).collect();
        stream::iter(chunks).buffer_unordered(REQUESTS_ABREAST).try_collect().await
    }

    async fn put_chunk<T: Serialize>(&self, items: &[T]) -> Result<(), StoreError> {
        let mut part = "other";
        let put = |item: &T| {
            let item = written(item)?;
            part = part_of(&item);
            let put = PutRequest::builder().set_item(Some(item)).build();
            let put = put.map_err(StoreError::unbuildable("BatchWriteItem"))?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let mut requests: Vec<_> = items.iter().map(put).collect::<Result<_, StoreError>>()?;
        for attempt in 0.. {
            let answer = self
                .client
                .batch_write_item()
                .request_items(&*self.name, requests)
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
                .send()
                .await
                .map_err(StoreError::of("BatchWriteItem"))?;
            let consumed = answer.consumed_capacity().iter();
            consumed.for_each(|units| self.meter.add(part, Way::Write, Some(units)));
            requests =
                answer.unprocessed_items.and_then(|mut all| all.remove(&*self.name)).unwrap_or_default();
            if requests.is_empty() {
                break;
            }
            pause(attempt).await.ok_or_else(|| StoreError::Contended("BatchWriteItem".to_owned()))?;
        }
        Ok(())
    }
}
