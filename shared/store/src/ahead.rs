//! Facts read ahead, a hundred at a time, for a batch that will ask for them one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{FactId, TenantId};

use crate::keys::{self, Key};
use crate::table::{Consistency, Item, Table};

/// What was found at each key, if anything.
type Found = HashMap<Key, Option<Item>>;

/// What was there when it was read; nothing of what nobody read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ahead(Option<Arc<Mutex<Found>>>);

impl Ahead {
    /// What was read of this item, once.
    pub(crate) fn take(&self, key: &Key) -> Option<Option<Item>> {
        self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }
}

impl Table {
    /// The same table, with these facts read already.
    ///
    /// Whoever asks first for one of them is told what was there. Whoever asks again is told what is there by then, so
    /// that a write that lost a race sees the winner.
    #[must_use]
    pub async fn reading_ahead(&self, tenant: &TenantId, ids: &[FactId]) -> Self {
        let wanted: Vec<_> = ids.iter().map(|id| keys::fact(tenant, id)).collect();
        let items = match self.get_all(&wanted, Consistency::Strong).await {
            Ok(items) => items,
            Err(error) => {
                tracing::warn!(%error, "nothing was read ahead");
                return self.clone();
            }
        };
        let mut known: Found = wanted.into_iter().map(|key| (key, None)).collect();
        for item in items {
            let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
            let key = Key { pk: text("pk"), sk: text("sk") };
            known.insert(key, Some(item));
        }
        let mut table = self.clone();
        table.ahead = Ahead(Some(Arc::new(Mutex::new(known))));
        table
    }
}
