use api::fields::{Days, Page, Text, Wanted};
use api::views::InteractionView;
use api::{Access, ApiError, Caller, Data, Listed, Query, may};
use axum::extract::{Path, State};
use domain::ids::{ExternalId, FactId, FactKind};
use domain::rule::Rule;
use domain::source::Source;
use schemars::JsonSchema;
use store::{Customers, StoredInteraction, Tenant};

use crate::lookup;

/// Read one interaction
pub(crate) async fn find_interaction(
    State(access): State<Access>,
    caller: Caller<may::InteractionsView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<InteractionView>, ApiError> {
    query.finish()?;
    let found = access.interaction(&caller.tenant, &id).await?;
    let mut views = views(&access, &caller.tenant, vec![found]).await?;
    views.pop().map(Data).ok_or(ApiError::NotFound("interaction"))
}

/// Which interactions are listed.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::CombinedFilters, Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListInteractions {
    /// What the source calls it: a list of at most one a source
    external_id: Option<Text<128>>,
    /// Whose `external_id` it is; any unless given
    source: Option<Source>,
    agent_id: Option<Wanted>,
    /// The id of any member of the customer
    customer_id: Option<Wanted>,
    #[schemars(flatten)]
    days: Days,
    #[schemars(flatten)]
    page: Page,
}

/// List interactions, newest first
pub(crate) async fn list_interactions(
    State(access): State<Access>,
    caller: Caller<may::InteractionsView>,
    mut query: Query<ListInteractions>,
) -> Result<Listed<InteractionView>, ApiError> {
    let tenant = &caller.tenant;
    if let Some(id) = query.text("external_id") {
        query.single_page()?;
        let source = query.parsed("source", |text| Source::parse(text).ok_or("is not a source"));
        query.refuse_others(
            &["agent_id", "customer_id", "start_date", "end_date"],
            "cannot be combined with external_id",
        );
        query.finish()?;
        let id = ExternalId::parse(&id).map_err(|error| ApiError::field("external_id", error))?;
        let found = of_sources(&access, tenant, source, &id).await?;
        return Ok(Listed { items: views(&access, tenant, found).await?, next_cursor: None });
    }
    query.refuse_others(&["source"], "says whose external_id is meant, and needs it");
    let page = lookup::page(&access, tenant, FactKind::Interaction, query).await?;
    let found = access.table.interactions(tenant, &page.ids, access.clock.now()).await?;
    Ok(Listed { items: views(&access, tenant, found).await?, next_cursor: page.next_cursor })
}

/// The interactions that sources call so, at most one a source.
async fn of_sources(
    access: &Access,
    tenant: &Tenant,
    source: Option<Source>,
    id: &ExternalId,
) -> Result<Vec<StoredInteraction>, ApiError> {
    let sources =
        Source::ALL.into_iter().filter(|candidate| source.is_none_or(|wanted| wanted == *candidate));
    let ids: Vec<FactId> = sources.map(|source| FactId::interaction(&tenant.id, source, id)).collect();
    Ok(access.table.interactions(tenant, &ids, access.clock.now()).await?)
}

pub(crate) async fn views(
    access: &Access,
    tenant: &Tenant,
    found: Vec<StoredInteraction>,
) -> Result<Vec<InteractionView>, ApiError> {
    let mut customers = Customers::of(&access.table, tenant);
    let identity = tenant.identity();
    customers
        .find(found.iter().filter_map(|stored| Some(identity.node(&stored.interaction.anchor()?))))
        .await?;
    let mut views = Vec::new();
    for stored in found {
        let customer_id = customers.id_of(stored.interaction.anchor().as_ref()).await?;
        views.push(InteractionView::of(tenant, &stored, customer_id));
    }
    Ok(views)
}
