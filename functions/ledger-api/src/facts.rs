//! Pages of facts, of a lead or of the tenant.

use std::collections::BTreeSet;

use api::fields::{Limit, NextCursor, Wanted};
use api::{Access, ApiError, Cursors, Query};
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::rule::Rule;
use domain::time::Day;
use schemars::JsonSchema;
use store::{Fact, Paging, Position, Span, Tenant};

use crate::leads::Lead;
use crate::touch_type::TouchType;

/// Which facts are listed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListFacts {
    /// Your id of a lead, or ours of the customer
    #[schemars(extend("x-rules" = [Rule::IdentifierOfType]))]
    lead_id: Option<Wanted>,
    #[schemars(flatten)]
    of_lead: ListOfLead,
}

/// Which facts of a lead are listed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListOfLead {
    /// For touchpoints: only those on this channel
    channel: Option<TouchType>,
    /// The first day, in the tenant's time zone
    start_date: Option<Day>,
    /// The last day
    end_date: Option<Day>,
    /// How many entries a page has
    limit: Option<Limit>,
    /// `next_cursor` of the page before; empty or absent for the first page
    cursor: Option<NextCursor>,
}

/// What a list is asked for.
pub(crate) struct Filter {
    lead: Option<Lead>,
    channel: Option<TouchType>,
    span: Span,
    limit: usize,
    after: Option<Position>,
    cursors: Cursors,
}

pub(crate) struct FactPage {
    pub(crate) ids: Vec<FactId>,
    pub(crate) next_cursor: Option<String>,
}

impl Filter {
    /// Reads what is asked for of a lead, or of whom the query names.
    pub(crate) fn take<T>(
        mut query: Query<T>,
        tenant: &Tenant,
        lead: Option<Lead>,
    ) -> Result<Self, ApiError> {
        query.accept_snake_case();
        let lead = match lead {
            Some(lead) => Some(lead),
            None => query.parsed("leadId", |text| Lead::parse(text, tenant)),
        };
        let channel = query.parsed("channel", TouchType::named);
        let span = query.span(tenant.settings.zone());
        let limit = query.limit();
        let cursors = Cursors::of(tenant, format!("facts|{lead:?}|{channel:?}|{span:?}"));
        let after = cursors.position(&mut query)?;
        query.finish()?;
        Ok(Self { lead, channel, span, limit, after, cursors })
    }

    pub(crate) async fn page(
        &self,
        access: &Access,
        tenant: &Tenant,
        kind: FactKind,
    ) -> Result<FactPage, ApiError> {
        let paging =
            Paging { span: self.span, after: self.after.as_ref(), limit: self.limit, newest_first: true };
        let keep = |fact: &Fact| {
            let channel = fact.channel.as_deref().map(TouchType::of_channel);
            fact.id.kind() == kind && (self.channel.is_none() || self.channel == channel)
        };
        let facts = access.table.facts(tenant, access.clock.now());
        let page = match &self.lead {
            None => facts.newest(kind, paging, keep).await?,
            Some(lead) => {
                let members: BTreeSet<NodeId> = lead.customer(access, tenant).await?.members.clone();
                facts.timeline(&members, paging, keep).await?
            }
        };
        Ok(FactPage {
            ids: page.items.into_iter().map(|fact| fact.id).collect(),
            next_cursor: page.next.map(|position| self.cursors.seal(&position)),
        })
    }
}
