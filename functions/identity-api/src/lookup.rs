//! What the lists of facts share.

use std::collections::BTreeSet;

use api::{Access, ApiError, Cursors, Query};
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use store::{Answer, Credit, Customers, Fact, Page, Paging, Position, Span, StoreError, Tenant};

use crate::conversions::whose;

/// The page of a list, and where the next one begins.
pub(crate) struct FactPage {
    pub(crate) ids: Vec<FactId>,
    pub(crate) next_cursor: Option<String>,
}

/// How many pages of conversions are looked through for those of an agent, before the list goes on with another page.
const MOST_PAGES: usize = 10;

/// What a list is asked for.
struct Asked {
    kind: FactKind,
    span: Span,
    limit: usize,
    agent_id: Option<String>,
    /// Of a customer, if one is named.
    members: Option<BTreeSet<NodeId>>,
}

/// Reads a page of facts: of a customer if one is named, else of the tenant; of an agent if one is named, to whom an
/// interaction belongs, or who has a credit for a conversion in the run that answers for its day.
pub(crate) async fn page<T>(
    access: &Access,
    tenant: &Tenant,
    kind: FactKind,
    mut query: Query<T>,
) -> Result<FactPage, ApiError> {
    let span = query.span(tenant.settings.zone());
    let limit = query.limit();
    let agent_id = query.text("agent_id");
    let customer_id = query.text("customer_id");
    let list = format!("{}|{span:?}|{agent_id:?}|{customer_id:?}", kind.code());
    let cursors = Cursors::of(tenant, list);
    let after: Option<Position> = cursors.position(&mut query)?;
    query.finish()?;
    let members = match customer_id.as_deref().map(NodeId::parse) {
        None => None,
        // An id that we never gave out has no facts.
        Some(None) => return Ok(FactPage { ids: Vec::new(), next_cursor: None }),
        Some(Some(node)) => Some(members(access, tenant, &node).await?),
    };
    let asked = Asked { kind, span, limit, agent_id, members };
    let page = match (&asked.agent_id, kind) {
        (Some(agent_id), FactKind::Conversion) => asked.credited_to(agent_id, access, tenant, after).await?,
        (_, FactKind::Interaction | FactKind::Conversion) => {
            asked.facts(access, tenant, after.as_ref(), limit).await?
        }
    };
    Ok(FactPage {
        ids: page.items.into_iter().map(|fact| fact.id).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    })
}

impl Asked {
    async fn facts(
        &self,
        access: &Access,
        tenant: &Tenant,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page<Fact>, StoreError> {
        let paging = Paging { span: self.span, after, limit, newest_first: true };
        let agent_id = self.agent_id.as_ref().filter(|_| self.kind == FactKind::Interaction);
        let keep = |fact: &Fact| {
            fact.id.kind() == self.kind && agent_id.is_none_or(|agent| fact.agent_id.as_ref() == Some(agent))
        };
        let facts = access.table.facts(tenant, access.clock.now());
        match &self.members {
            None => facts.newest(self.kind, paging, keep).await,
            Some(members) => facts.timeline(members, paging, keep).await,
        }
    }

    /// Conversions with a credit for an agent; a page may have fewer than asked for and not be the last.
    async fn credited_to(
        &self,
        agent_id: &str,
        access: &Access,
        tenant: &Tenant,
        mut after: Option<Position>,
    ) -> Result<Page<Fact>, ApiError> {
        let mut items = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.facts(access, tenant, after.as_ref(), self.limit - items.len()).await?;
            let credited = credited_to(agent_id, access, tenant, &page.items).await?;
            items.extend(page.items.into_iter().filter(|fact| credited.contains(&fact.id)));
            after = page.next;
            if after.is_none() || items.len() == self.limit {
                break;
            }
        }
        Ok(Page { items, next: after })
    }
}

/// Which of these conversions an agent has a credit for.
async fn credited_to(
    agent_id: &str,
    access: &Access,
    tenant: &Tenant,
    conversions: &[Fact],
) -> Result<BTreeSet<FactId>, ApiError> {
    let day_of = |fact: &Fact| tenant.settings.zone().day_of(fact.time);
    let days = conversions.iter().map(day_of);
    let Some(days) = days.clone().min().zip(days.max()) else { return Ok(BTreeSet::new()) };
    let all: Vec<_> = conversions.iter().map(|fact| fact.id.clone()).collect();
    let stored = access.table.conversions(tenant, &all, access.clock.now()).await?;
    let whose = whose(access, tenant, &stored).await?;
    let mut ids = BTreeSet::new();
    for Answer { run, from, to } in access.table.answers(tenant, days, access.clock.now()).await? {
        let of_run = conversions.iter().filter(|fact| (from..=to).contains(&day_of(fact)));
        let of_run = of_run.filter_map(|fact| Some((&fact.id, &whose.get(&fact.id)?.component)));
        let of_run: Vec<_> = of_run.collect();
        let credited = access.table.credits_in_run(&tenant.id, &run, &of_run).await?;
        let is_of_agent =
            |credit: &Credit| credit.agent_id.as_deref() == Some(agent_id) && credit.weight_ppb > 0;
        let of_agent = credited.into_iter().filter(|(_, credited)| credited.credits.iter().any(is_of_agent));
        ids.extend(of_agent.map(|(id, _)| id));
    }
    Ok(ids)
}

async fn members(access: &Access, tenant: &Tenant, node: &NodeId) -> Result<BTreeSet<NodeId>, ApiError> {
    Ok(Customers::of(&access.table, tenant).of_node(node).await?.members.clone())
}
