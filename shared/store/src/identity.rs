//! The identity graph: links in both directions, and the walk over them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::identifier::{Identifier, IdentifierType};
use domain::identity::{Customer, Decided, IdentityKey, Limits, NodeId, Ruling, Shape, Walk, links};
use domain::ids::TenantId;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Consistency, Range, Table, Unless, read, written};
use crate::tenants::Tenant;

/// How many nodes are written, or asked for their decisions, at a time.
const ABREAST: usize = 8;

/// How many walks are under way together; what they found, the next need not look for.
const WALKS: usize = 1_000;

/// Who was observed together with a node, and whether hands decided about it: all that a walk must know of it, in one
/// item, so that many nodes are read at once.
#[derive(Deserialize)]
struct LinksItem {
    pk: String,
    /// Neighbours, as [`Neighbour`] writes them.
    #[serde(default)]
    nb: BTreeSet<String>,
    /// Whether hands decided something about it, or were about to.
    #[serde(default)]
    hd: bool,
}

impl LinksItem {
    /// By node.
    fn by_node(items: Vec<Self>) -> HashMap<NodeId, Self> {
        items.into_iter().filter_map(|item| Some((keys::node_of(&item.pk)?, item))).collect()
    }

    /// The neighbours as far as they were observed by then.
    fn neighbours(&self, as_of: Option<Timestamp>) -> impl Iterator<Item = NodeId> {
        let in_time = move |neighbour: &Neighbour| as_of.is_none_or(|as_of| neighbour.since <= as_of);
        self.nb
            .iter()
            .filter_map(|text| Neighbour::parse(text))
            .filter(in_time)
            .map(|neighbour| neighbour.node)
    }

    /// Whether there are so many neighbours of a kind that the node is shared, or its customer dissolved, whatever the
    /// tenant's limit. More are not kept: each would be read and billed for ever, and change nothing.
    fn is_full_of(&self, kind: IdentifierType) -> bool {
        self.neighbours(None).filter(|node| node.kind() == kind).count() > Limits::MEMBERS
    }
}

/// Who was observed together with a node, and when first.
struct Neighbour {
    node: NodeId,
    since: Timestamp,
}

impl Neighbour {
    fn parse(text: &str) -> Option<Self> {
        let (node, since) = text.split_once('#')?;
        Some(Self { node: NodeId::from_bare(node)?, since: Timestamp::from_ms(since.parse().ok()?) })
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.node.bare(), self.since.ms())
    }
}

/// What somebody decided by hand about some pairs of identifiers, for ever readable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub decision_id: String,
    pub at: Timestamp,
    pub ruling: Ruling,
    /// The key or user that decided.
    pub author: String,
    pub reason: String,
    /// The identifier that named the customer.
    pub customer: NodeId,
    /// The other one: of a split, what was split off.
    pub other: NodeId,
}

impl Decision {
    /// Where it stands in a history.
    pub fn place(&self) -> String {
        format!("{}#{}#{}#{}", self.at.sortable(), self.decision_id, self.customer.bare(), self.other.bare())
    }

    fn decided(&self) -> Decided {
        Decided {
            at: self.at,
            decision_id: self.decision_id.clone(),
            ruling: self.ruling,
            customer: self.customer.clone(),
            other: self.other.clone(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct DecisionItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    decision: Decision,
}

impl Table {
    /// Links everything in `observed`, of which `known` was linked before. With one identifier nothing is written.
    ///
    /// Links that exist are found by reading, which costs less than writing them again. A crash after some of the
    /// writes is repaired by the retry, since the fact itself is written only after all of them.
    pub(crate) async fn link(
        &self,
        tenant: &Tenant,
        (observed, known): (&BTreeSet<Identifier>, &BTreeSet<Identifier>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if observed.len() < 2 || observed == known {
            return Ok(());
        }
        let key = tenant.identity();
        let known = nodes(&key, known);
        let mut neighbours: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (a, b) in links(&nodes(&key, observed)) {
            if !(known.contains(&a) && known.contains(&b)) {
                neighbours.entry(a.clone()).or_default().insert(b.clone());
                neighbours.entry(b).or_default().insert(a);
            }
        }
        let wanted: Vec<_> = neighbours.keys().map(|node| keys::links(&tenant.id, node)).collect();
        // To write again what is there already changes nothing.
        let present = self.get_all(&wanted, Consistency::Eventual).await?;
        let present = LinksItem::by_node(present.into_iter().map(read).collect::<Result<_, _>>()?);
        let links = neighbours.into_iter().filter_map(|(node, mut missing)| {
            if let Some(present) = present.get(&node) {
                let known: BTreeSet<_> = present.neighbours(None).collect();
                missing.retain(|neighbour| !known.contains(neighbour));
                missing.retain(|neighbour| !present.is_full_of(neighbour.kind()));
            }
            let to = missing.into_iter().map(|node| Neighbour { node, since: now }.to_string());
            Some((node, to.collect::<Vec<_>>())).filter(|(_, to)| !to.is_empty())
        });
        let writes = links.map(|(node, to)| async move {
            let links = keys::links(&tenant.id, &node);
            self.update::<IgnoredAny>(&links, "ADD nb :to", &[(":to", AttributeValue::Ss(to))]).await
        });
        stream::iter(writes.collect::<Vec<_>>())
            .buffer_unordered(ABREAST)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Writes the pairs of a decision, each at both of its nodes, all or none. That something may be decided about a
    /// node is noted first, since nobody looks for it otherwise.
    pub async fn put_decision(&self, tenant: &TenantId, pairs: &[Decision]) -> Result<(), StoreError> {
        let (mut puts, mut decided) = (Vec::new(), BTreeSet::new());
        for decision in pairs {
            for node in [&decision.customer, &decision.other] {
                let key = keys::decision(tenant, node, decision);
                let item = DecisionItem { pk: key.pk, sk: key.sk, decision: decision.clone() };
                puts.push((written(&item)?, Unless::Exists));
                decided.insert(keys::links(tenant, node));
            }
        }
        let yes = [(":yes", AttributeValue::Bool(true))];
        let notes = decided.iter().map(|links| self.update::<IgnoredAny>(links, "SET hd = :yes", &yes));
        let notes: Vec<_> = notes.collect();
        stream::iter(notes).buffer_unordered(ABREAST).try_for_each(|_| async { Ok(()) }).await?;
        self.put_together(&puts).await?;
        Ok(())
    }

    /// Everything that was ever decided about these nodes, each pair once, oldest first.
    pub async fn decisions(
        &self,
        tenant: &TenantId,
        nodes: &BTreeSet<NodeId>,
    ) -> Result<Vec<Decision>, StoreError> {
        let of_node = |node: NodeId| async move {
            let range = Range::beginning(keys::node(tenant, &node), keys::decisions());
            self.query_all::<DecisionItem>(&range).await
        };
        let items: Vec<Vec<DecisionItem>> =
            stream::iter(nodes.clone()).map(of_node).buffer_unordered(ABREAST).try_collect().await?;
        let mut decisions: Vec<_> = items.into_iter().flatten().map(|item| item.decision).collect();
        decisions.sort_by_key(Decision::place);
        decisions.dedup();
        Ok(decisions)
    }

    /// Walks to the end, all walks together: what they ask for next is read at once.
    async fn walk(&self, of: Seen<'_>, walks: &mut [Walk]) -> Result<(), StoreError> {
        loop {
            let step: Vec<_> = walks.iter_mut().map(|walk| (walk.wanted(), walk)).collect();
            let wanted: BTreeSet<_> =
                step.iter().flat_map(|(wanted, _)| wanted).map(|wanted| wanted.node().clone()).collect();
            if wanted.is_empty() {
                return Ok(());
            }
            let known = self.known_of(of, &wanted).await?;
            for (wanted, walk) in step {
                for mut neighbourhood in wanted {
                    if let Some(known) = known.get(neighbourhood.node()) {
                        known.decided.iter().for_each(|decided| neighbourhood.hear(decided.clone()));
                        // No more are needed once it is certain that the node is shared.
                        let _all = known.neighbours.iter().all(|other| neighbourhood.add(other.clone()));
                    }
                    walk.learn(neighbourhood);
                }
            }
        }
    }

    /// Who was observed together with each of these nodes, and what was decided about it.
    async fn known_of(
        &self,
        of: Seen<'_>,
        nodes: &BTreeSet<NodeId>,
    ) -> Result<HashMap<NodeId, Known>, StoreError> {
        let wanted: Vec<_> = nodes.iter().map(|node| keys::links(of.tenant, node)).collect();
        let items = LinksItem::by_node(self.get_many(&wanted).await?);
        let decided: BTreeSet<_> =
            items.iter().filter(|(_, item)| item.hd).map(|(node, _)| node.clone()).collect();
        let mut known: HashMap<_, _> = items
            .into_iter()
            .map(|(node, item)| {
                (node, Known { neighbours: item.neighbours(of.as_of).collect(), decided: Vec::new() })
            })
            .collect();
        for decision in self.decisions(of.tenant, &decided).await? {
            if of.as_of.is_none_or(|as_of| decision.at <= as_of) {
                for node in [&decision.customer, &decision.other] {
                    if let Some(known) = known.get_mut(node) {
                        known.decided.push(decision.decided());
                    }
                }
            }
        }
        Ok(known)
    }
}

/// What a walk learns of a node.
struct Known {
    neighbours: Vec<NodeId>,
    decided: Vec<Decided>,
}

fn nodes(key: &IdentityKey, identifiers: &BTreeSet<Identifier>) -> BTreeSet<NodeId> {
    identifiers.iter().map(|identifier| key.node(identifier)).collect()
}

/// Whose graph is read, and as of which moment.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    tenant: &'a TenantId,
    /// What was observed or decided later does not count.
    as_of: Option<Timestamp>,
}

/// Looks customers up, each component once: for one request, or one pass of a planner.
#[derive(Debug)]
pub struct Customers<'a> {
    table: &'a Table,
    tenant: &'a Tenant,
    seen: Seen<'a>,
    found: HashMap<NodeId, Arc<Customer>>,
}

impl<'a> Customers<'a> {
    pub fn of(table: &'a Table, tenant: &'a Tenant) -> Self {
        Self { table, tenant, seen: Seen { tenant: &tenant.id, as_of: None }, found: HashMap::new() }
    }

    /// Takes no notice of what was observed or decided after this moment.
    #[must_use]
    pub fn as_of(mut self, moment: Timestamp) -> Self {
        self.seen.as_of = Some(moment);
        self
    }

    pub async fn of_node(&mut self, node: &NodeId) -> Result<Arc<Customer>, StoreError> {
        if let Some(customer) = self.found.get(node) {
            return Ok(Arc::clone(customer));
        }
        let mut walk = Walk::from(node.clone(), self.tenant.settings.limits());
        self.table.walk(self.seen, std::slice::from_mut(&mut walk)).await?;
        let customer = Arc::new(walk.customer());
        self.remember(node, &customer);
        Ok(customer)
    }

    /// The id of the customer that a fact with this anchor belongs to.
    pub async fn id_of(&mut self, anchor: Option<&Identifier>) -> Result<Option<String>, StoreError> {
        let Some(anchor) = anchor else { return Ok(None) };
        let node = self.tenant.identity().node(anchor);
        Ok(self.of_node(&node).await?.id().map(ToString::to_string))
    }

    /// Looks up many nodes together.
    pub async fn find(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Result<(), StoreError> {
        let nodes: Vec<NodeId> = nodes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        for nodes in nodes.chunks(WALKS) {
            // What earlier walks found, no other need look for.
            let unknown: Vec<_> =
                nodes.iter().filter(|node| !self.found.contains_key(node)).cloned().collect();
            let limits = self.tenant.settings.limits();
            let mut walks: Vec<_> = unknown.iter().map(|node| Walk::from(node.clone(), limits)).collect();
            self.table.walk(self.seen, &mut walks).await?;
            for (node, walk) in unknown.iter().zip(walks) {
                self.remember(node, &Arc::new(walk.customer()));
            }
        }
        Ok(())
    }

    pub fn known(&self, node: &NodeId) -> Option<&Arc<Customer>> {
        self.found.get(node)
    }

    /// All members of a whole component share the answer; those of a dissolved one stand alone, each for itself.
    fn remember(&mut self, node: &NodeId, customer: &Arc<Customer>) {
        match customer.shape {
            Shape::Whole => {
                for member in &customer.members {
                    self.found.insert(member.clone(), Arc::clone(customer));
                }
            }
            Shape::Shared => {
                self.found.insert(node.clone(), Arc::clone(customer));
            }
            Shape::Dissolved => {
                for member in &customer.component {
                    let alone =
                        Customer { members: BTreeSet::from([member.clone()]), ..(**customer).clone() };
                    self.found.insert(member.clone(), Arc::new(alone));
                }
            }
        }
    }
}
