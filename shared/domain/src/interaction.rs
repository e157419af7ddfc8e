//! An interaction, and how deliveries about it merge.
//!
//! Deliveries come late, twice, out of order and from several senders. What is kept is not their history but a
//! join: every fact remembers the [`Version`] it was told at, and of two tellings the greater version stands.
//! Because that is a maximum, [`Interaction::join`] is commutative, associative and idempotent: any order and
//! any grouping of the same deliveries ends in the same interaction.
//!
//! Facts are told in sections (the event that told them). Where several sections tell the same fact, the greatest
//! version among them is what a reader sees.

mod event;
mod facts;

pub use event::{CallEvent, Field, Section, Value, Version};
pub use facts::{Channel, Direction, NotAChannel, Status};

use std::collections::{BTreeMap, BTreeSet};

use crate::identifier::Identifier;
use crate::merged::Merged;

/// A fact as it was told last: `None` where it was taken back by an explicit null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub version: Version,
    pub value: Option<Value>,
}

/// What one kind of event told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionState {
    /// The greatest version of any event of this section, also of one that told no fact.
    pub version: Version,
    pub cells: BTreeMap<Field, Cell>,
}

/// What a telling has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of its time or later has been told yet.
    Unheard,
    /// It is what its section told last.
    Last(Section),
    /// Its section has told something since, but not about every fact.
    InPart,
    /// Whatever it told has been told anew since.
    Superseded,
}

/// No contact is longer than a week: what says so is mistaken.
pub const MOST_SECONDS: i64 = 604_800;

/// One contact with a customer on a channel, merged from what was delivered about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interaction {
    pub sections: BTreeMap<Section, SectionState>,
    /// Identifiers that were told once and have been corrected since.
    ///
    /// They stay part of what was observed together: whether a correction arrives before or after what it
    /// corrects must not decide who is linked to whom. A wrong link is undone by splitting the customer.
    pub superseded: BTreeSet<Identifier>,
}

impl Interaction {
    /// What is known after a single event.
    pub fn told_by(event: &CallEvent) -> Self {
        let version = event.version();
        let cells = event
            .facts
            .iter()
            .map(|(field, value)| (*field, Cell { version, value: value.clone() }))
            .collect();
        let sections = BTreeMap::from([(event.section, SectionState { version, cells })]);
        Self { sections, superseded: BTreeSet::new() }
    }

    /// Merges what `other` knows into `self`.
    pub fn join(&mut self, other: Interaction) {
        let mut observed = self.observed();
        observed.extend(other.observed());
        for (section, theirs) in other.sections {
            match self.sections.get_mut(&section) {
                Some(ours) => ours.join(section, theirs),
                None => {
                    self.sections.insert(section, theirs);
                }
            }
        }
        let current = self.told_identifiers();
        // The smallest few of all that was ever told, whatever came first: a sender that gives many people's calls
        // one id must not make an item, and its links, grow for ever.
        let remembered = observed.into_iter().take(MOST_OBSERVED);
        self.superseded = remembered.filter(|id| !current.contains(id)).collect();
    }

    /// Folds one event in. Late and repeated events change nothing they should not.
    pub fn fold(&mut self, event: &CallEvent) {
        self.join(Self::told_by(event));
    }

    /// Every identifier that was ever told: these were observed together.
    pub fn observed(&self) -> BTreeSet<Identifier> {
        let mut all = self.told_identifiers();
        all.extend(self.superseded.iter().cloned());
        all
    }

    /// What has become of what was told at `version`.
    pub fn standing(&self, version: Version) -> Standing {
        let section = version.section().and_then(|section| self.sections.get_key_value(&section));
        match section {
            Some((section, state)) if state.version == version => Standing::Last(*section),
            Some((_, state)) if state.version > version => {
                let stands = state.cells.values().any(|cell| cell.version == version);
                if stands { Standing::InPart } else { Standing::Superseded }
            }
            Some(_) | None => Standing::Unheard,
        }
    }

    /// Set right as `correction` says; None if that says that it ended before it began.
    pub fn corrected(&self, correction: &CallEvent) -> Option<Interaction> {
        let mut after = self.clone();
        after.fold(correction);
        let tells_times =
            [Field::StartedAt, Field::EndedAt].iter().any(|field| correction.facts.contains_key(field));
        let times = after.started_at().zip(after.ended_at());
        (!tells_times || times.is_none_or(|(start, end)| start <= end)).then_some(after)
    }

    /// Merges a report to our API into what the API was told before. Unlike a provider's, such a report may not
    /// take back or change what an earlier one said; identifiers are added to.
    pub fn posted(&self, report: &CallEvent) -> Merged<Interaction> {
        let told = self.sections.get(&report.section);
        let before = |field: &Field| told.and_then(|told| told.cells.get(field)?.value.as_ref());
        let (mut contradicted, mut added) = (Vec::new(), BTreeMap::new());
        for (field, value) in &report.facts {
            match (before(field), value) {
                (Some(old), Some(new)) if old == new => {}
                (Some(Value::List(old)), Some(Value::List(new)))
                    if facts::identifier_type(*field).is_some() =>
                {
                    if new.iter().any(|entry| !old.contains(entry)) {
                        added.insert(*field, value.clone());
                    }
                }
                (Some(_), _) => contradicted.push(field.name()),
                (None, value) => {
                    added.insert(*field, value.clone());
                }
            }
        }
        if !contradicted.is_empty() {
            return Merged::Contradicts(contradicted);
        }
        if added.is_empty() && told.is_some() {
            return Merged::Same;
        }
        let mut merged = self.clone();
        merged.fold(&CallEvent { facts: added, ..report.clone() });
        let told = merged.sections.get(&report.section).into_iter().flat_map(|section| &section.cells);
        let identifiers = told.flat_map(|(field, cell)| facts::identifiers_in(*field, cell.value.as_ref()));
        if identifiers.count() > MOST_IDENTIFIERS {
            return Merged::Contradicts(vec![Field::Phones.name()]);
        }
        Merged::Added(merged)
    }

    fn told_identifiers(&self) -> BTreeSet<Identifier> {
        let cells = self.sections.values().flat_map(|section| &section.cells);
        cells.flat_map(|(field, cell)| facts::identifiers_in(*field, cell.value.as_ref())).collect()
    }

    /// The fact as a reader sees it: told at the greatest version, by whatever section.
    pub fn fact(&self, field: Field) -> Option<&Value> {
        let cells = self.sections.values().filter_map(|section| section.cells.get(&field));
        cells.max_by(|a, b| a.cmp(b)).and_then(|cell| cell.value.as_ref())
    }
}

impl SectionState {
    fn join(&mut self, section: Section, other: SectionState) {
        self.version = self.version.max(other.version);
        for (field, theirs) in other.cells {
            let ours = self.cells.entry(field).or_insert_with(|| theirs.clone());
            // Reports to our API add identifiers and never take one back.
            let added = (section == Section::Api && facts::identifier_type(field).is_some())
                .then(|| union(ours.value.as_ref(), theirs.value.as_ref()));
            if theirs > *ours {
                *ours = theirs;
            }
            if let Some(all) = added {
                ours.value = all;
            }
        }
    }
}

/// The entries of both lists, once each and in order.
fn union(ours: Option<&Value>, theirs: Option<&Value>) -> Option<Value> {
    let entries = [ours, theirs].into_iter().flatten().flat_map(|value| match value {
        Value::List(entries) => entries.as_slice(),
        Value::Integer(_) | Value::Text(_) => &[],
    });
    let all: BTreeSet<&String> = entries.collect();
    (ours.is_some() || theirs.is_some()).then(|| Value::List(all.into_iter().cloned().collect()))
}

/// No more identifiers than this are remembered as observed about one interaction, beside those it has now.
const MOST_OBSERVED: usize = 20;

/// No more identifiers than this can be reported to our API about one fact.
pub const MOST_IDENTIFIERS: usize = 10;

#[cfg(test)]
mod tests;
