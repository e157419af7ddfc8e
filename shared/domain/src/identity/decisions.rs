//! What hands have decided: two identifiers are one person's, or are not.
//!
//! Of each pair the latest decision stands. Two identifiers that stand apart are never of one customer, whatever was
//! observed or will be. What remains is joined as far as that allows: first what hands have put together, oldest first;
//! then what was observed of identifiers that nobody split off; then what was observed of those. So an identifier that
//! is split off takes with it what hangs on it alone, and nothing depends on when anything was told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Customer, Limits, NodeId, Shape, in_order};
use crate::time::Timestamp;

/// Whether two identifiers are one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    Together,
    Apart,
}

impl Ruling {
    pub const fn code(self) -> &'static str {
        match self {
            Ruling::Together => "merge",
            Ruling::Apart => "split",
        }
    }
}

/// One pair of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub at: Timestamp,
    pub decision_id: String,
    pub ruling: Ruling,
    /// The identifier that named the customer.
    pub customer: NodeId,
    /// The other one: of a split, what was split off.
    pub other: NodeId,
}

/// What stands of the decisions about some nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions(BTreeMap<(NodeId, NodeId), Decided>);

impl Decisions {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last of them was made.
    pub fn latest(&self) -> Option<Timestamp> {
        self.0.values().map(|decided| decided.at).max()
    }

    /// Takes in a decision, unless a later one about the same pair is known: by time, then by id.
    pub fn hear(&mut self, decided: Decided) {
        let pair = in_order(decided.customer.clone(), decided.other.clone());
        let standing = self.0.get(&pair);
        if standing.is_none_or(|known| (known.at, &known.decision_id) < (decided.at, &decided.decision_id)) {
            self.0.insert(pair, decided);
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        others.0.into_values().for_each(|decided| self.hear(decided));
    }

    fn standing(&self, ruling: Ruling) -> impl Iterator<Item = &Decided> {
        self.0.values().filter(move |decided| decided.ruling == ruling)
    }

    /// Whom hands have put together with a node.
    pub(super) fn partners<'a>(&'a self, node: &'a NodeId) -> impl Iterator<Item = &'a NodeId> {
        self.standing(Ruling::Together).filter_map(move |decided| match decided {
            Decided { customer, other, .. } if customer == node => Some(other),
            Decided { customer, other, .. } if other == node => Some(customer),
            Decided { .. } => None,
        })
    }

    /// Whether these two stand apart.
    pub fn are_apart(&self, a: &NodeId, b: &NodeId) -> bool {
        let decided = self.0.get(&in_order(a.clone(), b.clone()));
        decided.is_some_and(|decided| decided.ruling == Ruling::Apart)
    }

    /// Whether the node was split off from anybody, and that stands.
    pub fn is_split_off(&self, node: &NodeId) -> bool {
        self.standing(Ruling::Apart).any(|decided| decided.other == *node)
    }

    /// Those of `found` that are one customer with `start`.
    pub(super) fn part_of(
        &self,
        start: &NodeId,
        found: &BTreeSet<NodeId>,
        observed: &BTreeSet<(NodeId, NodeId)>,
    ) -> BTreeSet<NodeId> {
        let apart: Vec<_> =
            self.standing(Ruling::Apart).map(|decided| (&decided.customer, &decided.other)).collect();
        let here = |(a, b): &(&NodeId, &NodeId)| found.contains(*a) && found.contains(*b);
        if !apart.iter().any(here) {
            return found.clone();
        }
        let split_off: BTreeSet<&NodeId> = apart.iter().map(|(_, other)| *other).collect();
        let mut by_hand: Vec<_> = self.standing(Ruling::Together).collect();
        by_hand.sort_by_key(|decided| (decided.at, &decided.decision_id, &decided.customer, &decided.other));
        let by_hand = by_hand.into_iter().map(|decided| (&decided.customer, &decided.other));
        let mut observed: Vec<_> = observed.iter().map(|(a, b)| (a, b)).collect();
        observed.sort_by_key(|(a, b)| {
            (usize::from(split_off.contains(a)) + usize::from(split_off.contains(b)), *a, *b)
        });
        let mut parts = Parts::of(found);
        for (a, b) in by_hand.chain(observed).filter(here) {
            parts.join(a, b, &apart);
        }
        let part = parts.0[start];
        parts.0.into_iter().filter(|(_, of)| *of == part).map(|(node, _)| node.clone()).collect()
    }
}

/// Which part each node is in.
struct Parts<'a>(BTreeMap<&'a NodeId, usize>);

impl<'a> Parts<'a> {
    fn of(nodes: &'a BTreeSet<NodeId>) -> Self {
        Self(nodes.iter().enumerate().map(|(part, node)| (node, part)).collect())
    }

    /// Joins the parts of two nodes, unless that would put together what stands apart.
    fn join(&mut self, a: &NodeId, b: &NodeId, apart: &[(&NodeId, &NodeId)]) {
        let (a, b) = (self.0[a], self.0[b]);
        let forbids = |(x, y): &(&NodeId, &NodeId)| {
            let parts = self.0.get(x).zip(self.0.get(y));
            parts.is_some_and(|(x, y)| (*x, *y) == (a, b) || (*x, *y) == (b, a))
        };
        if a != b && !apart.iter().any(forbids) {
            self.0.values_mut().filter(|part| **part == b).for_each(|part| *part = a);
        }
    }
}

/// Why two customers are not made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefused {
    #[error("too many people use one of these identifiers, so it can belong to no single customer")]
    Shared,
    #[error("one of these identifiers stands among too many to be one person's")]
    Dissolved,
    #[error("together they would have more than {0} identifiers, too many to be one person's")]
    TooLarge(usize),
    #[error("they were split {0} times; no more than {MOST_PAIRS} splits can be undone at once")]
    TooManySplits(usize),
}

/// As many pairs as one transaction of the table holds in both directions.
const MOST_PAIRS: usize = 50;

/// The pairs to be decided `Together`, so that the customers of two named nodes become one: those two, and whoever of
/// the one stands apart from whoever of the other. None if they are one already.
pub fn pairs_to_merge(
    (named, of): (&NodeId, &Customer),
    (other, of_other): (&NodeId, &Customer),
) -> Result<BTreeSet<(NodeId, NodeId)>, MergeRefused> {
    for shape in [of.shape, of_other.shape] {
        match shape {
            Shape::Whole => {}
            Shape::Shared => return Err(MergeRefused::Shared),
            Shape::Dissolved => return Err(MergeRefused::Dissolved),
        }
    }
    if of.members.contains(other) {
        return Ok(BTreeSet::new());
    }
    // All that one walk would find, parts that were split off included.
    let together = of.component.union(&of_other.component).count();
    if together > Limits::MEMBERS {
        return Err(MergeRefused::TooLarge(Limits::MEMBERS));
    }
    let mut pairs = BTreeSet::from([(named.clone(), other.clone())]);
    let decisions = [&of.decisions, &of_other.decisions];
    for decided in decisions.into_iter().flat_map(|decisions| decisions.standing(Ruling::Apart)) {
        for (a, b) in [(&decided.customer, &decided.other), (&decided.other, &decided.customer)] {
            if of.members.contains(a) && of_other.members.contains(b) {
                pairs.insert((a.clone(), b.clone()));
            }
        }
    }
    if pairs.len() > MOST_PAIRS { Err(MergeRefused::TooManySplits(pairs.len() - 1)) } else { Ok(pairs) }
}

/// Why an identifier is not split off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitRefused {
    #[error("is not of this customer")]
    NotOfCustomer,
    #[error("is the only identifier of this customer")]
    Only,
}

/// The pair to be decided `Apart`, so that `off` leaves the customer of `named`: None if it has left already.
///
/// A customer may be named by the very identifier that leaves: then its smallest other one stands for it.
pub fn pair_to_split(
    named: &NodeId,
    customer: &Customer,
    off: &NodeId,
) -> Result<Option<(NodeId, NodeId)>, SplitRefused> {
    if customer.members.contains(off) {
        let named =
            if named == off { customer.members.iter().find(|node| *node != off) } else { Some(named) };
        if let Some(named) = named {
            return Ok(Some((named.clone(), off.clone())));
        }
    }
    let has_left = if named == off {
        customer.decisions.is_split_off(off)
    } else {
        customer.members.iter().any(|member| customer.decisions.are_apart(member, off))
    };
    match (has_left, customer.members.contains(off)) {
        (true, _) => Ok(None),
        (false, true) => Err(SplitRefused::Only),
        (false, false) => Err(SplitRefused::NotOfCustomer),
    }
}
