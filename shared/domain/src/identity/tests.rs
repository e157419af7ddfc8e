use proptest::prelude::*;

use super::*;
use crate::identifier::Region;
use crate::time::Timestamp;

fn key() -> IdentityKey {
    IdentityKey::new([7; 32])
}

fn node(kind: IdentifierType, name: &str) -> NodeId {
    key().node(&Identifier::parse(kind, name, Region::US).unwrap())
}

fn email(n: usize) -> NodeId {
    node(IdentifierType::Email, &format!("p{n}@example.com"))
}

/// The graph as storage keeps it: edges in both directions, and decisions at both of their nodes.
#[derive(Default)]
struct Graph(BTreeMap<NodeId, BTreeSet<NodeId>>, Vec<Decided>);

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
                let decided = self.1.iter().filter(|of| [&of.customer, &of.other].contains(&found.node()));
                decided.cloned().collect::<Vec<_>>().into_iter().for_each(|decided| found.hear(decided));
                let _complete = self.neighbours(&found.node).into_iter().all(|n| found.add(n));
                walk.learn(found);
            }
        }
    }

    fn is_shared(&self, node: &NodeId, limits: Limits) -> bool {
        IdentifierType::ALL
            .into_iter()
            .filter(|kind| *kind != node.kind())
            .any(|kind| self.neighbours(node).iter().filter(|n| n.kind() == kind).count() > limits.neighbours)
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

impl Graph {
    fn decide(&mut self, ruling: Ruling, pairs: impl IntoIterator<Item = (NodeId, NodeId)>) {
        let n = self.1.len();
        let decided = |(customer, other)| Decided {
            at: Timestamp::from_ms(1_000 + i64::try_from(n / 2).unwrap()),
            decision_id: format!("dec_{n:04}"),
            ruling,
            customer,
            other,
        };
        self.1.extend(pairs.into_iter().map(decided));
    }

    fn merge(&mut self, a: &NodeId, b: &NodeId, limits: Limits) -> Result<(), MergeRefused> {
        let pairs = pairs_to_merge((a, &self.customer(a, limits)), (b, &self.customer(b, limits)))?;
        self.decide(Ruling::Together, pairs);
        Ok(())
    }

    fn split(&mut self, of: &NodeId, off: &NodeId, limits: Limits) -> Result<(), SplitRefused> {
        let pair = pair_to_split(of, &self.customer(of, limits), off)?;
        self.decide(Ruling::Apart, pair);
        Ok(())
    }

    fn members(&self, node: &NodeId) -> BTreeSet<NodeId> {
        self.customer(node, LIMITS).members
    }
}

const LIMITS: Limits = Limits { neighbours: 3, members: Limits::MEMBERS };

fn set(nodes: &[&NodeId]) -> BTreeSet<NodeId> {
    nodes.iter().map(|node| (*node).clone()).collect()
}

#[test]
fn what_is_split_off_takes_with_it_what_hangs_on_it_alone() {
    let [ann, home, bob, bobs] = [0, 1, 2, 3].map(email);
    let mut graph = Graph::default();
    graph.observe(&set(&[&ann, &home]));
    graph.observe(&set(&[&home, &bob]));
    graph.observe(&set(&[&bob, &bobs]));
    graph.split(&home, &bob, LIMITS).unwrap();
    assert_eq!(graph.members(&ann), set(&[&ann, &home]));
    assert_eq!(graph.members(&bob), set(&[&bob, &bobs]));
    // Observed again, and anew on a way round.
    graph.observe(&set(&[&home, &bob]));
    graph.observe(&set(&[&ann, &bob]));
    assert_eq!(graph.members(&ann), set(&[&ann, &home]));
    assert_eq!(graph.members(&bob), set(&[&bob, &bobs]));
}

#[test]
fn a_merge_by_mistake_is_undone_by_a_split_and_both_are_as_before() {
    let [ann, anns, bob, bobs] = [0, 1, 2, 3].map(email);
    let mut graph = Graph::default();
    graph.observe(&set(&[&ann, &anns]));
    graph.observe(&set(&[&bob, &bobs]));
    graph.merge(&ann, &bob, LIMITS).unwrap();
    assert_eq!(graph.members(&bobs).len(), 4);
    graph.split(&ann, &bob, LIMITS).unwrap();
    assert_eq!(graph.members(&ann), set(&[&ann, &anns]));
    assert_eq!(graph.members(&bob), set(&[&bob, &bobs]));
    // And a merge of any two of them undoes that, though it names others.
    graph.merge(&bobs, &anns, LIMITS).unwrap();
    assert_eq!(graph.members(&ann).len(), 4);
}

#[test]
fn what_was_split_off_one_customer_can_be_given_to_another() {
    let [ann, phone, bob, bobs] = [0, 1, 2, 3].map(email);
    let mut graph = Graph::default();
    graph.observe(&set(&[&ann, &phone]));
    graph.observe(&set(&[&bob, &bobs]));
    graph.split(&ann, &phone, LIMITS).unwrap();
    graph.merge(&bob, &phone, LIMITS).unwrap();
    assert_eq!(graph.members(&ann), set(&[&ann]));
    assert_eq!(graph.members(&phone), set(&[&bob, &bobs, &phone]));
    // What hands put together stands against what is observed later, and so does what they took apart.
    graph.observe(&set(&[&ann, &bobs]));
    graph.observe(&set(&[&ann, &phone]));
    assert!(graph.members(&phone).contains(&bob) && !graph.members(&phone).contains(&ann));
}

#[test]
fn a_customer_may_be_named_by_what_is_split_off_it() {
    let [a, b, c] = [0, 1, 2].map(email);
    let mut graph = Graph::default();
    graph.observe(&set(&[&a, &b, &c]));
    graph.split(&b, &b, LIMITS).unwrap();
    assert_eq!((graph.members(&b), graph.members(&a)), (set(&[&b]), set(&[&a, &c])));
    // Again, it has left already; and nobody can be split off himself.
    let decided = graph.1.len();
    graph.split(&b, &b, LIMITS).unwrap();
    graph.split(&a, &b, LIMITS).unwrap();
    assert_eq!(graph.1.len(), decided);
    assert_eq!(graph.split(&email(9), &email(9), LIMITS), Err(SplitRefused::Only));
    assert_eq!(graph.split(&a, &email(9), LIMITS), Err(SplitRefused::NotOfCustomer));
}

#[test]
fn an_identifier_of_many_people_is_not_merged() {
    let phone = node(IdentifierType::Phone, "+14155550123");
    let mut graph = Graph::default();
    (0..4).for_each(|n| graph.observe(&set(&[&phone, &email(n)])));
    assert_eq!(graph.merge(&phone, &email(9), LIMITS), Err(MergeRefused::Shared));
    assert_eq!(graph.merge(&email(9), &phone, LIMITS), Err(MergeRefused::Shared));
    let small = Limits { neighbours: 3, members: 5 };
    (0..9).for_each(|n| graph.observe(&set(&[&email(20 + n), &email(21 + n)])));
    assert_eq!(graph.merge(&email(20), &email(9), small), Err(MergeRefused::Dissolved));
}

/// What happens, in the order in which it does.
#[derive(Clone, Debug)]
enum Act {
    Observe(BTreeSet<NodeId>),
    Merge(NodeId, NodeId),
    Split(NodeId, NodeId),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => proptest::collection::btree_set(any_node(), 1..4).prop_map(Act::Observe),
        1 => (any_node(), any_node()).prop_map(|(a, b)| Act::Merge(a, b)),
        2 => (any_node(), any_node()).prop_map(|(a, b)| Act::Split(a, b)),
    ];
    proptest::collection::vec(act, 1..40)
}

proptest! {
    #![proptest_config(crate::property(4_000))]

    #[test]
    fn decisions_stand_against_observations_and_the_order_of_facts_does_not_matter(
        acts in acts(),
        seed in any::<u64>(),
    ) {
        let mut graph = Graph::default();
        let mut observed = Vec::new();
        for act in &acts {
            match act {
                Act::Observe(nodes) => {
                    graph.observe(nodes);
                    observed.push(nodes.clone());
                }
                Act::Merge(a, b) => {
                    if graph.merge(a, b, LIMITS).is_ok() {
                        prop_assert!(graph.members(a).contains(b), "{a} {b}");
                    }
                }
                Act::Split(of, off) => {
                    if graph.split(of, off, LIMITS).is_ok() {
                        prop_assert!(of == off || !graph.members(of).contains(off), "{of} {off}");
                    }
                }
            }
        }
        // The same facts in another order: nothing is decided anew, only told.
        let mut shuffled = Graph::default();
        let by_chance = |n: usize| (seed ^ u64::try_from(n).unwrap()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut order: Vec<usize> = (0..observed.len()).collect();
        order.sort_by_key(|n| by_chance(*n));
        order.into_iter().for_each(|n| shuffled.observe(&observed[n]));
        let mut order: Vec<usize> = (0..graph.1.len()).collect();
        order.sort_by_key(|n| by_chance(n + 1_000));
        shuffled.1 = order.into_iter().map(|n| graph.1[n].clone()).collect();
        let mut standing = Decisions::default();
        graph.1.iter().cloned().for_each(|decided| standing.hear(decided));
        let decided = graph.1.iter().flat_map(|decided| [&decided.customer, &decided.other]);
        for node in graph.0.keys().chain(decided).collect::<BTreeSet<_>>() {
            let customer = graph.customer(node, LIMITS);
            let again = shuffled.customer(node, LIMITS);
            prop_assert_eq!((&customer.members, customer.shape), (&again.members, again.shape));
            for member in &customer.members {
                prop_assert_eq!(&graph.members(member), &customer.members);
                prop_assert!(!standing.are_apart(node, member), "{node} {member}");
            }
        }
    }
}
