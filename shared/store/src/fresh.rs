//! What a container may remember for a minute.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use domain::time::{MINUTE_MS, Timestamp};

/// How long settings, secrets and keys are believed: a change is in force everywhere after this long.
const FRESH_MS: i64 = MINUTE_MS;

/// Beyond this many entries all are forgotten, so that made-up names cannot fill the memory.
const MOST: usize = 10_000;

/// A small cache of which every entry is forgotten after [`FRESH_MS`].
#[derive(Debug)]
pub struct Fresh<K, V>(Mutex<HashMap<K, (Timestamp, V)>>);

impl<K, V> Default for Fresh<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Fresh<K, V> {
    /// What is remembered under `key`, and since when.
    pub fn get(&self, key: &K, now: Timestamp) -> Option<(Timestamp, V)> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(since, _)| now.since(*since) < FRESH_MS).cloned()
    }

    pub fn put(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.clear();
        }
        entries.insert(key, (now, value));
    }
}
