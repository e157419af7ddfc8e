//! Keys of what is owed, to whom, and of who said so.

use domain::ids::{FactId, TenantId};
use domain::party::{Party, PartyKind};
use domain::run::ModelCode;
use domain::time::{Timestamp, Zone};

use super::{Key, in_hour, key, of};

/// As the partitions of a month are named, in UTC.
pub fn month_of(time: Timestamp) -> String {
    Zone::UTC.hour_of(time).month()
}

/// Settlements of conversions of a month in UTC.
pub fn settlements(tenant: &TenantId, month: &str) -> String {
    of(tenant, &format!("LEDGER#{month}"))
}

pub fn settlement(tenant: &TenantId, occurred: Timestamp, conversion: &FactId) -> Key {
    key(settlements(tenant, &month_of(occurred)), in_hour(occurred, conversion))
}

/// What is a partner's or broker's: all that a principal bound to it may read.
pub fn party(tenant: &TenantId, party: &Party) -> String {
    of(tenant, &format!("PARTY#{}#{}", party.kind.code(), party.id))
}

const SHARE: &str = "L#";

pub fn party_share(tenant: &TenantId, of: &Party, occurred: Timestamp, conversion: &FactId) -> Key {
    key(party(tenant, of), in_shares(&in_hour(occurred, conversion)))
}

/// The sort key of a share at this place, a prefix of it too.
pub fn in_shares(place: &str) -> String {
    format!("{SHARE}{place}")
}

const DISPUTE: &str = "D#";

pub fn disputes(tenant: &TenantId, of_party: Option<&Party>) -> String {
    of_party.map_or_else(|| of(tenant, "DISPUTES"), |of| party(tenant, of))
}

/// Before all disputes.
pub fn dispute_entries() -> &'static str {
    DISPUTE
}

pub fn dispute(tenant: &TenantId, of_party: Option<&Party>, dispute_id: &str) -> Key {
    key(disputes(tenant, of_party), format!("{DISPUTE}{dispute_id}"))
}

/// What was done in a month in UTC.
pub fn audit(tenant: &TenantId, month: &str) -> String {
    of(tenant, &format!("AUDIT#{month}"))
}

pub fn audited(tenant: &TenantId, at: Timestamp, audit_id: &str) -> Key {
    key(audit(tenant, &month_of(at)), format!("{}#{audit_id}", at.sortable()))
}

pub fn model(tenant: &TenantId, model: ModelCode) -> Key {
    key(of(tenant, "MODELS"), format!("MODEL#{}", model.code()))
}

pub fn known_parties(tenant: &TenantId) -> String {
    of(tenant, "PARTIES")
}

/// Before all partners, or all brokers.
pub fn of_kind(kind: PartyKind) -> String {
    format!("{}#", kind.code())
}

pub fn known_party(tenant: &TenantId, party: &Party) -> Key {
    key(known_parties(tenant), format!("{}{}", of_kind(party.kind), party.id))
}
