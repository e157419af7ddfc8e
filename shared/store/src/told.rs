//! What a tenant tells our API of an interaction: reports, which only add, and corrections, which set right.

use std::collections::BTreeMap;

use domain::interaction::{CallEvent, Field, Interaction, Section, Value};
use domain::merged::Merged;
use domain::time::Timestamp;

use crate::error::StoreError;
use crate::interactions::{About, StoredInteraction};
use crate::recorded::Recorded;
use crate::table::Table;
use crate::tenants::Tenant;

impl Table {
    /// Stores a report to our API, or merges it into what is stored.
    pub async fn record_interaction(
        &self,
        tenant: &Tenant,
        about: &About,
        report: &CallEvent,
        now: Timestamp,
    ) -> Result<Recorded<StoredInteraction>, StoreError> {
        let decide = |before: &Interaction| match before.posted(report) {
            _ if before.is_withdrawn() => (before.clone(), Recorded::Contradicts(vec!["withdrawn"])),
            Merged::Added(merged) if before.sections.is_empty() => (merged, Recorded::Created(())),
            Merged::Added(merged) => (merged, Recorded::Added(())),
            Merged::Same => (before.clone(), Recorded::Same(())),
            Merged::Contradicts(fields) => (before.clone(), Recorded::Contradicts(fields)),
        };
        let (stored, outcome) = self.merge_interaction(tenant, about, now, decide).await?;
        Ok(match outcome {
            Recorded::Created(()) => Recorded::Created(stored),
            Recorded::Added(()) => Recorded::Added(stored),
            Recorded::Same(()) => Recorded::Same(stored),
            Recorded::Contradicts(fields) => Recorded::Contradicts(fields),
        })
    }

    /// Sets an interaction right: a telling like any other, told now, which stands until somebody tells something newer. None
    /// if it would end before it began; then nothing is changed.
    pub async fn correct_interaction(
        &self,
        tenant: &Tenant,
        about: &About,
        facts: BTreeMap<Field, Option<Value>>,
        now: Timestamp,
    ) -> Result<Option<StoredInteraction>, StoreError> {
        let external_id = about.external_id.clone();
        let correction = CallEvent { external_id, section: Section::Corrected, time: now, facts };
        let correct = |before: &Interaction| match before.corrected(&correction) {
            Some(after) => (after, true),
            None => (before.clone(), false),
        };
        let (stored, is_possible) = self.merge_interaction(tenant, about, now, correct).await?;
        Ok(Some(stored).filter(|_| is_possible))
    }
}
