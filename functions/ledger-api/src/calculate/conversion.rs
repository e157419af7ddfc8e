//! Which conversion is shared out.

use std::collections::BTreeSet;

use api::{Access, ApiError};
use domain::conversion::Conversion;
use domain::identity::Customer;
use domain::ids::{ExternalId, FactKind};
use domain::rule::{Refusal, Rule};
use domain::time::Timestamp;
use store::{Span, StoredConversion, Tenant};

use super::Asked;
use crate::conversions::Commission;

pub(super) fn not_of_lead(problem: &str) -> ApiError {
    ApiError::field("conversionId", Refusal::of(Rule::ConversionOfLead, problem))
}

/// The lead's latest conversion that pays no other back.
pub(super) async fn latest(
    access: &Access,
    tenant: &Tenant,
    customer: &Customer,
) -> Result<StoredConversion, ApiError> {
    let now = access.clock.now();
    let places = access.table.facts(tenant, now).places(&customer.members, Span::ALL).await?;
    let ids: Vec<_> =
        places.into_iter().map(|(_, id)| id).filter(|id| id.kind() == FactKind::Conversion).collect();
    let found = access.table.conversions(tenant, &ids, now).await?;
    let last = found.into_iter().rfind(|stored| stored.conversion.refund_of.is_none());
    last.ok_or_else(|| not_of_lead("is required: the lead has no conversion that is stored"))
}

/// Whether a stored conversion is what the request says of it.
pub(super) fn check(
    tenant: &Tenant,
    asked: &Asked,
    customer: &Customer,
    stored: &StoredConversion,
) -> Result<(), ApiError> {
    let conversion = &stored.conversion;
    let anchor = conversion.anchor().map(|anchor| tenant.identity().node(anchor));
    if !anchor.is_some_and(|anchor| customer.members.contains(&anchor)) {
        return Err(not_of_lead("must name a conversion of this lead"));
    }
    if conversion.refund_of.is_some() {
        return Err(not_of_lead("must not name what pays another conversion back"));
    }
    let (currency, is_given) = asked.currency;
    let is_amount = asked.value.is_some() || matches!(asked.commission, Some(Commission::Amount(_)));
    if (is_given || is_amount) && currency != Some(conversion.amount.currency) {
        let problem = format!("must be the conversion's, {}", conversion.amount.currency.code());
        return Err(ApiError::field("currency", Refusal::of(Rule::ConversionOfLead, problem)));
    }
    if asked.value.is_some_and(|value| value != conversion.amount) {
        let problem = format!(
            "is {} {}; leave it out, or give that",
            conversion.amount,
            conversion.amount.currency.code()
        );
        return Err(ApiError::field("conversionValue", Refusal::of(Rule::ConversionOfLead, problem)));
    }
    if asked.occurred_at.is_some_and(|at| at != conversion.occurred_at) {
        let problem = format!("is {}; leave it out, or give that", conversion.occurred_at);
        return Err(ApiError::field("occurredAt", Refusal::of(Rule::ConversionOfLead, problem)));
    }
    Ok(())
}

/// A conversion that nobody stored: what would be, if the lead converted so.
pub(super) fn assumed(asked: &Asked, now: Timestamp) -> Result<Conversion, ApiError> {
    let problem = "is required, unless conversionId names a conversion that is stored";
    let missing = || ApiError::field("conversionValue", Refusal::of(Rule::ConversionOfLead, problem));
    let amount = asked.value.ok_or_else(missing)?;
    let external_id = ExternalId::parse("assumed").map_err(|_| missing())?;
    Ok(Conversion {
        external_id,
        event_type: String::new(),
        identifiers: BTreeSet::new(),
        amount,
        occurred_at: asked.occurred_at.unwrap_or(now),
        event_source: String::new(),
        metadata: None,
        refund_of: None,
        commission_minor: None,
        policy_id: None,
        policy_number: None,
    })
}
