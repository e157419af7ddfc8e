//! Who a customer is: a connected set of identifiers.
//!
//! A node is an identifier; its id is a keyed hash of it, so nothing is minted and nothing depends on what arrived
//! first. Identifiers observed together are neighbours. An identifier with too many neighbours of one other type
//! is shared (a switchboard, a family's telephone): it links nobody. A customer is a connected component of what
//! remains, named by its smallest member.
//!
//! The graph lives in storage; [`Walk`] says which neighbours it needs next and leaves fetching them to the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::identifier::{Identifier, IdentifierType};

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
    shared: bool,
}

impl Neighbourhood {
    pub fn of(node: NodeId, limits: Limits) -> Self {
        Self { node, limit: limits.neighbours, neighbours: BTreeSet::new(), shared: false }
    }

    pub fn node(&self) -> &NodeId {
        &self.node
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whether any identifier has been observed together with a member.
    pub linked: bool,
    /// Of a dissolved component, the nodes that were found: each of them stands alone as well.
    pub dissolved: BTreeSet<NodeId>,
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
        let is_start = found.node == self.start;
        self.linked |= is_start && !found.neighbours.is_empty();
        self.visited.insert(found.node, !found.shared);
        if found.shared {
            if is_start {
                self.shape = Shape::Shared;
            }
            return;
        }
        let unseen = found.neighbours.into_iter().filter(|node| !self.visited.contains_key(node));
        self.wanted.extend(unseen);
        if self.visited.values().filter(|member| **member).count() > self.limits.members {
            self.shape = Shape::Dissolved;
            self.wanted.clear();
        }
    }

    pub fn customer(self) -> Customer {
        let alone = BTreeSet::from([self.start]);
        let found = self.visited.into_iter().filter_map(|(node, member)| member.then_some(node)).collect();
        let (members, dissolved) = match self.shape {
            Shape::Whole => (found, BTreeSet::new()),
            Shape::Shared => (alone, BTreeSet::new()),
            Shape::Dissolved => (alone, found),
        };
        Customer { members, shape: self.shape, linked: self.linked, dissolved }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::Region;

    fn key() -> IdentityKey {
        IdentityKey::new([7; 32])
    }

    fn node(kind: IdentifierType, name: &str) -> NodeId {
        key().node(&Identifier::parse(kind, name, Region::US).unwrap())
    }

    fn email(n: usize) -> NodeId {
        node(IdentifierType::Email, &format!("p{n}@example.com"))
    }

    /// The graph as storage keeps it: edges in both directions.
    #[derive(Default)]
    struct Graph(BTreeMap<NodeId, BTreeSet<NodeId>>);

    impl Graph {
        fn observe(&mut self, nodes: &BTreeSet<NodeId>) {
            for (a, b) in links(nodes) {
                self.0.entry(a.clone()).or_default().insert(b.clone());
                self.0.entry(b).or_default().insert(a);
            }
        }

        fn neighbours(&self, node: &NodeId) -> BTreeSet<NodeId> {
            self.0.get(node).cloned().unwrap_or_default()
        }

        fn customer(&self, node: &NodeId, limits: Limits) -> Customer {
            let mut walk = Walk::from(node.clone(), limits);
            loop {
                let wanted = walk.wanted();
                if wanted.is_empty() {
                    return walk.customer();
                }
                for mut found in wanted {
                    let _complete = self.neighbours(&found.node).into_iter().all(|n| found.add(n));
                    walk.learn(found);
                }
            }
        }

        fn is_shared(&self, node: &NodeId, limits: Limits) -> bool {
            IdentifierType::ALL.into_iter().filter(|kind| *kind != node.kind()).any(|kind| {
                self.neighbours(node).iter().filter(|n| n.kind() == kind).count() > limits.neighbours
            })
        }

        /// Components without shared nodes, by repeatedly merging labels: nothing like a walk.
        fn components(&self, limits: Limits) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
            let whole: Vec<_> = self.0.keys().filter(|n| !self.is_shared(n, limits)).cloned().collect();
            let mut label: BTreeMap<NodeId, NodeId> = whole.iter().map(|n| (n.clone(), n.clone())).collect();
            for _ in 0..whole.len() {
                for a in &whole {
                    for b in self.neighbours(a).iter().filter(|b| whole.contains(b)) {
                        let least = label[a].clone().min(label[b].clone());
                        label.insert(a.clone(), least.clone());
                        label.insert(b.clone(), least);
                    }
                }
            }
            let mut components: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
            for (node, least) in &label {
                components.entry(least.clone()).or_default().insert(node.clone());
            }
            label.into_iter().map(|(node, least)| (node, components[&least].clone())).collect()
        }
    }

    #[test]
    fn the_same_identifier_has_the_same_node_for_one_tenant_only() {
        let phone = Identifier::parse(IdentifierType::Phone, "(415) 555-0123", Region::US).unwrap();
        let same = Identifier::parse(IdentifierType::Phone, "+14155550123", Region::US).unwrap();
        assert_eq!(key().node(&phone), key().node(&same));
        assert_ne!(key().node(&phone), IdentityKey::new([8; 32]).node(&phone));
        let id = key().node(&phone);
        assert_eq!(NodeId::parse(&id.to_string()), Some(id.clone()));
        assert_eq!(id.kind(), IdentifierType::Phone);
        assert_eq!(NodeId::parse("cus_0123"), None);
    }

    #[test]
    fn a_phone_that_crosses_the_limit_dissolves_what_it_joined() {
        let limits = Limits::shared_above(5);
        let phone = node(IdentifierType::Phone, "+14155550123");
        let mut graph = Graph::default();
        for n in 0..5 {
            graph.observe(&BTreeSet::from([phone.clone(), email(n)]));
        }
        let joined = graph.customer(&email(0), limits);
        assert_eq!((joined.members.len(), joined.shape), (6, Shape::Whole));
        graph.observe(&BTreeSet::from([phone.clone(), email(5)]));
        for n in 0..6 {
            assert_eq!(graph.customer(&email(n), limits).members, BTreeSet::from([email(n)]));
        }
        let alone = graph.customer(&phone, limits);
        assert_eq!((alone.members, alone.shape), (BTreeSet::from([phone]), Shape::Shared));
    }

    #[test]
    fn a_component_too_large_for_a_person_is_dissolved_for_each_member_alike() {
        let limits = Limits { neighbours: 5, members: 20 };
        let mut graph = Graph::default();
        for n in 0..25 {
            graph.observe(&BTreeSet::from([email(n), email(n + 1)]));
        }
        for n in 0..26 {
            let customer = graph.customer(&email(n), limits);
            assert_eq!((customer.members, customer.shape), (BTreeSet::from([email(n)]), Shape::Dissolved));
        }
    }

    fn any_node() -> impl Strategy<Value = NodeId> {
        (0..14_usize, any::<bool>()).prop_map(|(n, is_phone)| {
            if is_phone { node(IdentifierType::Phone, &format!("+1415555{:04}", 100 + n)) } else { email(n) }
        })
    }

    fn observations() -> impl Strategy<Value = (Vec<BTreeSet<NodeId>>, Vec<BTreeSet<NodeId>>)> {
        let observation = proptest::collection::btree_set(any_node(), 1..4);
        proptest::collection::vec(observation, 1..25)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    }

    proptest! {
        #![proptest_config(crate::property(4_000))]

        #[test]
        fn customers_are_the_components_without_shared_nodes_in_any_order((first, second) in observations()) {
            let limits = Limits::shared_above(3);
            let (mut graph, mut shuffled) = (Graph::default(), Graph::default());
            first.iter().for_each(|nodes| graph.observe(nodes));
            second.iter().for_each(|nodes| shuffled.observe(nodes));
            let components = graph.components(limits);
            for node in graph.0.keys() {
                let customer = graph.customer(node, limits);
                let again = shuffled.customer(node, limits);
                prop_assert_eq!((&customer.members, customer.shape), (&again.members, again.shape));
                match components.get(node) {
                    Some(members) => prop_assert_eq!(&customer.members, members),
                    None => prop_assert_eq!(customer.shape, Shape::Shared),
                }
                // Every member names the same customer.
                for member in &customer.members {
                    prop_assert_eq!(&graph.customer(member, limits).members, &customer.members);
                }
            }
        }
    }
}
