//! The identity graph: edges in both directions, and the walk over them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::identifier::Identifier;
use domain::identity::{Customer, IdentityKey, Limits, Neighbourhood, NodeId, Shape, Walk, links};
use domain::ids::TenantId;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table};
use crate::tenants::Tenant;

/// How many nodes of a walk are read at a time.
const ABREAST: usize = 8;

#[derive(Serialize, Deserialize)]
struct EdgeItem {
    pk: String,
    sk: String,
}

#[derive(Deserialize)]
struct EdgeTarget {
    sk: String,
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

    async fn neighbours(
        &self,
        tenant: &TenantId,
        mut found: Neighbourhood,
    ) -> Result<Neighbourhood, StoreError> {
        let range = Range {
            index: None,
            pk: keys::node(tenant, found.node()),
            sk: Sorted::Prefix(keys::edges()),
            newest_first: false,
            limit: Some(64),
            only: None,
        };
        let mut after = None;
        loop {
            let (edges, next): (Vec<EdgeTarget>, _) = self.query(&range, after).await?;
            let targets = edges.iter().filter_map(|edge| keys::edge_target(&edge.sk));
            for target in targets {
                if !found.add(target) {
                    return Ok(found);
                }
            }
            if next.is_none() {
                return Ok(found);
            }
            after = next;
        }
    }

    /// The customer that a node belongs to.
    pub async fn customer(
        &self,
        tenant: &TenantId,
        node: NodeId,
        limits: Limits,
    ) -> Result<Customer, StoreError> {
        let mut walk = Walk::from(node, limits);
        loop {
            let wanted = walk.wanted();
            if wanted.is_empty() {
                return Ok(walk.customer());
            }
            let found: Vec<_> = stream::iter(wanted)
                .map(|node| self.neighbours(tenant, node))
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

/// Looks customers up, each component once: for one request, or one pass of a planner.
#[derive(Debug)]
pub struct Customers<'a> {
    table: &'a Table,
    tenant: &'a Tenant,
    found: HashMap<NodeId, Arc<Customer>>,
}

impl<'a> Customers<'a> {
    pub fn of(table: &'a Table, tenant: &'a Tenant) -> Self {
        Self { table, tenant, found: HashMap::new() }
    }

    pub async fn of_node(&mut self, node: &NodeId) -> Result<Arc<Customer>, StoreError> {
        if let Some(customer) = self.found.get(node) {
            return Ok(Arc::clone(customer));
        }
        let limits = self.tenant.settings.limits();
        let customer = Arc::new(self.table.customer(&self.tenant.id, node.clone(), limits).await?);
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
        let (table, tenant) = (self.table, self.tenant);
        let mut unknown: Vec<NodeId> = nodes.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        while !unknown.is_empty() {
            // What one walk found, no other need look for.
            unknown.retain(|node| !self.found.contains_key(node));
            let batch: Vec<NodeId> = unknown.drain(..unknown.len().min(4 * ABREAST)).collect();
            let walks = stream::iter(batch).map(|node| async move {
                let customer = table.customer(&tenant.id, node.clone(), tenant.settings.limits()).await?;
                Ok::<_, StoreError>((node, Arc::new(customer)))
            });
            let walked: Vec<_> = walks.buffer_unordered(4 * ABREAST).try_collect().await?;
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
                for member in &customer.dissolved {
                    let alone = Customer {
                        members: BTreeSet::from([member.clone()]),
                        shape: Shape::Dissolved,
                        linked: true,
                        dissolved: BTreeSet::new(),
                    };
                    self.found.insert(member.clone(), Arc::new(alone));
                }
            }
        }
    }
}
