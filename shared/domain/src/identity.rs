//! Who a customer is: a connected set of identifiers.
//!
//! A node is an identifier; its id is a keyed hash of it, so nothing is minted and nothing depends on what arrived
//! first. Identifiers observed together are neighbours. An identifier with too many neighbours of one other type
//! is shared (a switchboard, a family's telephone): it links nobody. A customer is a connected component of what
//! remains, named by its smallest member.
//!
//! Hands have the last word: what somebody decided to be one person, or two, stands against what was observed
//! ([`Decisions`]).
//!
//! The graph lives in storage; [`Walk`] says which neighbours it needs next and leaves fetching them to the caller.

mod decisions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::identifier::{Identifier, IdentifierType};
pub use decisions::{Decided, Decisions, MergeRefused, Ruling, SplitRefused, pair_to_split, pairs_to_merge};

/// A tenant's key for naming identifiers: without it nobody can tell whether a phone is known.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub fn node(&self, identifier: &Identifier) -> NodeId {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("32 bytes are a key");
        mac.update(identifier.kind().code().as_bytes());
        mac.update(b"|");
        mac.update(identifier.value().as_bytes());
        let digest = hex::encode(mac.finalize().into_bytes());
        NodeId(format!("cus_{}{}", identifier.kind().digit(), &digest[..31]))
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

/// The id of an identifier, and of the customer whose smallest member it is: `cus_` and 32 hex digits, of which
/// the first tells the identifier's type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(String);

impl NodeId {
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bare(text.strip_prefix("cus_")?)
    }

    /// From the 32 hex digits alone, as keys hold them.
    pub fn from_bare(digits: &str) -> Option<Self> {
        let hex =
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let typed = digits.chars().next().and_then(IdentifierType::of_digit).is_some();
        (hex && typed).then(|| Self(format!("cus_{digits}")))
    }

    pub fn bare(&self) -> &str {
        &self.0[4..]
    }

    pub fn kind(&self) -> IdentifierType {
        self.bare().chars().next().and_then(IdentifierType::of_digit).unwrap_or(IdentifierType::Phone)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When an identifier counts as shared, and when a customer is too large to be one person.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An identifier with more neighbours than this of one other type is shared.
    pub neighbours: usize,
    /// A component with more members than this is dissolved into its identifiers.
    pub members: usize,
}

impl Limits {
    pub const MEMBERS: usize = 200;

    pub fn shared_above(neighbours: usize) -> Self {
        Self { neighbours, members: Self::MEMBERS }
    }
}

/// The pairs of an observation, each once: everything observed together is linked pairwise.
pub fn links(observed: &BTreeSet<NodeId>) -> Vec<(NodeId, NodeId)> {
    let nodes: Vec<_> = observed.iter().collect();
    let mut links = Vec::new();
    for (index, first) in nodes.iter().enumerate() {
        links.extend(nodes[index + 1..].iter().map(|second| ((*first).clone(), (*second).clone())));
    }
    links
}

/// The neighbours of one node, collected until they are all known or prove it shared.
#[derive(Debug)]
pub struct Neighbourhood {
    node: NodeId,
    limit: usize,
    neighbours: BTreeSet<NodeId>,
    decisions: Decisions,
    shared: bool,
}

impl Neighbourhood {
    pub fn of(node: NodeId, limits: Limits) -> Self {
        Self {
            node,
            limit: limits.neighbours,
            neighbours: BTreeSet::new(),
            decisions: Decisions::default(),
            shared: false,
        }
    }

    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Adds what was decided about the node. It does not make the node shared, however often it is done.
    pub fn hear(&mut self, decided: Decided) {
        self.decisions.hear(decided);
    }

    /// Adds a neighbour; false when no more are needed, since the node is shared.
    pub fn add(&mut self, neighbour: NodeId) -> bool {
        let kind = neighbour.kind();
        self.neighbours.insert(neighbour);
        let of_kind = self.neighbours.iter().filter(|n| n.kind() == kind).count();
        self.shared |= kind != self.node.kind() && of_kind > self.limit;
        !self.shared
    }
}

/// Why a customer has the members it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "CustomerShape", rename_all = "snake_case")]
pub enum Shape {
    /// All identifiers known to be of this person.
    Whole,
    /// One identifier that too many people use.
    Shared,
    /// One identifier of a component that had grown too large to be one person.
    Dissolved,
}

impl Shape {
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Whole => "whole",
            Shape::Shared => "shared",
            Shape::Dissolved => "dissolved",
        }
    }
}

/// A customer: never without members; the first is its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub members: BTreeSet<NodeId>,
    pub shape: Shape,
    /// Whether any identifier has been observed together with a member, or decided to be.
    pub linked: bool,
    /// All that observations and hands connect with the members: of a dissolved component, the nodes that were found,
    /// each of which stands alone as well; else, the members and what was split off them.
    pub component: BTreeSet<NodeId>,
    /// What hands have decided about the members.
    pub decisions: Decisions,
}

impl Customer {
    pub fn id(&self) -> Option<&NodeId> {
        self.members.first()
    }
}

/// How many nodes a walk asks for at a time.
const ABREAST: usize = 32;

/// Finds the customer of a node, asking for neighbours as it goes.
#[derive(Debug)]
pub struct Walk {
    limits: Limits,
    start: NodeId,
    /// Visited nodes, and whether each is a member (not shared).
    visited: BTreeMap<NodeId, bool>,
    wanted: BTreeSet<NodeId>,
    /// Who was observed together, each pair once.
    observed: BTreeSet<(NodeId, NodeId)>,
    decisions: Decisions,
    shape: Shape,
    linked: bool,
}

impl Walk {
    pub fn from(start: NodeId, limits: Limits) -> Self {
        Self {
            limits,
            wanted: BTreeSet::from([start.clone()]),
            start,
            visited: BTreeMap::new(),
            observed: BTreeSet::new(),
            decisions: Decisions::default(),
            shape: Shape::Whole,
            linked: false,
        }
    }

    /// The nodes to fetch next, a few at a time, since the next may be known to be too many; empty when the customer
    /// is found.
    pub fn wanted(&self) -> Vec<Neighbourhood> {
        self.wanted.iter().take(ABREAST).map(|node| Neighbourhood::of(node.clone(), self.limits)).collect()
    }

    pub fn learn(&mut self, found: Neighbourhood) {
        if !self.wanted.remove(&found.node) {
            return;
        }
        let Neighbourhood { node, neighbours, decisions, shared, .. } = found;
        let is_start = node == self.start;
        let partners: BTreeSet<NodeId> = decisions.partners(&node).cloned().collect();
        self.linked |= is_start && !(neighbours.is_empty() && decisions.is_empty());
        self.visited.insert(node.clone(), !shared);
        if shared {
            if is_start {
                self.shape = Shape::Shared;
            }
            return;
        }
        self.decisions.extend(decisions);
        for neighbour in neighbours.iter().chain(&partners) {
            if !self.visited.contains_key(neighbour) {
                self.wanted.insert(neighbour.clone());
            }
        }
        self.observed.extend(neighbours.into_iter().map(|neighbour| in_order(node.clone(), neighbour)));
        if self.visited.values().filter(|member| **member).count() > self.limits.members {
            self.shape = Shape::Dissolved;
            self.wanted.clear();
        }
    }

    pub fn customer(self) -> Customer {
        let alone = BTreeSet::from([self.start.clone()]);
        let found: BTreeSet<NodeId> =
            self.visited.into_iter().filter_map(|(node, member)| member.then_some(node)).collect();
        let (members, component) = match self.shape {
            Shape::Whole => (self.decisions.part_of(&self.start, &found, &self.observed), found),
            Shape::Shared => (alone.clone(), alone),
            Shape::Dissolved => (alone, found),
        };
        Customer { members, shape: self.shape, linked: self.linked, component, decisions: self.decisions }
    }
}

/// A pair, which has no direction, as it is compared.
fn in_order(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests;
