//! The identity graph: edges in both directions, and the walk over them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::identifier::Identifier;
use domain::identity::{
    Customer, Decided, IdentityKey, Limits, Neighbourhood, NodeId, Ruling, Shape, Walk, links,
};
use domain::ids::TenantId;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table, Unless, written};
use crate::tenants::Tenant;

/// How many nodes of a walk are read at a time.
const ABREAST: usize = 8;

/// How many walks are under way at a time, and after how many what they found is looked at.
const WALKS_ABREAST: usize = 32;
const WALKS: usize = 1_000;

#[derive(Serialize, Deserialize)]
struct EdgeItem {
    pk: String,
    sk: String,
}

/// What stands in a node's partition: an edge, or a decision.
#[derive(Deserialize)]
struct NodeItem {
    sk: String,
    #[serde(flatten)]
    decision: Option<Decision>,
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
    /// Edges that exist are found by reading, which costs less than writing them again. A crash after some of the
    /// writes is repaired by the retry, since the fact itself is written only after all of them.
    pub(crate) async fn link(
        &self,
        tenant: &Tenant,
        observed: &BTreeSet<Identifier>,
        known: &BTreeSet<Identifier>,
    ) -> Result<(), StoreError> {
        if observed.len() < 2 || observed == known {
            return Ok(());
        }
        let key = tenant.identity();
        let nodes = nodes(&key, observed);
        let known = self::nodes(&key, known);
        let edges: Vec<_> = links(&nodes)
            .into_iter()
            .filter(|(a, b)| !(known.contains(a) && known.contains(b)))
            .flat_map(|(a, b)| [keys::edge(&tenant.id, &a, &b), keys::edge(&tenant.id, &b, &a)])
            .collect();
        let present: Vec<EdgeItem> = self.get_many(&edges).await?;
        let present: BTreeSet<_> = present.into_iter().map(|edge| (edge.pk, edge.sk)).collect();
        let missing = edges.into_iter().filter(|edge| !present.contains(&(edge.pk.clone(), edge.sk.clone())));
        let missing: Vec<_> = missing.map(|edge| EdgeItem { pk: edge.pk, sk: edge.sk }).collect();
        self.put_many(&missing).await
    }

    /// Reads a node's partition: what was decided about it comes before its edges, and costs no read of its own.
    async fn neighbours(&self, of: Seen<'_>, mut found: Neighbourhood) -> Result<Neighbourhood, StoreError> {
        let (from, to) = keys::about_node();
        let range = Range {
            index: None,
            pk: keys::node(of.tenant, found.node()),
            sk: Sorted::Between(from.to_owned(), to.to_owned()),
            newest_first: false,
            limit: Some(64),
            only: None,
        };
        let mut after = None;
        loop {
            let (items, next): (Vec<NodeItem>, _) = self.query(&range, after).await?;
            for item in items {
                if let Some(decision) = item.decision {
                    if of.as_of.is_none_or(|as_of| decision.at <= as_of) {
                        found.hear(decision.decided());
                    }
                } else if let Some(target) = keys::edge_target(&item.sk)
                    && !found.add(target)
                {
                    return Ok(found);
                }
            }
            if next.is_none() {
                return Ok(found);
            }
            after = next;
        }
    }

    /// Writes the pairs of a decision, each at both of its nodes, all or none.
    pub async fn put_decision(&self, tenant: &TenantId, pairs: &[Decision]) -> Result<(), StoreError> {
        let mut puts = Vec::new();
        for decision in pairs {
            for node in [&decision.customer, &decision.other] {
                let key = keys::decision(tenant, node, decision);
                let item = DecisionItem { pk: key.pk, sk: key.sk, decision: decision.clone() };
                puts.push((written(&item)?, Unless::Exists));
            }
        }
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
            let range = Range {
                index: None,
                pk: keys::node(tenant, &node),
                sk: Sorted::Prefix(keys::decisions()),
                newest_first: false,
                limit: None,
                only: None,
            };
            self.query_all::<DecisionItem>(&range).await
        };
        let items: Vec<Vec<DecisionItem>> =
            stream::iter(nodes.clone()).map(of_node).buffer_unordered(ABREAST).try_collect().await?;
        let mut decisions: Vec<_> = items.into_iter().flatten().map(|item| item.decision).collect();
        decisions.sort_by_key(Decision::place);
        decisions.dedup();
        Ok(decisions)
    }

    /// The customer that a node belongs to.
    async fn customer(&self, of: Seen<'_>, node: NodeId, limits: Limits) -> Result<Customer, StoreError> {
        let mut walk = Walk::from(node, limits);
        loop {
            let wanted = walk.wanted();
            if wanted.is_empty() {
                return Ok(walk.customer());
            }
            let found: Vec<_> = stream::iter(wanted)
                .map(|node| self.neighbours(of, node))
                .buffer_unordered(ABREAST)
                .try_collect()
                .await?;
            found.into_iter().for_each(|node| walk.learn(node));
        }
    }
}

fn nodes(key: &IdentityKey, identifiers: &BTreeSet<Identifier>) -> BTreeSet<NodeId> {
    identifiers.iter().map(|identifier| key.node(identifier)).collect()
}

/// Whose graph is read, and as of which moment.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    tenant: &'a TenantId,
    /// Later decisions do not count. Observations have no time, and count whenever they came.
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

    /// Takes no notice of what was decided by hand after this moment.
    #[must_use]
    pub fn as_of(mut self, moment: Timestamp) -> Self {
        self.seen.as_of = Some(moment);
        self
    }

    pub async fn of_node(&mut self, node: &NodeId) -> Result<Arc<Customer>, StoreError> {
        if let Some(customer) = self.found.get(node) {
            return Ok(Arc::clone(customer));
        }
        let limits = self.tenant.settings.limits();
        let customer = Arc::new(self.table.customer(self.seen, node.clone(), limits).await?);
        self.remember(node, &customer);
        Ok(customer)
    }

    /// The id of the customer that a fact with this anchor belongs to.
    pub async fn id_of(&mut self, anchor: Option<&Identifier>) -> Result<Option<String>, StoreError> {
        let Some(anchor) = anchor else { return Ok(None) };
        let node = self.tenant.identity().node(anchor);
        Ok(self.of_node(&node).await?.id().map(ToString::to_string))
    }

    /// Looks up many nodes, several at a time.
    pub async fn find(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Result<(), StoreError> {
        let (table, tenant, seen) = (self.table, self.tenant, self.seen);
        let nodes: Vec<NodeId> = nodes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        for nodes in nodes.chunks(WALKS) {
            // What earlier walks found, no other need look for.
            let unknown: Vec<_> =
                nodes.iter().filter(|node| !self.found.contains_key(node)).cloned().collect();
            let walks = stream::iter(unknown).map(|node| async move {
                let customer = table.customer(seen, node.clone(), tenant.settings.limits()).await?;
                Ok::<_, StoreError>((node, Arc::new(customer)))
            });
            let walked: Vec<_> = walks.buffer_unordered(WALKS_ABREAST).try_collect().await?;
            walked.iter().for_each(|(node, customer)| self.remember(node, customer));
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
