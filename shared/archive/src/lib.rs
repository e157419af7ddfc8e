//! Every delivery that was accepted, as it came, in S3. The only crate that knows the bucket.
//!
//! What one batch holds of a tenant's deliveries is one object per second in which they were received: newline-delimited
//! JSON, one delivery a line. Writing is the first thing that happens to a delivery behind the queue, so nothing is
//! applied without its raw form being kept. Each batch costs a PUT, duplicates too, since S3 has no cheaper way to find
//! out that they are; docs/cost.md tells what that comes to.
//!
//! A delivery that was tried again, or replayed, may be in several objects, but all of them are of its one second, which
//! its id tells: who reads a second reads it whole, and shows each delivery once.

mod error;
mod keys;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::Client;
use domain::ids::{ExternalId, FactId, TenantId};
use domain::interaction::{CallEvent, Section, Standing, Version};
use domain::time::Timestamp;
use futures::{StreamExt, stream};
use providers::{Provider, SealedDelivery};
use serde::{Deserialize, Serialize};
use store::{DeliveryState, KeptDelivery, StoredInteraction, Tenant};

pub use error::ArchiveError;
use keys::Second;

/// So many objects are read or written at once.
const ABREAST: usize = 8;

/// What a delivery told about one interaction, as it was read when it was taken in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Telling {
    pub interaction: FactId,
    pub version: Version,
}

/// What has become of something that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the interaction, at least in part.
    Applied,
    /// It stands there, told by another delivery first.
    Duplicate,
    /// All of it has been told anew since.
    Stale,
    /// It has not been taken in yet.
    Pending,
}

impl Telling {
    /// What this comes to in the interaction as it is stored now.
    pub fn outcome(&self, stored: &StoredInteraction, delivery_id: &str) -> Outcome {
        let is_anothers = |section: &Section| stored.told_by.get(section).is_some_and(|by| by != delivery_id);
        match stored.interaction.standing(self.version) {
            Standing::Last(section) if is_anothers(&section) => Outcome::Duplicate,
            Standing::Last(_) | Standing::InPart => Outcome::Applied,
            Standing::Superseded => Outcome::Stale,
            Standing::Unheard => Outcome::Pending,
        }
    }
}

/// A delivery as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Archived {
    #[serde(flatten)]
    pub sealed: SealedDelivery,
    /// Nothing if it could not be read, or is of a type that we do not handle.
    pub told: BTreeSet<Telling>,
    /// The interaction that it is about, as far as it says so, also if nothing else can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<FactId>,
}

/// The same without what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub delivery_id: String,
    pub provider: Provider,
    pub received_at: Timestamp,
    pub told: BTreeSet<Telling>,
    #[serde(default)]
    pub about: Option<FactId>,
}

impl Listed {
    /// Every interaction that it tells of, or would if it could be read.
    pub fn interactions(&self) -> impl Iterator<Item = &FactId> {
        self.told.iter().map(|told| &told.interaction).chain(&self.about)
    }
}

impl Archived {
    /// As people are shown it who must look at it.
    pub fn kept(&self, state: DeliveryState, reason: &str) -> KeptDelivery {
        KeptDelivery {
            delivery_id: self.sealed.delivery_id.clone(),
            provider: self.sealed.provider.code().to_owned(),
            state,
            reason: reason.to_owned(),
            interaction: self.about.clone(),
            received_at: self.sealed.received_at,
            replayed_at: self.sealed.replayed_at,
        }
    }

    /// A delivery, the call that it says it is about, and the events that it comes to.
    pub fn of(
        sealed: SealedDelivery,
        tenant: &Tenant,
        subject: Option<&ExternalId>,
        events: &[CallEvent],
    ) -> Self {
        let interaction = |id: &ExternalId| FactId::interaction(&tenant.id, sealed.provider.source(), id);
        let telling = |event: &CallEvent| Telling {
            interaction: interaction(&event.external_id),
            version: event.version(),
        };
        Self { told: events.iter().map(telling).collect(), about: subject.map(interaction), sealed }
    }

    pub fn listed(&self) -> Listed {
        let SealedDelivery { delivery_id, provider, received_at, .. } = self.sealed.clone();
        Listed { delivery_id, provider, received_at, told: self.told.clone(), about: self.about.clone() }
    }
}

/// The archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    bucket: String,
}

impl Archive {
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Keeps deliveries; answers the ids of those that could not be kept and must come again.
    pub async fn keep(&self, deliveries: Vec<Archived>) -> BTreeSet<String> {
        let writes = stream::iter(objects(deliveries)).map(|((tenant, second), lines)| async move {
            let ids: Vec<String> = lines.keys().cloned().collect();
            let kept = self.write(&tenant, second, lines.into_values().collect()).await;
            kept.map_err(|error| (tenant, error, ids))
        });
        let mut writes = writes.buffer_unordered(ABREAST);
        let mut failed = BTreeSet::new();
        while let Some(written) = writes.next().await {
            if let Err((tenant, error, ids)) = written {
                tracing::error!(%tenant, deliveries = ids.len(), %error, "deliveries were not archived");
                failed.extend(ids);
            }
        }
        failed
    }

    async fn write(
        &self,
        tenant: &TenantId,
        second: Second,
        deliveries: Vec<Archived>,
    ) -> Result<(), ArchiveError> {
        let mut content = Vec::new();
        for delivery in &deliveries {
            let unwritable = |error| ArchiveError::Corrupt(keys::of_second(tenant, second), error);
            serde_json::to_writer(&mut content, delivery).map_err(unwritable)?;
            content.push(b'\n');
        }
        let put = self.client.put_object().bucket(&self.bucket);
        let put = put.key(keys::object(tenant, second, &content)).content_type("application/x-ndjson");
        put.body(content.into()).send().await.map_err(ArchiveError::of("PutObject"))?;
        Ok(())
    }
}

/// What belongs into one object; a delivery that a batch holds twice is kept once.
fn objects(deliveries: Vec<Archived>) -> BTreeMap<(TenantId, Second), BTreeMap<String, Archived>> {
    let mut objects: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for mut delivery in deliveries {
        // That it was sent again is the message's, and not the delivery's.
        delivery.sealed.replayed_at = None;
        let place = (delivery.sealed.tenant.clone(), Second::of(delivery.sealed.received_at));
        objects.entry(place).or_default().insert(delivery.sealed.delivery_id.clone(), delivery);
    }
    objects
}
