//! A conversion: an event worth money, or counted.

use std::collections::BTreeSet;

use crate::identifier::{Identifier, IdentifierType};
use crate::ids::ExternalId;
use crate::interaction::MOST_IDENTIFIERS;
use crate::merged::Merged;
use crate::money::{Money, portion};
use crate::time::Timestamp;

/// A purchase, a sign-up, a bound policy, as the tenant reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    pub external_id: ExternalId,
    /// Open: `purchase`, `signup`, …; kept as sent.
    pub event_type: String,
    pub identifiers: BTreeSet<Identifier>,
    pub amount: Money,
    pub occurred_at: Timestamp,
    pub event_source: String,
    /// An object, as compact JSON with sorted keys.
    pub metadata: Option<String>,
    /// What the tenant calls the conversion that this one pays back, in whole or in part: its amount is negative.
    ///
    /// A refund or chargeback takes back what touches were credited for that conversion, on its own day.
    pub refund_of: Option<ExternalId>,
    /// What is paid for it to who brought it about, in minor units of the amount's currency.
    pub commission_minor: Option<i64>,
    pub policy_id: Option<String>,
    pub policy_number: Option<String>,
}

impl Conversion {
    /// Merges a repeated report into what is stored. Reports merge alike in any order.
    pub fn merged_with(&self, again: &Conversion) -> Merged<Conversion> {
        let mut contradicted = Vec::new();
        let mut check = |field, same: bool| {
            if !same {
                contradicted.push(field);
            }
        };
        check("event_type", self.event_type == again.event_type);
        check("amount_decimal", self.amount.minor == again.amount.minor);
        check("currency", self.amount.currency == again.amount.currency);
        check("occurred_at", self.occurred_at == again.occurred_at);
        check("event_source", self.event_source == again.event_source);
        check("refund_of", self.refund_of == again.refund_of);
        check("metadata", agree(&self.metadata, &again.metadata));
        check("commission_amount", agree(&self.commission_minor, &again.commission_minor));
        check("policy_id", agree(&self.policy_id, &again.policy_id));
        check("policy_number", agree(&self.policy_number, &again.policy_number));
        if !contradicted.is_empty() {
            return Merged::Contradicts(contradicted);
        }
        let mut merged = self.clone();
        merged.identifiers.extend(again.identifiers.iter().cloned());
        if merged.identifiers.len() > MOST_IDENTIFIERS {
            return Merged::Contradicts(vec!["customer_identifiers"]);
        }
        merged.metadata = merged.metadata.or_else(|| again.metadata.clone());
        merged.commission_minor = merged.commission_minor.or(again.commission_minor);
        merged.policy_id = merged.policy_id.or_else(|| again.policy_id.clone());
        merged.policy_number = merged.policy_number.or_else(|| again.policy_number.clone());
        if merged == *self { Merged::Same } else { Merged::Added(merged) }
    }

    /// What is paid for it while only so much of its amount is left: as large a part of its commission.
    pub fn commission_of(&self, left_minor: i64) -> i64 {
        let left = left_minor.unsigned_abs().min(self.amount.minor.unsigned_abs());
        match self.amount.minor {
            // Of nothing, nothing can be paid back.
            0 => self.commission_minor.unwrap_or_default(),
            whole => portion(self.commission_minor.unwrap_or_default(), left, whole.unsigned_abs()),
        }
    }

    /// What the tenant calls the customer as a lead, if it said so.
    pub fn lead_id(&self) -> Option<&str> {
        let lead = self.identifiers.iter().find(|identifier| identifier.kind() == IdentifierType::LeadId);
        lead.map(Identifier::value)
    }

    /// The strongest identifier: the one whose customer converted.
    pub fn anchor(&self) -> Option<&Identifier> {
        self.identifiers.first()
    }
}

/// Whether two reports say the same of something, or one of them nothing.
fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Region;
    use crate::money::Currency;

    fn conversion() -> Conversion {
        let phone = Identifier::parse(IdentifierType::Phone, "+14155550123", Region::US).unwrap();
        Conversion {
            external_id: ExternalId::parse("order-1").unwrap(),
            event_type: "purchase".to_owned(),
            identifiers: BTreeSet::from([phone]),
            amount: Money { minor: 500_000, currency: Currency::parse("USD").unwrap() },
            occurred_at: Timestamp::from_ms(1_705_759_200_000),
            event_source: "billing".to_owned(),
            metadata: None,
            refund_of: None,
            commission_minor: Some(50_000),
            policy_id: None,
            policy_number: None,
        }
    }

    #[test]
    fn commission_goes_down_with_what_is_left_of_the_amount() {
        let stored = conversion();
        assert_eq!([500_000, 250_000, 3, 0].map(|left| stored.commission_of(left)), [50_000, 25_000, 0, 0]);
        assert_eq!(Conversion { commission_minor: None, ..stored }.commission_of(500_000), 0);
    }

    #[test]
    fn a_repeated_report_adds_or_is_refused_and_never_overwrites() {
        let stored = conversion();
        assert_eq!(stored.merged_with(&conversion()), Merged::Same);
        let email = Identifier::parse(IdentifierType::Email, "a@example.com", Region::US).unwrap();
        let mut more = conversion();
        more.metadata = Some(r#"{"sku":"7"}"#.to_owned());
        more.identifiers = BTreeSet::from([email.clone()]);
        let Merged::Added(merged) = stored.merged_with(&more) else { panic!("nothing contradicts") };
        assert_eq!(merged.identifiers.len(), 2);
        assert_eq!(merged.anchor(), Some(&email));
        assert_eq!(merged.merged_with(&more), Merged::Same);
        let mut other = conversion();
        other.amount.minor = 1;
        other.event_source = "crm".to_owned();
        assert_eq!(stored.merged_with(&other), Merged::Contradicts(vec!["amount_decimal", "event_source"]));
    }
}
