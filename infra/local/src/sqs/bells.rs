//! One bell per queue, rung when a waiting poll should look again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(super) struct Bells(Arc<RwLock<HashMap<String, Arc<Notify>>>>);

impl Bells {
    /// Hangs the bell of a queue; one that hangs already stays, since polls may be waiting at it.
    pub(super) fn hang(&self, queue: &str) {
        let mut bells = self.0.write().unwrap_or_else(PoisonError::into_inner);
        bells.entry(queue.to_owned()).or_default();
    }

    pub(super) fn of(&self, queue: &str) -> Option<Arc<Notify>> {
        let bells = self.0.read().unwrap_or_else(PoisonError::into_inner);
        bells.get(queue).cloned()
    }

    pub(super) fn ring(&self, queues: &BTreeSet<String>) {
        let bells = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for bell in queues.iter().filter_map(|queue| bells.get(queue)) {
            bell.notify_waiters();
        }
    }
}
