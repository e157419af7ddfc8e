//! What stands in bodies: amounts, times and identifiers. What was read once reads the same in its written form.
#![no_main]

use domain::identifier::{Identifier, IdentifierType, Region};
use domain::json::Reader;
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    drop(Reader::open(text.as_bytes()));
    for code in ["USD", "JPY", "KWD"] {
        let currency = Currency::parse(code).unwrap();
        if let Ok(money) = Money::parse(text, currency) {
            assert_eq!(Money::parse(&money.to_string(), currency), Ok(money));
        }
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
    for kind in IdentifierType::ALL {
        if let Ok(identifier) = Identifier::parse(kind, text, Region::US) {
            assert_eq!(Identifier::parse(kind, identifier.value(), Region::US), Ok(identifier.clone()));
            assert_eq!(Identifier::of_code(&identifier.to_code()), Some(identifier));
        }
    }
});
