//! What a customer is known by: phone, e-mail, or an id of the sender's.
//!
//! Identifiers match exactly, after normalisation. A phone that no network could route still identifies: whoever
//! sends `+1234567890` twice means the same person.

use std::fmt;

use rlibphonenumber::enums::Region as Country;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rule::{Refusal, Rule};

/// The types of identifiers, strongest first.
///
/// A fact's strongest identifier decides whom the fact belongs to when another of its identifiers turns out to be
/// shared. An id that the sender keeps for one person is surer than an address; an e-mail address is shared less
/// often than a telephone, which a household or a switchboard answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "What kind of identifier it is")]
pub enum IdentifierType {
    CustomerId,
    LeadId,
    Email,
    Phone,
}

impl IdentifierType {
    pub const ALL: [IdentifierType; 4] =
        [IdentifierType::CustomerId, IdentifierType::LeadId, IdentifierType::Email, IdentifierType::Phone];

    pub const fn code(self) -> &'static str {
        match self {
            IdentifierType::CustomerId => "customer_id",
            IdentifierType::LeadId => "lead_id",
            IdentifierType::Email => "email",
            IdentifierType::Phone => "phone",
        }
    }

    /// The first digit of a node's id, and the sort order of edges.
    pub const fn digit(self) -> char {
        match self {
            IdentifierType::CustomerId => '1',
            IdentifierType::LeadId => '2',
            IdentifierType::Email => '3',
            IdentifierType::Phone => '4',
        }
    }

    pub fn of_digit(digit: char) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.digit() == digit)
    }

    /// Reads a code in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code().eq_ignore_ascii_case(text))
    }
}

/// An identifier in its normal form. Not printable by accident: it is personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    kind: IdentifierType,
    value: String,
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({}, …)", self.kind.code())
    }
}

/// Why a text identifies nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIdentifying {
    #[error("is empty")]
    Empty,
    #[error("is not a phone number")]
    NotAPhone,
    #[error("is not an e-mail address")]
    NotAnEmail,
    #[error("must be 1 to 128 printable characters")]
    NotAnId,
    /// The caller's number was withheld, or is the tenant's own: a fact, but nobody's.
    #[error("is withheld")]
    Withheld,
}

impl From<NotIdentifying> for Refusal {
    fn from(why: NotIdentifying) -> Self {
        Self::of(Rule::IdentifierOfType, why.to_string())
    }
}

/// The country whose national numbers are read without a country code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(Country);

impl Region {
    pub const US: Region = Region(Country::US);

    /// Reads an ISO 3166 code of two letters, of a country that has a numbering plan.
    pub fn parse(code: &str) -> Option<Self> {
        let country = Country::from_code(code).ok()?;
        PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == country).then_some(Self(country))
    }

    pub fn code(self) -> String {
        self.0.as_region_str().to_string()
    }
}

/// What networks send in place of a number that the caller withheld.
const WITHHELD: [&str; 12] = [
    "anonymous",
    "blocked",
    "private",
    "restricted",
    "unavailable",
    "unknown",
    "withheld",
    "no caller id",
    "private number",
    "not available",
    "+266696687",
    "266696687",
];

impl Identifier {
    pub fn parse(kind: IdentifierType, text: &str, region: Region) -> Result<Self, NotIdentifying> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotIdentifying::Empty);
        }
        let value = match kind {
            IdentifierType::Phone => phone(text, region)?,
            IdentifierType::Email => email(text)?,
            IdentifierType::LeadId | IdentifierType::CustomerId => {
                if !crate::ids::is_printable(text, 128) {
                    return Err(NotIdentifying::NotAnId);
                }
                text.to_owned()
            }
        };
        Ok(Self { kind, value })
    }

    /// For what was normalised before it was stored.
    pub fn stored(kind: IdentifierType, value: String) -> Self {
        Self { kind, value }
    }

    /// The type's digit and the value, as items hold it.
    pub fn to_code(&self) -> String {
        format!("{}{}", self.kind.digit(), self.value)
    }

    pub fn of_code(code: &str) -> Option<Self> {
        let kind = IdentifierType::of_digit(code.chars().next()?)?;
        Some(Self::stored(kind, code[1..].to_owned()))
    }

    pub fn kind(&self) -> IdentifierType {
        self.kind
    }

    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Including the country's: the shortest numbers in use, on small islands, have as many.
const LEAST_DIGITS: usize = 7;

/// More prefixes than anybody would put before one number.
const MOST_READINGS: usize = 8;

/// E.164, an extension kept behind `x`: two people behind one switchboard are two people.
fn phone(text: &str, region: Region) -> Result<String, NotIdentifying> {
    if WITHHELD.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Err(NotIdentifying::Withheld);
    }
    if text.len() > 64 || !begins_like_a_number(text) {
        return Err(NotIdentifying::NotAPhone);
    }
    let mut normal = e164(text, region)?;
    // A number with more than one trunk prefix loses one at a time.
    for _ in 0..MOST_READINGS {
        let again = e164(&normal, region)?;
        if again == normal {
            return Ok(normal);
        }
        normal = again;
    }
    Err(NotIdentifying::NotAPhone)
}

/// The library looks for a number anywhere in a text, and would find one in the address of the gateway that all
/// anonymous callers come through.
fn begins_like_a_number(text: &str) -> bool {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    // It would panic if the two stood in this order.
    let turned_round = text.contains(";phone-context=") && text.contains("tel:");
    text.starts_with(|c: char| c.is_numeric() || matches!(c, '+' | '＋' | '(')) && !turned_round
}

fn e164(text: &str, region: Region) -> Result<String, NotIdentifying> {
    let number = PHONE_NUMBER_UTIL.parse(text, Some(region.0)).map_err(|_| NotIdentifying::NotAPhone)?;
    let mut normal = number.format_as(PhoneNumberFormat::E164).to_string();
    if normal.len() <= LEAST_DIGITS {
        return Err(NotIdentifying::NotAPhone);
    }
    if let Some(rest) = normal.strip_prefix("+521").filter(|rest| rest.len() == 10) {
        // Mexico dropped the 1 before mobile numbers in 2019; senders still write both.
        normal = format!("+52{rest}");
    }
    if let Some(extension) = &number.extension {
        normal = format!("{normal}x{extension}");
    }
    Ok(normal)
}

/// Lower case, since no mail system in use tells addresses apart by case; dots and `+tags` are kept.
fn email(text: &str) -> Result<String, NotIdentifying> {
    let (local, domain) = text.rsplit_once('@').ok_or(NotIdentifying::NotAnEmail)?;
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | ';' | '<' | '>' | '"' | '@');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let valid = (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(label);
    if valid { Ok(text.to_lowercase()) } else { Err(NotIdentifying::NotAnEmail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone_of(text: &str) -> Result<String, NotIdentifying> {
        Identifier::parse(IdentifierType::Phone, text, Region::US).map(|id| id.value().to_owned())
    }

    fn email_of(text: &str) -> Result<String, NotIdentifying> {
        Identifier::parse(IdentifierType::Email, text, Region::US).map(|id| id.value().to_owned())
    }

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        for text in ["+14155550123", "(415) 555-0123", "415-555-0123", "1 415 555 0123", " +1 415.555.0123 "]
        {
            assert_eq!(phone_of(text).as_deref(), Ok("+14155550123"), "{text}");
        }
        assert_eq!(phone_of("+39 06 698 12345").as_deref(), Ok("+390669812345"));
        assert_eq!(phone_of("+52 1 55 1234 5678"), phone_of("+52 55 1234 5678"));
    }

    #[test]
    fn a_number_that_nobody_could_dial_still_identifies() {
        assert_eq!(phone_of("+1234567890").as_deref(), Ok("+1234567890"));
        assert_eq!(phone_of("(555) 123-4567").as_deref(), Ok("+15551234567"));
    }

    #[test]
    fn numbers_of_other_countries_keep_all_their_digits() {
        for (text, normal) in [
            ("+49 151 12345678", "+4915112345678"),
            ("011 49 151 12345678", "+4915112345678"),
            ("011-49 (0)151 12345678", "+4915112345678"),
            ("+49 511 12345678", "+4951112345678"),
            ("+33 1 42 68 53 00", "+33142685300"),
            ("+91 11 2301 2113", "+911123012113"),
            ("+86 138 0013 8000", "+8613800138000"),
            ("+54 9 11 2345 6789", "+5491123456789"),
            ("+7 800 555 35 35", "+78005553535"),
            ("+44 (0)20 7946 0018", "+442079460018"),
            ("+4402079460018", "+442079460018"),
            ("+65 1800 123 4567", "+6518001234567"),
            ("+49 00151 1234567", "+491511234567"),
            ("tel:+1-415-555-0123", "+14155550123"),
        ] {
            assert_eq!(phone_of(text).as_deref(), Ok(normal), "{text}");
            assert_eq!(phone_of(normal).as_deref(), Ok(normal), "{text}");
        }
        let british = |text| Identifier::parse(IdentifierType::Phone, text, Region::parse("GB").unwrap());
        for text in ["0049 151 12345678", "+49 151 12345678", "+49 0151 12345678"] {
            assert_eq!(british(text).unwrap().value(), "+4915112345678", "{text}");
        }
        for text in ["020 7946 0018", "00 44 20 7946 0018", "442079460018"] {
            assert_eq!(british(text).unwrap().value(), "+442079460018", "{text}");
        }
    }

    #[test]
    fn extensions_keep_people_apart() {
        assert_eq!(phone_of("+1 415 555 0123 ext. 12").as_deref(), Ok("+14155550123x12"));
        assert_ne!(phone_of("+1 415 555 0123 ext. 12"), phone_of("+1 415 555 0123"));
    }

    #[test]
    fn withheld_and_unreadable_numbers_identify_nobody() {
        for text in ["anonymous", "Restricted", "+266696687", "UNKNOWN"] {
            assert_eq!(phone_of(text), Err(NotIdentifying::Withheld), "{text}");
        }
        let turned_round = ";phone-context=+1;tel:4155550123";
        let of_a_gateway = "sip:anonymous@192.168.10.25";
        for text in
            ["call me", "+", "12", &"1".repeat(65), of_a_gateway, turned_round, &format!("+1{turned_round}")]
        {
            assert_eq!(phone_of(text), Err(NotIdentifying::NotAPhone), "{text}");
        }
        assert_eq!(phone_of("  "), Err(NotIdentifying::Empty));
    }

    #[test]
    fn e_mail_addresses_are_compared_without_case() {
        assert_eq!(email_of(" Customer@Example.COM ").as_deref(), Ok("customer@example.com"));
        assert_ne!(email_of("a.b@example.com"), email_of("ab@example.com"));
        for text in ["customer", "@example.com", "a@b", "a@b..com", "a b@example.com", "a@-b.com"] {
            assert_eq!(email_of(text), Err(NotIdentifying::NotAnEmail), "{text}");
        }
    }

    #[test]
    fn an_identifier_does_not_print_what_it_holds() {
        let id = Identifier::parse(IdentifierType::Email, "customer@example.com", Region::US).unwrap();
        assert!(!format!("{id:?}").contains("customer@"));
    }
}
