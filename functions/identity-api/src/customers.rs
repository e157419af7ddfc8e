use std::sync::Arc;

use api::fields::{Page, TypedIdentifier};
use api::{Access, ApiError, Caller, Data, Listed, Query, may};
use axum::extract::{Path, State};
use domain::identifier::{Identifier, IdentifierType};
use domain::identity::{Customer, NodeId, Shape};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Customers, Paging, Span, Tenant};

/// A customer: the identifiers known to be one person. Their values stay with the facts that told them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CustomerView {
    #[schemars(example = &"cus_45b1c2d3e4f5061728394a5b6c7d8e9f")]
    customer_id: String,
    #[schemars(with = "Shape")]
    shape: &'static str,
    members: Vec<MemberView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MemberView {
    #[schemars(example = &"cus_45b1c2d3e4f5061728394a5b6c7d8e9f")]
    member_id: String,
    #[schemars(with = "IdentifierType")]
    identifier_type: &'static str,
}

impl CustomerView {
    pub(crate) fn of(customer: &Customer) -> Self {
        let member =
            |node: &NodeId| MemberView { member_id: node.to_string(), identifier_type: node.kind().code() };
        Self {
            customer_id: customer.id().map(ToString::to_string).unwrap_or_default(),
            shape: customer.shape.name(),
            members: customer.members.iter().map(member).collect(),
        }
    }
}

/// Whose customer is looked for.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct FindCustomer {
    /// The type and the value of an identifier
    identifier: TypedIdentifier,
    /// A list of none or one has one page
    #[schemars(flatten)]
    page: Page,
}

/// Find the customer of an identifier: a list of none or one
pub(crate) async fn list_customers(
    State(access): State<Access>,
    caller: Caller<may::CustomersView>,
    mut query: Query<FindCustomer>,
) -> Result<Listed<CustomerView>, ApiError> {
    let identifier = query.text("identifier");
    query.single_page()?;
    query.finish()?;
    let problem = "is required: TYPE:VALUE, such as phone:+14155550123 or email:ann@example.com";
    let identifier = identifier.as_deref().and_then(|text| text.split_once(':'));
    let parsed = identifier.and_then(|(kind, value)| Some((IdentifierType::parse(kind)?, value)));
    let (kind, value) = parsed.ok_or_else(|| ApiError::field("identifier", problem))?;
    // A plus sign that nobody encoded arrives as a space.
    let value = match (kind, value.strip_prefix(' ')) {
        (IdentifierType::Phone, Some(digits)) => format!("+{digits}"),
        _ => value.to_owned(),
    };
    let identifier = Identifier::parse(kind, &value, caller.tenant.settings.region())
        .map_err(|error| ApiError::field("identifier", error))?;
    let node = caller.tenant.identity().node(&identifier);
    let found = known_customer(&access, &caller.tenant, &node).await?;
    let items = found.iter().map(|customer| CustomerView::of(customer)).collect();
    Ok(Listed { items, next_cursor: None })
}

/// Read one customer; the id of any member will do
pub(crate) async fn find_customer(
    State(access): State<Access>,
    caller: Caller<may::CustomersView>,
    Path(id): Path<String>,
    query: Query<()>,
) -> Result<Data<CustomerView>, ApiError> {
    query.finish()?;
    let (_, customer) = named_customer(&access, &caller.tenant, &id).await?;
    Ok(Data(CustomerView::of(&customer)))
}

/// The customer that a path names, and the node by which it does.
pub(crate) async fn named_customer(
    access: &Access,
    tenant: &Tenant,
    id: &str,
) -> Result<(NodeId, Arc<Customer>), ApiError> {
    let node = named_node(tenant, id)?;
    let customer = known_customer(access, tenant, &node).await?.ok_or(ApiError::NotFound("customer"))?;
    Ok((node, customer))
}

/// How a customer is named: by the id of a member, or `ext:ID` for the tenant's own customer id.
pub(crate) fn named_node(tenant: &Tenant, id: &str) -> Result<NodeId, ApiError> {
    let node = match id.strip_prefix("ext:") {
        None => NodeId::parse(id),
        Some(external) => Identifier::parse(IdentifierType::CustomerId, external, tenant.settings.region())
            .ok()
            .map(|identifier| tenant.identity().node(&identifier)),
    };
    node.ok_or(ApiError::NotFound("customer"))
}

/// The customer of a node, if we know it: connected with another identifier, or named by a fact.
pub(crate) async fn known_customer(
    access: &Access,
    tenant: &Tenant,
    node: &NodeId,
) -> Result<Option<Arc<Customer>>, ApiError> {
    let customer = Customers::of(&access.table, tenant).of_node(node).await?;
    if customer.linked {
        return Ok(Some(customer));
    }
    let first = Paging { span: Span::ALL, after: None, limit: 1, newest_first: true };
    let facts = access.table.facts(tenant, access.clock.now());
    let facts = facts.timeline(&customer.members, first, |_| true).await?;
    Ok((!facts.items.is_empty()).then_some(customer))
}
