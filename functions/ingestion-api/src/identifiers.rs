//! `customer_identifiers`, alike in interactions and conversions.

use std::collections::BTreeSet;

use api::fields::IdentifierValue;
use domain::identifier::{Identifier, IdentifierType, NotIdentifying};
use domain::json::{self, Reader};
use schemars::JsonSchema;
use store::Tenant;

/// Something the customer is known by. A withheld number, or one of the tenant's own, identifies nobody.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Identifier")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct IdentifierReport {
    #[schemars(example = &"phone")]
    r#type: IdentifierType,
    #[schemars(example = &"+14155550123")]
    value: IdentifierValue,
}

/// Takes 1 to 10 identifiers. Withheld numbers and the tenant's own are accepted and identify nobody.
pub(crate) fn take(body: &mut Reader<'_>, tenant: &Tenant) -> BTreeSet<Identifier> {
    const TYPES: &[&str] = &["phone", "email", "lead_id", "customer_id"];
    let region = tenant.settings.region();
    let identifiers = body.objects("customer_identifiers", 1..=10, |item| {
        let kind = item.required("type", json::one_of(IdentifierType::parse, TYPES));
        let value = item.required("value", json::text_or_number);
        match Identifier::parse(kind?, &value?, region) {
            Ok(identifier) if tenant.settings.is_own(&identifier) => None,
            Ok(identifier) => Some(identifier),
            Err(NotIdentifying::Withheld) => None,
            Err(problem) => {
                item.refuse("value", problem);
                None
            }
        }
    });
    identifiers.into_iter().collect()
}
