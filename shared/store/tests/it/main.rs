//! The table's promises, against a real DynamoDB in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod budget;
mod crashes;
mod customers;
mod expiry;
mod rates;

use std::collections::{BTreeMap, BTreeSet};

use domain::conversion::Conversion;
use domain::identifier::{Identifier, IdentifierType, Region};
use domain::ids::ExternalId;
use domain::interaction::{CallEvent, Field, Interaction, Section, Value};
use domain::money::{Currency, Money};
use domain::source::Source;
use domain::time::Timestamp;
use store::About;

fn identifier(kind: IdentifierType, text: &str) -> Identifier {
    Identifier::parse(kind, text, Region::US).unwrap()
}

fn email(n: usize) -> Identifier {
    identifier(IdentifierType::Email, &format!("p{n}@example.com"))
}

fn phone(n: usize) -> Identifier {
    identifier(IdentifierType::Phone, &format!("+1415555{n:04}"))
}

fn conversion(name: &str, identifiers: impl IntoIterator<Item = Identifier>) -> Conversion {
    Conversion {
        external_id: ExternalId::parse(name).unwrap(),
        event_type: "purchase".to_owned(),
        identifiers: identifiers.into_iter().collect(),
        amount: Money { minor: 1_000, currency: Currency::parse("USD").unwrap() },
        occurred_at: Timestamp::parse("2026-03-02T10:00:00Z").unwrap(),
        event_source: "billing".to_owned(),
        metadata: None,
        refund_of: None,
        commission_minor: None,
        policy_id: None,
        policy_number: None,
    }
}

/// A call's start, told with these identifiers.
fn call(name: &str, identifiers: &BTreeSet<Identifier>) -> (About, CallEvent) {
    let external_id = ExternalId::parse(name).unwrap();
    let mut facts: BTreeMap<Field, Option<Value>> = BTreeMap::new();
    for kind in IdentifierType::ALL {
        let of_kind = identifiers.iter().filter(|identifier| identifier.kind() == kind);
        let values: Vec<_> = of_kind.map(|identifier| identifier.value().to_owned()).collect();
        if !values.is_empty() {
            facts.insert(Field::of_identifiers(kind), Some(Value::List(values)));
        }
    }
    let time = Timestamp::parse("2026-03-01T10:00:00Z").unwrap();
    let event = CallEvent { external_id: external_id.clone(), section: Section::Started, time, facts };
    (About { source: Source::Convin, external_id }, event)
}

fn fold(event: &CallEvent) -> impl Fn(&Interaction) -> (Interaction, ()) {
    move |before| {
        let mut after = before.clone();
        after.fold(event);
        (after, ())
    }
}

/// How many cases of `full` run: all when `CRAE_FULL` is set at compile time, else one in twenty.
fn cases(full: u32) -> u32 {
    if option_env!("CRAE_FULL").is_some() { full } else { full / 20 }
}
