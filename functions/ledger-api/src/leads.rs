//! Leads: customers by the id that the tenant has for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Access, ApiError};
use domain::identifier::{Identifier, IdentifierType};
use domain::identity::{Customer, NodeId};
use domain::json::{self, Reader};
use domain::rule::{Refusal, Rule};
use serde_json::value::RawValue;
use store::{Customers, Tenant};

/// A lead as requests name it: by an id of the tenant's, or by ours of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    Theirs(Identifier),
    Ours(NodeId),
}

impl Lead {
    pub(crate) fn parse(text: &str, tenant: &Tenant) -> Result<Self, Refusal> {
        if let Some(node) = NodeId::parse(text) {
            return Ok(Self::Ours(node));
        }
        let lead = Identifier::parse(IdentifierType::LeadId, text, tenant.settings.region());
        lead.map(Self::Theirs).map_err(|error| Refusal::of(Rule::IdentifierOfType, error.to_string()))
    }

    /// Takes `leadId` of who is reported: only the tenant's own id names somebody new.
    pub(crate) fn take_own(body: &mut Reader<'_>, tenant: &Tenant) -> Option<Identifier> {
        match body.required("leadId", Self::read(tenant))? {
            Lead::Theirs(lead) => Some(lead),
            Lead::Ours(_) => {
                let problem = "must be your own id of the lead; ours begin with cus_";
                body.refuse("leadId", Refusal::of(Rule::IdentifierOfType, problem));
                None
            }
        }
    }

    /// Reads it from a body.
    pub(crate) fn read(tenant: &Tenant) -> impl Fn(&RawValue) -> Result<Self, Refusal> {
        move |raw| Self::parse(&json::text_or_number(raw)?, tenant)
    }

    pub(crate) fn node(&self, tenant: &Tenant) -> NodeId {
        match self {
            Lead::Theirs(identifier) => tenant.identity().node(identifier),
            Lead::Ours(node) => node.clone(),
        }
    }

    /// Whom it is.
    pub(crate) async fn customer(&self, access: &Access, tenant: &Tenant) -> Result<Arc<Customer>, ApiError> {
        Ok(Customers::of(&access.table, tenant).of_node(&self.node(tenant)).await?)
    }
}

/// What a lead is called: as the tenant named it, else by our id of the customer.
pub(crate) fn lead_id(identifiers: &BTreeSet<Identifier>, customer_id: Option<String>) -> Option<String> {
    let named = identifiers.iter().find(|identifier| identifier.kind() == IdentifierType::LeadId);
    named.map(|lead| lead.value().to_owned()).or(customer_id)
}
