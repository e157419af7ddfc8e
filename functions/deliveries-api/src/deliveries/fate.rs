//! What has become of an archived delivery, derived at each reading from what is stored now.
//!
//! Nothing keeps count: whatever crashed, and however often a delivery was tried, each delivery id has exactly one fate.

use std::collections::{BTreeMap, BTreeSet};

use api::{Access, ApiError};
use archive::{Listed, Outcome};
use domain::ids::FactId;
use schemars::JsonSchema;
use serde::Serialize;
use store::{DeliveryState, KeptDelivery, StoredInteraction, Tenant};

/// What has become of a delivery: of several tellings the greatest fate is the delivery's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryFate")]
pub(crate) enum Fate {
    /// All that it told has been told anew since.
    Stale,
    /// Another delivery told the same first.
    Duplicate,
    /// It is being worked on, or waits to be tried again.
    Pending,
    /// Something that it told stands in an interaction. One that names no customer stands there too, and belongs to
    /// nobody.
    Applied,
    /// Of a type of event that is not taken in: have its sender send one that is, or replay it once its type is known.
    Unhandled,
    /// Signed, but not readable. A replay reads the same bytes again, so first what reads them must change; or their
    /// sender mends them and sends them anew; or the call is told to `POST /v1/interactions` with its `source`.
    Quarantined,
    /// It could not be taken in, however often it was tried: replay it once the cause is gone.
    DeadLettered,
}

impl From<DeliveryState> for Fate {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Unhandled => Fate::Unhandled,
            DeliveryState::Quarantined => Fate::Quarantined,
            DeliveryState::DeadLettered => Fate::DeadLettered,
        }
    }
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied => Fate::Applied,
            Outcome::Duplicate => Fate::Duplicate,
            Outcome::Stale => Fate::Stale,
            Outcome::Pending => Fate::Pending,
        }
    }
}

impl Fate {
    pub(super) const ALL: [Fate; 7] = [
        Fate::Applied,
        Fate::Duplicate,
        Fate::Stale,
        Fate::Pending,
        Fate::Unhandled,
        Fate::Quarantined,
        Fate::DeadLettered,
    ];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Fate::Applied => "applied",
            Fate::Duplicate => "duplicate",
            Fate::Stale => "stale",
            Fate::Pending => "pending",
            Fate::Unhandled => DeliveryState::Unhandled.code(),
            Fate::Quarantined => DeliveryState::Quarantined.code(),
            Fate::DeadLettered => DeliveryState::DeadLettered.code(),
        }
    }

    /// Reads a code in any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.code().eq_ignore_ascii_case(text))
    }

    /// Why it changed nothing, where that is not told with the delivery.
    pub(super) const fn reason(self) -> Option<&'static str> {
        match self {
            Fate::Duplicate => Some("another delivery told the same before"),
            Fate::Stale => Some("all that it told has been told anew since"),
            Fate::Pending => {
                Some("it is still being worked on; if that fails, it is tried again within minutes")
            }
            Fate::Applied | Fate::Unhandled | Fate::Quarantined | Fate::DeadLettered => None,
        }
    }

    /// As what people must look at it, if they must.
    pub(super) fn kept(self) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| Fate::from(*state) == self)
    }
}

/// What the fates of some deliveries follow from.
pub(super) struct Fates {
    kept: BTreeMap<String, KeptDelivery>,
    interactions: BTreeMap<FactId, StoredInteraction>,
}

impl Fates {
    pub(super) async fn of(access: &Access, tenant: &Tenant, listed: &[Listed]) -> Result<Self, ApiError> {
        let now = access.clock.now();
        let places = listed.iter().map(|one| (one.received_at, one.delivery_id.as_str()));
        let kept = access.table.kept_deliveries(&tenant.id, places, now).await?;
        let told = listed.iter().filter(|one| !kept.contains_key(&one.delivery_id));
        let ids: BTreeSet<_> = told.flat_map(|one| &one.told).map(|told| told.interaction.clone()).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let found = access.table.interactions(tenant, &ids, now).await?;
        let interactions = found.into_iter().map(|stored| (stored.id.clone(), stored)).collect();
        Ok(Self { kept, interactions })
    }

    pub(super) fn kept(&self, delivery_id: &str) -> Option<&KeptDelivery> {
        self.kept.get(delivery_id)
    }

    pub(super) fn fate(&self, listed: &Listed) -> Fate {
        if let Some(kept) = self.kept(&listed.delivery_id) {
            return kept.state.into();
        }
        let fates = listed.told.iter().map(|telling| {
            let stored = self.interactions.get(&telling.interaction);
            stored.map_or(Fate::Pending, |stored| telling.outcome(stored, &listed.delivery_id).into())
        });
        fates.max().unwrap_or(Fate::Pending)
    }
}
