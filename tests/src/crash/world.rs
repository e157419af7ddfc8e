//! What all senders and readers share: the tenants, what was counted, and what was found to be wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::{Answer, Client};

use super::ledger::{Ledger, Shop};

/// Beyond this many, further violations are counted and not kept.
const MOST_KEPT: usize = 100;

/// As much of a violation as a person reads.
const MOST_CHARACTERS: usize = 600;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub(super) struct World {
    pub(super) shops: [Arc<Shop>; 2],
    counts: Mutex<BTreeMap<&'static str, u64>>,
    violations: Mutex<(Vec<String>, u64)>,
}

/// There was no answer: the server died before it gave one, or gave up on giving one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unheard;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            shops: ["demo", "acme"].map(|tenant| Arc::new(Shop::new(tenant, seed))),
            counts: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    pub(super) fn count(&self, what: &'static str, by: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what).or_default() += u64::try_from(by).unwrap_or(u64::MAX);
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the system broke a promise.
    pub(super) fn violated(&self, what: String) {
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        violations.1 += 1;
        if violations.0.len() < MOST_KEPT {
            violations.0.push(what.chars().take(MOST_CHARACTERS).collect());
        }
    }

    /// Those that were kept, and how many there were.
    pub(super) fn violations(&self) -> (Vec<String>, u64) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One tenant's line to one life of the server.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) world: Arc<World>,
    pub(super) shop: Arc<Shop>,
    pub(super) client: Client,
}

impl Line {
    /// One for each tenant that the server knows.
    pub(super) fn all(world: &Arc<World>, clients: &[Client]) -> Vec<Line> {
        let line = |shop: &Arc<Shop>| {
            let client = clients.iter().find(|client| client.tenant.tenant_id == shop.tenant)?.clone();
            Some(Line { world: Arc::clone(world), shop: Arc::clone(shop), client })
        };
        world.shops.iter().filter_map(line).collect()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shop.ledger()
    }

    pub(super) fn violated(&self, what: &str) {
        self.world.violated(format!("{}: {what}", self.shop.tenant));
    }

    /// Asks once. A failure of the server's is no answer either: what became of the request is unknown.
    pub(super) async fn ask(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Option<Answer>, Unheard> {
        let asked = self.client.try_send(method, path, headers, body);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) if answer.status >= 500 => {
                self.world.count("answers with a status of 5xx", 1);
                Ok(None)
            }
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(_)) => Err(Unheard),
            Err(_) => {
                self.violated(&format!("{method} {path} was not answered within {PATIENCE:?}"));
                Err(Unheard)
            }
        }
    }

    /// Has the tenant's dead-lettered deliveries read again.
    pub(super) async fn redrive(&self) -> Result<(), Unheard> {
        let path = "/v1/webhooks/deliveries/redrive";
        while self.ask(("POST", path), &[], Vec::new()).await?.is_none() {}
        Ok(())
    }

    /// Reads until there is an answer that is not the server's failure, or the server is gone.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Unheard> {
        for _ in 0..20 {
            if let Some(answer) = self.ask(("GET", path), &[], Vec::new()).await? {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.violated(&format!("GET {path} answers 5xx again and again"));
        Err(Unheard)
    }

    /// Every entry of a list, page after page; `path` has a query.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, Unheard> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.get(&format!("{path}&cursor={cursor}")).await?;
            let Some(items) = answer.body["data"].as_array() else {
                self.violated(&format!("{path} answered {} {}", answer.status, answer.text));
                return Ok(all);
            };
            all.extend(items.iter().cloned());
            match answer.body["meta"]["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return Ok(all),
            }
        }
    }
}
