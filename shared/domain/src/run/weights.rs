//! What models that are given shares share out by.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::codes::codes;
use crate::json::Reader;
use crate::rule::Refusal;

/// Shares of as many first and last touches as have their own, and one for all in between together; for CUSTOM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomWeights {
    /// From the first touch on.
    pub first: Vec<u32>,
    pub middle: u32,
    /// Up to the last touch.
    pub last: Vec<u32>,
}

impl CustomWeights {
    /// So many touches at each end have their own share at most.
    pub const MOST: usize = 4;

    /// Takes an object of shares, each read by `share`, which must come to `whole` together, or are refused so.
    pub fn take(
        body: &mut Reader<'_>,
        field: &str,
        share: fn(&RawValue) -> Result<u32, Refusal>,
        (whole, otherwise): (u64, Refusal),
    ) -> Option<Self> {
        let mut object = body.object(field)?;
        let ends = |raw: &RawValue| {
            let parts: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).ok();
            match parts.filter(|parts| parts.len() <= Self::MOST) {
                Some(parts) => parts.into_iter().map(share).collect::<Result<Vec<_>, Refusal>>(),
                None => Err(format!("must be a list of at most {} numbers", Self::MOST).into()),
            }
        };
        let weights = Self {
            first: object.optional("first", ends).unwrap_or_default(),
            middle: object.optional("middle", share).unwrap_or_default(),
            last: object.optional("last", ends).unwrap_or_default(),
        };
        object.refuse_unknown();
        let problems = object.problems();
        if problems.is_empty() && weights.sum() != whole {
            body.refuse(field, otherwise);
        }
        body.absorb(problems);
        Some(weights)
    }

    pub fn sum(&self) -> u64 {
        self.first.iter().chain([&self.middle]).chain(&self.last).map(|share| u64::from(*share)).sum()
    }
}

impl Default for CustomWeights {
    /// As POSITION_BASED has it.
    fn default() -> Self {
        Self { first: vec![40], middle: 20, last: vec![40] }
    }
}

codes! {
    /// What a touch made of a customer.
    Milestone {
        /// The first touch.
        First = "first",
        /// The last touch before the customer became a lead.
        Lead = "lead",
        /// The last touch before the lead became an opportunity.
        Opportunity = "opportunity",
        /// The last touch before the conversion.
        Customer = "customer",
    }
}

/// The types of conversions at which a customer becomes a lead, and an opportunity; for U, W and FULL_PATH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneEvents {
    pub lead: Vec<String>,
    pub opportunity: Vec<String>,
}

impl Default for MilestoneEvents {
    fn default() -> Self {
        let names = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            lead: names(["lead", "lead_created", "sign_up", "signup"]),
            opportunity: names(["opportunity", "opportunity_created", "quote", "quote_requested"]),
        }
    }
}

impl MilestoneEvents {
    /// What a conversion of this type made of a customer, if anything.
    pub fn of(&self, event_type: &str) -> Option<Milestone> {
        let names = |types: &[String]| types.iter().any(|named| named.eq_ignore_ascii_case(event_type));
        let lead = names(&self.lead).then_some(Milestone::Lead);
        lead.or(names(&self.opportunity).then_some(Milestone::Opportunity))
    }
}
