//! What the table bills, by kind of item: held against the budgets by a test, and a figure to log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Read and write units, write units of the indexes apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    pub reads: f64,
    pub writes: f64,
    pub index_writes: f64,
}

impl std::ops::AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.index_writes += other.index_writes;
    }
}

/// Sums of what was consumed; clones share the sums.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<&'static str, Units>>>);

/// Which way an operation consumes.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Read,
    Write,
}

impl Meter {
    pub(crate) fn add(&self, part: &'static str, way: Way, consumed: Option<&ConsumedCapacity>) {
        let Some(consumed) = consumed else { return };
        let total = consumed.capacity_units().unwrap_or_default();
        let units = match way {
            Way::Read => Units { reads: total, ..Units::default() },
            Way::Write => {
                let indexes = consumed.global_secondary_indexes().into_iter().flat_map(|all| all.values());
                let index_writes = indexes.filter_map(|index| index.capacity_units()).sum();
                Units { writes: total - index_writes, index_writes, ..Units::default() }
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(part).or_default() += units;
    }

    /// The sums since the last call, by kind of item.
    pub fn take(&self) -> BTreeMap<&'static str, Units> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} read, {:.1} write, {:.1} index write", self.reads, self.writes, self.index_writes)
    }
}
