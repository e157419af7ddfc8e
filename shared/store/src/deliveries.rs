//! Deliveries that people must look at: signed but unreadable, or of a type we do not know.

use domain::ids::TenantId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Of a type that we do not handle (yet); it changes nothing.
    Unhandled,
    /// Signed, but not readable; it can be replayed once the reason is gone.
    Quarantined,
}

/// A delivery kept whole, with the reason it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub delivery_id: String,
    pub provider: String,
    pub state: DeliveryState,
    pub reason: String,
    pub received_at: Timestamp,
    /// The body as it came, in base64.
    pub body: String,
}

#[derive(Serialize, Deserialize)]
struct DeliveryItem {
    pk: String,
    sk: String,
    ttl: i64,
    #[serde(flatten)]
    delivery: Delivery,
}

impl Table {
    /// Keeps a delivery; keeping it again changes nothing.
    pub async fn keep_delivery(
        &self,
        tenant: &TenantId,
        delivery: &Delivery,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let key = keys::delivery(tenant, delivery.received_at, &delivery.delivery_id);
        let item = DeliveryItem { pk: key.pk, sk: key.sk, ttl: expires_at, delivery: delivery.clone() };
        self.put(&item, Unless::Exists).await?;
        Ok(())
    }

    /// The deliveries kept on a UTC day, `yyyymmdd`, newest first.
    pub async fn kept_deliveries(&self, tenant: &TenantId, day: &str) -> Result<Vec<Delivery>, StoreError> {
        let range = Range {
            index: None,
            pk: keys::deliveries(tenant, day),
            sk: Sorted::Between("0".to_owned(), "~".to_owned()),
            newest_first: true,
            limit: None,
            only: None,
        };
        let items: Vec<DeliveryItem> = self.query_all(&range).await?;
        Ok(items.into_iter().map(|item| item.delivery).collect())
    }
}
