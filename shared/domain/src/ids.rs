//! Ids: of tenants as they are given, of facts derived from what names them outside.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rule::Refusal;
use crate::source::Source;
use crate::time::{Day, Timestamp};

/// The company whose data this is: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a tenant id: 1 to 64 letters, digits, _ or -")]
pub struct NotATenant;

impl TenantId {
    pub fn parse(text: &str) -> Result<Self, NotATenant> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotATenant)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotATenant;
    fn try_from(text: String) -> Result<Self, NotATenant> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> String {
        tenant.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a system outside calls a fact: 1 to 128 printable characters, neither beginning nor ending with a space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 printable characters")]
pub struct NotAnId;

impl From<NotAnId> for Refusal {
    fn from(error: NotAnId) -> Self {
        Self::from(error.to_string())
    }
}

impl ExternalId {
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        if is_printable(text, 128) { Ok(Self(text.to_owned())) } else { Err(NotAnId) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` has 1 to `most` characters, none of them a control character, and no space around it.
pub fn is_printable(text: &str, most: usize) -> bool {
    let length = text.chars().count();
    (1..=most).contains(&length) && !text.chars().any(char::is_control) && text.trim() == text
}

/// The two kinds of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FactKind {
    #[serde(rename = "INT")]
    Interaction,
    #[serde(rename = "CNV")]
    Conversion,
}

impl FactKind {
    pub const ALL: [FactKind; 2] = [FactKind::Interaction, FactKind::Conversion];

    /// As in storage keys.
    pub const fn code(self) -> &'static str {
        match self {
            FactKind::Interaction => "INT",
            FactKind::Conversion => "CNV",
        }
    }

    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub const fn prefix(self) -> &'static str {
        match self {
            FactKind::Interaction => "int_",
            FactKind::Conversion => "cnv_",
        }
    }
}

/// The id of an interaction (`int_…`) or a conversion (`cnv_…`).
///
/// A UUIDv5 of what names the fact outside, so that every delivery about it finds the same item, in any order,
/// without a look-up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    kind: FactKind,
    uuid: Uuid,
}

/// The namespace of all ids derived here.
const NAMESPACE: Uuid = Uuid::from_u128(0x6372_6165_0000_5000_8000_6661_6374_7331);

/// The id of the run that a tenant's schedule starts on a day: the same however often it is tried.
pub fn daily_run_id(tenant: &TenantId, day: Day) -> String {
    format!("run_{}", derived(&["daily run", tenant.as_str(), &day.to_string()]).simple())
}

/// The id of the run that is due by a schedule at a moment: likewise.
pub fn scheduled_run_id(tenant: &TenantId, schedule_id: &str, due: Timestamp) -> String {
    let parts = ["scheduled run", tenant.as_str(), schedule_id, &due.to_string()];
    format!("run_{}", derived(&parts).simple())
}

impl FactId {
    pub fn interaction(tenant: &TenantId, source: Source, external: &ExternalId) -> Self {
        let uuid = derived(&["interaction", tenant.as_str(), source.code(), external.as_str()]);
        Self { kind: FactKind::Interaction, uuid }
    }

    pub fn conversion(tenant: &TenantId, external: &ExternalId) -> Self {
        let uuid = derived(&["conversion", tenant.as_str(), external.as_str()]);
        Self { kind: FactKind::Conversion, uuid }
    }

    pub fn parse(text: &str) -> Option<Self> {
        FactKind::ALL.into_iter().find_map(|kind| {
            let uuid = text.strip_prefix(kind.prefix())?;
            Self::from_bare(kind, uuid)
        })
    }

    /// From the 32 hex digits alone, as keys hold them.
    pub fn from_bare(kind: FactKind, digits: &str) -> Option<Self> {
        let canonical =
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let uuid = canonical.then(|| Uuid::parse_str(digits).ok()).flatten()?;
        Some(Self { kind, uuid })
    }

    pub fn kind(&self) -> FactKind {
        self.kind
    }

    /// The 32 hex digits alone, as keys hold them.
    pub fn bare(&self) -> String {
        self.uuid.simple().to_string()
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.prefix(), self.uuid.simple())
    }
}

impl Serialize for FactId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FactId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("is not the id of a fact"))
    }
}

/// `ven_…` for the code a sender uses for a vendor; the code itself always leaves as it came.
pub fn vendor_id(tenant: &TenantId, code: &str) -> String {
    format!("ven_{}", derived(&["vendor", tenant.as_str(), code]).simple())
}

/// UUIDv5 over parts of which none can run into the next: each is preceded by its length.
fn derived(parts: &[&str]) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    fn external(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    #[test]
    fn the_same_call_has_the_same_id_and_no_other_call_shares_it() {
        let id = |t, s, e| FactId::interaction(&tenant(t), s, &external(e));
        let first = id("demo", Source::Convin, "call-12345");
        assert_eq!(first, id("demo", Source::Convin, "call-12345"));
        assert_ne!(first, id("acme", Source::Convin, "call-12345"));
        assert_ne!(first, id("demo", Source::Api, "call-12345"));
        assert_ne!(first.bare(), FactId::conversion(&tenant("demo"), &external("call-12345")).bare());
    }

    #[test]
    fn ids_are_read_only_in_the_form_they_are_written() {
        let id = FactId::conversion(&tenant("demo"), &external("order-1"));
        assert_eq!(FactId::parse(&id.to_string()), Some(id.clone()));
        assert_eq!(FactId::parse(&id.to_string().to_uppercase()), None);
        assert_eq!(FactId::parse("int_1234"), None);
        assert_eq!(FactId::parse(&id.bare()), None);
    }

    #[test]
    fn a_tenant_cannot_smuggle_a_key_separator() {
        for text in ["", "a#b", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert_eq!(TenantId::parse(text), Err(NotATenant), "{text}");
        }
    }

    #[test]
    fn an_external_id_is_printable_and_short_enough() {
        for text in ["", " x", "x\n", "\u{7f}", &"é".repeat(129)] {
            assert_eq!(ExternalId::parse(text), Err(NotAnId), "{text:?}");
        }
        assert!(ExternalId::parse(&"é".repeat(128)).is_ok());
    }
}
