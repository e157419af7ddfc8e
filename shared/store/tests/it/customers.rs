use domain::identity::{Limits, Ruling};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use store::{Customers, Decision};

use super::*;

/// Components without shared nodes, by repeatedly merging labels.
fn components(
    observations: &[BTreeSet<Identifier>],
    limit: usize,
) -> BTreeMap<Identifier, BTreeSet<Identifier>> {
    let mut neighbours: BTreeMap<&Identifier, BTreeSet<&Identifier>> = BTreeMap::new();
    for observation in observations {
        for identifier in observation {
            neighbours
                .entry(identifier)
                .or_default()
                .extend(observation.iter().filter(|other| *other != identifier));
        }
    }
    let shared = |identifier: &Identifier| {
        let others = IdentifierType::ALL.into_iter().filter(|kind| *kind != identifier.kind());
        others
            .into_iter()
            .any(|kind| neighbours[identifier].iter().filter(|n| n.kind() == kind).count() > limit)
    };
    let mut label: BTreeMap<&Identifier, &Identifier> =
        neighbours.keys().filter(|id| !shared(id)).map(|id| (*id, *id)).collect();
    for _ in 0..label.len() {
        for id in label.keys().copied().collect::<Vec<_>>() {
            let near = neighbours[id].iter().filter_map(|near| label.get(*near).copied());
            let least = near.chain([label[id]]).min().unwrap();
            label.insert(id, least);
        }
    }
    let mut components: BTreeMap<&Identifier, BTreeSet<Identifier>> = BTreeMap::new();
    for (id, least) in &label {
        components.entry(least).or_default().insert((*id).clone());
    }
    let alone = |id: &Identifier| BTreeSet::from([id.clone()]);
    let of = |id: &Identifier| label.get(id).map_or_else(|| alone(id), |least| components[*least].clone());
    neighbours.keys().map(|id| ((*id).clone(), of(id))).collect()
}

fn observation() -> impl Strategy<Value = BTreeSet<Identifier>> {
    let identifier = (0..6_usize, any::<bool>()).prop_map(|(n, mail)| if mail { email(n) } else { phone(n) });
    proptest::collection::btree_set(identifier, 1..4)
}

/// Stores observations as calls and conversions in turn, and compares every customer with the components.
async fn stored_as_observed(observations: Vec<BTreeSet<Identifier>>) {
    let stack = testkit::stack();
    let settings = domain::tenant::Settings { shared_limit: 2, ..Default::default() };
    let tenant = stack.tenant_with("demo", settings).await;
    let (table, now) = (stack.table(), stack.clock.now());
    for (n, identifiers) in observations.iter().enumerate() {
        if n % 2 == 0 {
            let (about, event) = call(&format!("call-{n}"), identifiers);
            table.merge_interaction(&tenant, &about, now, fold(&event)).await.unwrap();
        } else {
            let order = conversion(&format!("order-{n}"), identifiers.iter().cloned());
            table.record_conversion(&tenant, &order, now).await.unwrap();
        }
    }
    let identity = tenant.identity();
    for (identifier, expected) in components(&observations, 2) {
        let mut customers = Customers::of(&table, &tenant);
        let found = customers.of_node(&identity.node(&identifier)).await.unwrap();
        let expected: BTreeSet<_> = expected.iter().map(|member| identity.node(member)).collect();
        assert_eq!(found.members, expected, "{observations:?}");
    }
}

#[test]
fn customers_are_the_components_without_shared_nodes_whatever_was_observed_when() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases: cases(400), failure_persistence: None, ..Config::default() };
    let config = match option_env!("CRAE_FULL") {
        Some(_) => config,
        None => Config { rng_seed: RngSeed::Fixed(20_261_121), ..config },
    };
    let observations = proptest::collection::vec(observation(), 1..12);
    TestRunner::new(config)
        .run(&observations, |observations| {
            runtime.block_on(stored_as_observed(observations));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_phone_crossing_the_limit_dissolves_what_it_joined() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (table, now) = (stack.table(), stack.clock.now());
    let shared = phone(0);
    for n in 0..6 {
        let (about, event) = call(&format!("call-{n}"), &BTreeSet::from([shared.clone(), email(n)]));
        table.merge_interaction(&tenant, &about, now, fold(&event)).await.unwrap();
        let mut customers = Customers::of(&table, &tenant);
        let first = customers.id_of(Some(&email(0))).await.unwrap();
        let last = customers.id_of(Some(&email(n))).await.unwrap();
        // Five are one customer; with the sixth, each is their own again.
        assert_eq!(first == last, n < 5 || n == 0, "after {n}");
    }
}

#[tokio::test]
async fn known_links_cost_no_write_and_one_identifier_costs_none_either() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (table, now) = (stack.table(), stack.clock.now());
    let writes = |part: &str| table.meter().take().get(part).map_or(0.0, |units| units.writes);
    table.record_conversion(&tenant, &conversion("a", [email(0), phone(0)]), now).await.unwrap();
    assert!((writes("identity") - 2.0).abs() < f64::EPSILON);
    table.record_conversion(&tenant, &conversion("b", [email(0), phone(0)]), now).await.unwrap();
    table.record_conversion(&tenant, &conversion("c", [phone(1)]), now).await.unwrap();
    assert!(writes("identity").abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_customer_about_whom_nothing_was_decided_costs_one_read_per_identifier() {
    let stack = testkit::stack();
    let (table, tenant) = (stack.table(), stack.tenant("demo").await);
    let (about, event) = call("call-1", &[email(0), phone(0)].into());
    let now = stack.clock.now();
    table.merge_interaction(&tenant, &about, now, fold(&event)).await.unwrap();
    table.meter().take();
    let node = tenant.identity().node(&email(0));
    let customer = Customers::of(&table, &tenant).of_node(&node).await.unwrap();
    assert_eq!(customer.members.len(), 2);
    assert!(table.meter().take()["identity"].reads <= 2.0);
}

#[tokio::test]
async fn what_is_decided_counts_from_the_moment_it_is() {
    let stack = testkit::stack();
    let (table, tenant) = (stack.table(), stack.tenant("demo").await);
    let [ann, bob] = [email(0), email(1)].map(|identifier| tenant.identity().node(&identifier));
    let at = stack.clock.now();
    let decision = Decision {
        decision_id: "dec_1".to_owned(),
        at,
        ruling: Ruling::Together,
        author: "clerk".to_owned(),
        reason: "the same person".to_owned(),
        customer: ann.clone(),
        other: bob.clone(),
    };
    table.put_decision(&tenant.id, std::slice::from_ref(&decision)).await.unwrap();
    let members = async |as_of: Timestamp| {
        let mut customers = Customers::of(&table, &tenant).as_of(as_of);
        customers.of_node(&bob).await.unwrap().members.clone()
    };
    assert_eq!(members(at.plus_ms(-1)).await, [bob.clone()].into());
    assert_eq!(members(at).await, [ann.clone(), bob.clone()].into());
    let both = [ann, bob.clone()].into();
    assert_eq!(table.decisions(&tenant.id, &both).await.unwrap(), [decision]);
}

#[tokio::test]
async fn what_is_observed_counts_from_the_moment_it_is() {
    let stack = testkit::stack();
    let (table, tenant) = (stack.table(), stack.tenant("demo").await);
    let [ann, bob, cid] =
        [email(0), email(1), email(2)].map(|identifier| tenant.identity().node(&identifier));
    let first = stack.clock.now();
    let second = first.plus_ms(1_000);
    table.record_conversion(&tenant, &conversion("a", [email(0), email(1)]), first).await.unwrap();
    table.record_conversion(&tenant, &conversion("b", [email(0), email(1), email(2)]), second).await.unwrap();
    let members = async |as_of: Timestamp| {
        let mut customers = Customers::of(&table, &tenant).as_of(as_of);
        customers.find([bob.clone()]).await.unwrap();
        customers.known(&bob).unwrap().members.clone()
    };
    assert_eq!(members(first.plus_ms(-1)).await, [bob.clone()].into());
    assert_eq!(members(second.plus_ms(-1)).await, [ann.clone(), bob.clone()].into());
    assert_eq!(members(second).await, [ann, bob.clone(), cid].into());
}

#[tokio::test]
async fn of_an_identifier_of_very_many_people_no_more_is_kept_than_proves_it() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (table, now) = (stack.table(), stack.clock.now());
    let report = async |n: usize| {
        let order = conversion(&format!("order-{n}"), [phone(0), email(n)]);
        table.record_conversion(&tenant, &order, now).await.unwrap();
    };
    for n in 0..=Limits::MEMBERS {
        report(n).await;
    }
    table.meter().take();
    report(Limits::MEMBERS + 1).await;
    assert!(table.meter().take()["identity"].writes < 1.5, "the phone's own item stays as it is");
    for identifier in [phone(0), email(0), email(Limits::MEMBERS + 1)] {
        let node = tenant.identity().node(&identifier);
        let customer = Customers::of(&table, &tenant).of_node(&node).await.unwrap();
        assert_eq!(customer.members, [node].into());
    }
}

#[tokio::test]
async fn customers_that_are_looked_up_together_are_those_looked_up_alone() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (table, now) = (stack.table(), stack.clock.now());
    for n in 0..40 {
        // Chains of five, of which some hang together through a phone of too many.
        let near = [email(n), email(n + usize::from(n % 5 < 4))];
        let order = conversion(&format!("order-{n}"), near.into_iter().chain((n % 3 == 0).then(|| phone(0))));
        table.record_conversion(&tenant, &order, now).await.unwrap();
    }
    let nodes: Vec<_> = (0..45).map(|n| tenant.identity().node(&email(n))).collect();
    let mut together = Customers::of(&table, &tenant);
    together.find(nodes.iter().cloned()).await.unwrap();
    for node in &nodes {
        let alone = Customers::of(&table, &tenant).of_node(node).await.unwrap();
        assert_eq!(together.known(node).unwrap().members, alone.members);
    }
}
