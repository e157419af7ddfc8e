//! What the lists of facts share.

use std::collections::BTreeSet;

use api::{Access, ApiError, Cursors, Query};
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use store::{Customers, Fact, Paging, Position, Tenant};

/// The page of a list, and where the next one begins.
pub(crate) struct FactPage {
    pub(crate) ids: Vec<FactId>,
    pub(crate) next_cursor: Option<String>,
}

/// Reads a page of facts: of a customer if one is named, else of the tenant.
pub(crate) async fn page(
    access: &Access,
    tenant: &Tenant,
    kind: FactKind,
    mut query: Query,
) -> Result<FactPage, ApiError> {
    let span = query.span(tenant.settings.zone());
    let limit = query.limit();
    let agent_id = if kind == FactKind::Interaction { query.text("agent_id") } else { None };
    let customer_id = query.text("customer_id");
    let list = format!("{}|{span:?}|{agent_id:?}|{customer_id:?}", kind.code());
    let cursors = Cursors::of(tenant, list);
    let after: Option<Position> = cursors.position(&mut query)?;
    let member = customer_id.map(|id| NodeId::parse(&id).ok_or(id));
    query.finish()?;
    let paging = Paging { span, after: after.as_ref(), limit, newest_first: true };
    let keep = |fact: &Fact| {
        fact.id.kind() == kind && agent_id.as_ref().is_none_or(|agent| fact.agent_id.as_ref() == Some(agent))
    };
    let facts = access.table.facts(tenant, access.clock.now());
    let page = match member {
        None => facts.newest(kind, paging, keep).await?,
        // An id that we never gave out has no facts.
        Some(Err(_)) => return Ok(FactPage { ids: Vec::new(), next_cursor: None }),
        Some(Ok(node)) => {
            let members = members(access, tenant, &node).await?;
            facts.timeline(&members, paging, keep).await?
        }
    };
    Ok(FactPage {
        ids: page.items.into_iter().map(|fact| fact.id).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    })
}

async fn members(access: &Access, tenant: &Tenant, node: &NodeId) -> Result<BTreeSet<NodeId>, ApiError> {
    Ok(Customers::of(&access.table, tenant).of_node(node).await?.members.clone())
}
