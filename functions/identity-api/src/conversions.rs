use std::collections::BTreeMap;
use std::sync::Arc;

use api::fields::{Days, Page, Text, Wanted};
use api::views::ConversionView;
use api::{Access, ApiError, Caller, Data, Listed, Named, Query, may};
use axum::extract::{Path, State};
use domain::identity::{Customer, NodeId};
use domain::ids::{ExternalId, FactId, FactKind};
use domain::rule::Rule;
use schemars::JsonSchema;
use store::{Customers, StoredConversion, Tenant};

use crate::lookup;

/// Read one conversion
pub(crate) async fn find_conversion(
    State(access): State<Access>,
    caller: Caller<may::ConversionsView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<ConversionView>, ApiError> {
    query.finish()?;
    let named = Named::parse(FactKind::Conversion, &id).ok_or(ApiError::NotFound("conversion"))?;
    let id = match named {
        Named::Ours(id) => id,
        Named::External(_, id) => FactId::conversion(&caller.tenant.id, &id),
    };
    let found = access.table.conversion(&caller.tenant, &id, access.clock.now()).await?;
    let mut views = views(&access, &caller.tenant, found.into_iter().collect()).await?;
    views.pop().map(Data).ok_or(ApiError::NotFound("conversion"))
}

/// Which conversions are listed.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::CombinedFilters, Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListConversions {
    /// What the tenant calls it: a list of none or one
    external_id: Option<Text<128>>,
    /// Those that the agent has a credit for in the run that answers for their day, as reports do; a page may then have
    /// fewer entries than asked for
    agent_id: Option<Wanted>,
    /// The id of any member of the customer
    customer_id: Option<Wanted>,
    #[schemars(flatten)]
    days: Days,
    #[schemars(flatten)]
    page: Page,
}

/// List conversions, newest first
///
/// With `agent_id`, those that the agent has a credit for in the run that answers for their day, as reports do: none
/// before there is such a run. A page of these may have fewer than asked for; `next_cursor` is null at the end.
pub(crate) async fn list_conversions(
    State(access): State<Access>,
    caller: Caller<may::ConversionsView>,
    mut query: Query<ListConversions>,
) -> Result<Listed<ConversionView>, ApiError> {
    let tenant = &caller.tenant;
    let (ids, next_cursor) = match query.text("external_id") {
        Some(id) => {
            query.single_page()?;
            query.refuse_others(
                &["agent_id", "customer_id", "start_date", "end_date"],
                "cannot be combined with external_id",
            );
            query.finish()?;
            let id = ExternalId::parse(&id).map_err(|error| ApiError::field("external_id", error))?;
            (vec![FactId::conversion(&tenant.id, &id)], None)
        }
        None => {
            let page = lookup::page(&access, tenant, FactKind::Conversion, query).await?;
            (page.ids, page.next_cursor)
        }
    };
    let found = access.table.conversions(tenant, &ids, access.clock.now()).await?;
    Ok(Listed { items: views(&access, tenant, found).await?, next_cursor })
}

pub(crate) async fn views(
    access: &Access,
    tenant: &Tenant,
    found: Vec<StoredConversion>,
) -> Result<Vec<ConversionView>, ApiError> {
    let whose = whose(access, tenant, &found).await?;
    let customer_id = |stored: &StoredConversion| whose.get(&stored.id)?.id().map(ToString::to_string);
    Ok(found.iter().map(|stored| ConversionView::of(stored, customer_id(stored))).collect())
}

/// Whose these conversions are; a refund is of the customer whom it pays back.
pub(crate) async fn whose(
    access: &Access,
    tenant: &Tenant,
    found: &[StoredConversion],
) -> Result<BTreeMap<FactId, Arc<Customer>>, ApiError> {
    let refunds: Vec<_> = found.iter().filter(|stored| stored.conversion.refund_of.is_some()).collect();
    let originals = access.table.originals(tenant, &refunds, access.clock.now()).await?;
    let identity = tenant.identity();
    let anchors = found.iter().filter_map(|stored| {
        let anchor = originals.get(&stored.id).unwrap_or(stored).conversion.anchor()?;
        Some((&stored.id, identity.node(anchor)))
    });
    let anchors: Vec<(&FactId, NodeId)> = anchors.collect();
    let mut customers = Customers::of(&access.table, tenant);
    customers.find(anchors.iter().map(|(_, anchor)| anchor.clone())).await?;
    let known =
        |(id, anchor): &(&FactId, NodeId)| Some(((*id).clone(), Arc::clone(customers.known(anchor)?)));
    Ok(anchors.iter().filter_map(known).collect())
}
