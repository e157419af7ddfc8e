//! Reading: a delivery by its id, and all of them, newest first.

use std::collections::BTreeMap;

use domain::ids::TenantId;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use store::{Page, Paging, Position};

use crate::keys::{self, Second};
use crate::{ABREAST, Archive, ArchiveError, Archived, Listed};

/// How many objects a page of the list may read before it ends early, for filters that match little.
const MOST_OBJECTS: usize = 400;

/// The objects of some seconds, newest first, and whether there are earlier ones.
struct Seconds {
    objects: Vec<(Second, Vec<String>)>,
    more: bool,
}

impl Archive {
    /// A delivery by its id, which tells in which second it was received.
    pub async fn find(&self, tenant: &TenantId, delivery_id: &str) -> Result<Option<Archived>, ArchiveError> {
        let Some(received_at) = Timestamp::of_minted("dlv", delivery_id) else { return Ok(None) };
        let prefix = keys::of_second(tenant, Second::of(received_at));
        let Seconds { objects, .. } = self.seconds(&prefix, prefix.clone()).await?;
        let keys: Vec<_> = objects.into_iter().flat_map(|(_, keys)| keys).collect();
        let all: Vec<Archived> = self.read(keys).await?;
        let mut found = all.into_iter().filter(|one| one.sealed.delivery_id == delivery_id);
        let first = found.next();
        Ok(first.map(|mut whole| {
            whole.told.extend(found.flat_map(|again| again.told));
            whole
        }))
    }

    /// A page of all deliveries as far as `keep` keeps them, newest first.
    pub async fn page(
        &self,
        tenant: &TenantId,
        paging: Paging<'_>,
        keep: impl Fn(&Listed) -> bool,
    ) -> Result<Page<Listed>, ArchiveError> {
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to).min(paging.span.to);
        let oldest = Second::of(paging.span.from);
        let mut after = keys::of_second(tenant, Second::of(newest));
        let (mut found, mut read) = (Vec::new(), 0);
        loop {
            let Seconds { objects, more } = self.seconds(&keys::of_tenant(tenant), after.clone()).await?;
            let listed = objects.len();
            let wanted: Vec<_> = objects.into_iter().take_while(|(second, _)| *second >= oldest).collect();
            let is_last = !more || wanted.len() < listed;
            let seconds = stream::iter(wanted).map(|(second, keys)| async move {
                let objects = keys.len();
                let all: Vec<Listed> = self.read(keys).await?;
                Ok::<_, ArchiveError>((second, objects, all))
            });
            let mut seconds = seconds.buffered(ABREAST);
            while let Some((second, objects, all)) = seconds.try_next().await? {
                let listed = newest_first(all).into_iter().filter(|one| within(paging, one) && keep(one));
                found.extend(listed);
                read += objects;
                if found.len() > paging.limit {
                    return Ok(page_of(found, paging.limit));
                }
                if read >= MOST_OBJECTS {
                    let next = Position::before(second.start());
                    return Ok(Page { items: found, next: Some(next) });
                }
                after = keys::after_second(tenant, second);
            }
            if is_last {
                return Ok(page_of(found, paging.limit));
            }
        }
    }

    /// Lists what begins so and stands after a key, as many whole seconds as one request tells of; all objects of a
    /// second that has more than that.
    async fn seconds(&self, prefix: &str, mut after: String) -> Result<Seconds, ArchiveError> {
        let mut objects: Vec<(Second, Vec<String>)> = Vec::new();
        loop {
            let list = self.client.list_objects_v2().bucket(&self.bucket);
            let list = list.prefix(prefix).start_after(&after);
            let answer = list.send().await.map_err(ArchiveError::of("ListObjectsV2"))?;
            let keys = answer.contents.into_iter().flatten().filter_map(|object| object.key);
            for key in keys {
                let Some(second) = keys::second(&key) else { continue };
                after.clone_from(&key);
                match objects.last_mut().filter(|(last, _)| *last == second) {
                    Some((_, keys)) => keys.push(key),
                    None => objects.push((second, vec![key])),
                }
            }
            if answer.is_truncated != Some(true) {
                return Ok(Seconds { objects, more: false });
            }
            if objects.len() > 1 {
                // The last second may not have been listed to its end.
                objects.pop();
                return Ok(Seconds { objects, more: true });
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, keys: Vec<String>) -> Result<Vec<T>, ArchiveError> {
        let objects = stream::iter(keys).map(|key| self.object(key)).buffered(ABREAST);
        Ok(objects.try_collect::<Vec<Vec<T>>>().await?.into_iter().flatten().collect())
    }

    async fn object<T: DeserializeOwned>(&self, key: String) -> Result<Vec<T>, ArchiveError> {
        let get = self.client.get_object().bucket(&self.bucket).key(&key);
        let answer = get.send().await.map_err(ArchiveError::of("GetObject"))?;
        let content = answer.body.collect().await.map_err(|error| ArchiveError::Failed {
            operation: "GetObject",
            reason: "the answer broke off".to_owned(),
            source: Box::new(error),
        })?;
        let content = content.into_bytes();
        let deliveries: Result<_, _> = serde_json::Deserializer::from_slice(&content).into_iter().collect();
        deliveries.map_err(|error| ArchiveError::Corrupt(key, error))
    }
}

fn position(listed: &Listed) -> Position {
    Position::of_delivery(listed.received_at, &listed.delivery_id)
}

fn within(paging: Paging<'_>, listed: &Listed) -> bool {
    let span = paging.span.from..=paging.span.to;
    span.contains(&listed.received_at) && paging.after.is_none_or(|after| position(listed) < *after)
}

/// Each delivery of a second once, with all that any of its objects knows it told.
fn newest_first(second: Vec<Listed>) -> Vec<Listed> {
    let mut once: BTreeMap<Position, Listed> = BTreeMap::new();
    for listed in second {
        match once.get_mut(&position(&listed)) {
            Some(known) => known.told.extend(listed.told),
            None => {
                once.insert(position(&listed), listed);
            }
        }
    }
    once.into_values().rev().collect()
}

fn page_of(mut found: Vec<Listed>, limit: usize) -> Page<Listed> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(position);
    Page { items: found, next }
}
