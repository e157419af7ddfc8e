//! What one tenant's senders sent, and what of it was acknowledged: the truth that the stack is held against.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::call::Call;
use super::script::Script;

/// A moment on the senders' own clock, which only tells what came before what.
pub(super) type Tick = u64;

/// A fact that is reported through the API: an interaction or a conversion.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// What the tenant calls it.
    pub(super) external_id: String,
    /// None for those who never had a contact.
    pub(super) customer: Option<usize>,
    pub(super) at_s: i64,
    pub(super) body: Value,
    /// What must be read back.
    pub(super) expected: Value,
    pub(super) first_sent: Option<Tick>,
    pub(super) acknowledged: Option<Tick>,
    /// What CRAE calls it.
    pub(super) id: Option<String>,
    /// Of a conversion: the amount in minor units and its currency.
    pub(super) amount: Option<(i64, &'static str)>,
}

/// A run that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: String,
    /// Only conversions of this type; None for all.
    pub(super) event_type: Option<&'static str>,
    /// Before the first request to execute it was sent.
    pub(super) first_executed: Option<Tick>,
    /// After the first answer that it is executed: from then on its cutoff stands.
    pub(super) accepted: Option<Tick>,
    /// It was asked to execute while it ran, which changes nothing.
    pub(super) asked_again: bool,
    /// As it was when it was first seen completed; it must stay so.
    pub(super) completed: Option<Value>,
    /// It ended otherwise, which was noted.
    pub(super) failed: bool,
    /// A digest of its credits when they were first read; they must stay so.
    pub(super) digest: Option<String>,
}

/// One thing to send. Numbers are places in the ledger.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Delivery {
        call: usize,
        event: usize,
    },
    Interaction(usize),
    Conversion(usize),
    Interactions(Vec<usize>),
    /// `spoiled`: with one more entry that must be refused.
    Conversions {
        entries: Vec<usize>,
        spoiled: bool,
    },
}

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) script: Script,
    pub(super) calls: Vec<Call>,
    pub(super) interactions: Vec<Report>,
    pub(super) conversions: Vec<Report>,
    pub(super) runs: Vec<Asked>,
    /// How many runs were asked for without an answer: they may exist, and nobody knows their id.
    pub(super) runs_unanswered: usize,
    /// Sent without an answer, or not sent yet; a sender sends it again.
    pub(super) unanswered: VecDeque<Work>,
}

/// One tenant as its senders know it.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) tenant: &'static str,
    ledger: Mutex<Ledger>,
    ticks: AtomicU64,
    /// Whether a run was running when it was last looked at.
    pub(super) running: AtomicBool,
}

impl Shop {
    pub(super) fn new(tenant: &'static str, seed: u64) -> Self {
        let ledger = Ledger {
            script: Script::new(tenant, seed),
            calls: Vec::new(),
            interactions: Vec::new(),
            conversions: Vec::new(),
            runs: Vec::new(),
            runs_unanswered: 0,
            unanswered: VecDeque::new(),
        };
        Self { tenant, ledger: Mutex::new(ledger), ticks: AtomicU64::new(1), running: AtomicBool::new(false) }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Later calls answer later ticks.
    pub(super) fn tick(&self) -> Tick {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }
}

impl Ledger {
    /// What to send next: first what got no answer.
    pub(super) fn next_work(&mut self) -> Work {
        match self.unanswered.pop_front() {
            Some(work) => work,
            None => self.new_work(),
        }
    }

    /// The runs that are not known to be over.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (usize, &Asked)> {
        self.runs.iter().enumerate().filter(|(_, run)| run.completed.is_none() && !run.failed)
    }
}
