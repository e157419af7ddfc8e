//! Rollups: interactions counted by bucket, so that reports need not read every one of them.
//!
//! A rollup is a pure function of the facts in its bucket and is always made anew from all of them. Nothing is added
//! to it or taken away, so it cannot drift: a fact that comes twice, late, or moves to another hour is counted once,
//! where it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dimension::Dimension;
use crate::ids::{FactKind, TenantId};
use crate::interaction::{Field, Interaction};
use crate::time::{Hour, Timestamp};

/// The facts of one kind that began in one local hour, as far as they are of one shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket {
    pub tenant: TenantId,
    pub kind: FactKind,
    pub hour: Hour,
    pub shard: u32,
}

/// A message: count a bucket anew.
///
/// It waits for longer than the indexes lag, so that they hold every change that was known when it was sent. All wait
/// equally long: a change may be left to one that waits already, since no count is taken to know of that one's changes
/// before it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recount {
    #[serde(flatten)]
    pub bucket: Bucket,
    /// How often the bucket had changed when this was sent.
    pub changes: u64,
}

/// What is counted of the interactions that share a value of a dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(rename = "n")]
    pub interactions: u64,
    /// Calls among them whose duration is known.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub timed_calls: u64,
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub call_seconds: u64,
    /// Those whose purchase probability is known.
    #[serde(rename = "q", default, skip_serializing_if = "is_zero")]
    pub rated: u64,
    /// Its sum, in billionths.
    #[serde(rename = "p", default, skip_serializing_if = "is_zero")]
    pub probability_ppb: u64,
    /// When the newest began, and in which team.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<(Timestamp, Option<String>)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Tally {
    /// None for an interaction whose start nobody reported: it did not happen yet.
    fn of(interaction: &Interaction) -> Option<Self> {
        let started_at = interaction.started_at()?;
        let team = interaction.text(Field::TeamId);
        let mut tally =
            Self { interactions: 1, newest: Some((started_at, team.map(str::to_owned))), ..Self::default() };
        let seconds = interaction.duration_seconds().and_then(|seconds| u64::try_from(seconds).ok());
        if let Some(seconds) = seconds.filter(|_| interaction.channel() == "call") {
            (tally.timed_calls, tally.call_seconds) = (1, seconds);
        }
        if let Some(ppb) = interaction.purchase_probability_ppb() {
            (tally.rated, tally.probability_ppb) = (1, ppb);
        }
        Some(tally)
    }

    pub fn add(&mut self, other: &Tally) {
        self.interactions += other.interactions;
        self.timed_calls += other.timed_calls;
        self.call_seconds += other.call_seconds;
        self.rated += other.rated;
        self.probability_ppb += other.probability_ppb;
        self.newest = self.newest.take().max(other.newest.clone());
    }
}

/// Tallies by dimension and value; no value is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies(pub BTreeMap<Dimension, BTreeMap<String, Tally>>);

impl Tallies {
    /// What is counted. Conversions are not: money comes from runs.
    pub const KIND: FactKind = FactKind::Interaction;

    /// What reports have rows by. The whole is the sum of any dimension's rows.
    pub const DIMENSIONS: [Dimension; 7] = [
        Dimension::Agent,
        Dimension::Vendor,
        Dimension::Channel,
        Dimension::Intent,
        Dimension::Campaign,
        Dimension::Partner,
        Dimension::Broker,
    ];

    pub fn of<'a>(interactions: impl IntoIterator<Item = &'a Interaction>) -> Self {
        let mut tallies = Self::default();
        for interaction in interactions {
            let Some(tally) = Tally::of(interaction) else { continue };
            for dimension in Self::DIMENSIONS {
                let value = dimension.value(interaction).unwrap_or_default().to_owned();
                tallies.add(dimension, value, &tally);
            }
        }
        tallies
    }

    pub fn add(&mut self, dimension: Dimension, value: String, tally: &Tally) {
        self.0.entry(dimension).or_default().entry(value).or_default().add(tally);
    }

    pub fn merge(&mut self, other: &Tallies) {
        for (dimension, rows) in &other.0 {
            rows.iter().for_each(|(value, tally)| self.add(*dimension, value.clone(), tally));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ExternalId;
    use crate::interaction::{CallEvent, Section, Value};

    fn told(facts: &[(Field, Value)]) -> Interaction {
        let facts = facts.iter().cloned().map(|(field, value)| (field, Some(value)));
        Interaction::told_by(&CallEvent {
            external_id: ExternalId::parse("call-1").unwrap(),
            section: Section::Started,
            time: Timestamp::from_ms(1_705_314_600_000),
            facts: facts.collect(),
        })
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn an_interaction_counts_in_one_row_of_every_dimension() {
        let by_ann = told(&[
            (Field::AgentId, text("ann")),
            (Field::TeamId, text("red")),
            (Field::DurationSeconds, Value::Integer(90)),
            (Field::PurchaseProbability, text("0.75")),
        ]);
        let e_mail = told(&[
            (Field::AgentId, text("ann")),
            (Field::Channel, text("email")),
            (Field::DurationSeconds, Value::Integer(10)),
            (Field::PrimaryIntent, text("refund")),
        ]);
        let tallies = Tallies::of([&by_ann, &e_mail]);
        let ann = &tallies.0[&Dimension::Agent]["ann"];
        assert_eq!((ann.interactions, ann.timed_calls, ann.call_seconds), (2, 1, 90));
        assert_eq!((ann.rated, ann.probability_ppb), (1, 750_000_000));
        assert_eq!(tallies.0[&Dimension::Vendor][""].interactions, 2);
        assert_eq!(tallies.0[&Dimension::Intent]["refund"].interactions, 1);
        assert_eq!(tallies.0[&Dimension::Intent][""].interactions, 1);
    }

    #[test]
    fn tallies_of_parts_add_up_to_those_of_the_whole() {
        let all: Vec<_> =
            ["ann", "bob", "ann", "eve"].map(|agent| told(&[(Field::AgentId, text(agent))])).into();
        let mut merged = Tallies::of(&all[..1]);
        merged.merge(&Tallies::of(&all[1..]));
        assert_eq!(merged, Tallies::of(&all));
    }

    #[test]
    fn what_has_not_begun_is_not_counted() {
        assert_eq!(Tallies::of([&Interaction::default()]), Tallies::default());
    }
}
