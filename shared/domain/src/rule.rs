//! The rules that a request of the right form may still break, named so that programs can tell them apart.
//!
//! The OpenAPI document says of every operation which of them apply; whatever else is refused breaks its schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

macro_rules! rules {
    ($($rule:ident = $name:literal, $sentence:literal;)+) => {
        /// A rule beyond the schemas. To add one, add its line to the list, and name it in a schema it applies to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($rule,)+ }

        impl Rule {
            pub const ALL: &[Rule] = &[$(Rule::$rule,)+];

            pub const fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)+ }
            }

            /// What it asks for.
            pub const fn sentence(self) -> &'static str {
                match self { $(Rule::$rule => $sentence,)+ }
            }
        }
    };
}

rules! {
    NotInFuture = "not_in_future", "A moment must not lie more than five minutes after now.";
    NotBefore2000 = "not_before_2000", "A moment must not lie before the year 2000 in UTC.";
    EndsAfterStart = "ends_after_start", "`ended_at` must not be before `started_at`.";
    DaysInOrder = "days_in_order", "`end_date` must not be before `start_date`.";
    IdentifierOfType = "identifier_of_type",
        "An identifier must be what its type says: a phone number of some country, an e-mail address, or an id of 1 to \
         128 printable characters; where somebody must be meant, not one of the tenant's own numbers.";
    KnownCustomer = "known_customer", "Another customer must be named by an id or an identifier that is known.";
    OfCustomer = "of_customer", "An identifier to be split off must be the customer's, and not its only one.";
    WithinRange = "within_range", "A number in a string must lie in the same range as a number.";
    PlacesOfCurrency = "places_of_currency", "An amount must not have more decimal places than its currency has.";
    AmountLimit = "amount_limit", "An amount must not be larger than 10^15 minor units of its currency.";
    NegativePaysBack = "negative_pays_back",
        "An amount must be negative where `refund_of` names what it pays back, and nowhere else.";
    PaysBackAnother = "pays_back_another", "`refund_of` must name another conversion.";
    OneCommission = "one_commission",
        "A commission must be given as `commission_rate` or as `commission_amount`, and not for a refund, which takes back \
         of the one that it pays back.";
    CustomerUnlessRefund = "customer_unless_refund",
        "A conversion must name its customer, unless it pays another one back.";
    IdLength = "id_length", "An id that is sent as a number must not have more than 128 characters.";
    SizeLimit = "size_limit", "A free object must not be larger than 8192 bytes as compact JSON.";
    DepthLimit = "depth_limit", "Arrays and objects must not stand in each other more than 32 levels deep.";
    WeightsAddUp = "weights_add_up", "`position_weights` must add up to 100, and so must all `custom_weights` together.";
    ZeroSum = "zero_sum", "What an adjustment moves between attributions must add up to 0, in revenue and in commission.";
    WithinRecord = "within_record",
        "An adjustment must not leave an attribution with less than nothing, nor with more than all of the conversion.";
    ConversionOfLead = "conversion_of_lead",
        "A conversion that is settled must be known, be the lead's, have the value and the time that are given, and not pay \
         another back.";
    CommissionWithValue = "commission_with_value",
        "Another `value` must come with `commissionRate` or `commissionAmount` where the conversion has a commission.";
    FractionsAddUp = "fractions_add_up", "`positionWeights` must add up to 1, and so must all `customWeights` together.";
    ResolvedToChange = "resolved_to_change",
        "`adjustments` and `reassign` must come with the status `resolved`, and nowhere else.";
    OwnCursor = "own_cursor", "A cursor must be a `next_cursor` of the same list with the same filters.";
    CombinedFilters = "combined_filters",
        "`external_id` can be combined only with `limit` and, for interactions, with `source`, which needs it.";
}

impl Rule {
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl JsonSchema for Rule {
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        json_schema!({"type": "string", "enum": names})
    }
}

/// Why a value is refused: a sentence that follows the field's name and, if the value's form is right, the rule that
/// it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub problem: String,
    pub rule: Option<Rule>,
}

impl Refusal {
    pub fn of(rule: Rule, problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), rule: Some(rule) }
    }
}

impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self { problem, rule: None }
    }
}

impl From<&str> for Refusal {
    fn from(problem: &str) -> Self {
        problem.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_and_a_sentence_of_its_own() {
        for (index, rule) in Rule::ALL.iter().enumerate() {
            assert!(rule.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(rule.sentence().ends_with('.'), "{rule:?}");
            let twin = |other: &&Rule| other.name() == rule.name() || other.sentence() == rule.sentence();
            assert_eq!(Rule::ALL.iter().position(|other| twin(&other)), Some(index), "{rule:?}");
        }
    }
}
