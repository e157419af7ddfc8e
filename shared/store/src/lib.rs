//! The single table. The only crate that knows DynamoDB; nothing outside writes a key.
//!
//! [`keys`] holds every key and access pattern; [`Table`] the few verbs; each entity has a file. Reads of single
//! items are strongly consistent. Writes are put-if-absent, or replace-if-nobody-wrote-since.

pub mod keys;

mod ahead;
mod api_keys;
mod audit;
mod batches;
mod changed;
mod conversions;
mod counts;
mod credits;
mod deliveries;
mod error;
mod fresh;
mod hours;
mod identity;
mod interactions;
mod ledger;
mod meter;
mod models;
mod newest;
mod once;
mod packed;
mod parties;
mod published;
mod rates;
mod recorded;
mod refunds;
mod rollups;
mod runs;
mod schedules;
mod sums;
mod table;
mod tasks;
mod tenants;
mod timeline;
mod told;

pub use api_keys::ApiKey;
pub use audit::Audited;
pub use changed::changed_buckets;
pub use conversions::StoredConversion;
pub use credits::{
    Attempt, BEHIND_ALL_CREDITS, CREDITS_PER_ITEM, Credit, CreditedConversion, CreditedPart, Heard,
    PlannedCustomer,
};
pub use deliveries::{DeliveryState, KeptDelivery};
pub use error::StoreError;
pub use fresh::Fresh;
pub use identity::{Customers, Decision};
pub use interactions::{About, StoredInteraction, Tellers, Told};
pub use ledger::{Dispute, LedgerChange, LedgerState, NotSettled, Settled};
pub use meter::{Meter, Units};
pub use once::{Claim, Claimed, KeptAnswer, MOST_KEPT_BYTES, Once};
pub use parties::KnownParty;
pub use published::Answer;
pub use recorded::{Recorded, Storing};
pub use refunds::PaidBack;
pub use rollups::{Changes, Rollup};
pub use runs::{ActiveRun, Run};
pub use schedules::{Due, Schedule};
pub use sums::{Sum, SumOf, Sums};
pub use table::Table;
pub use tasks::{Task, TaskOutcome};
pub use tenants::{Refusal, Tenant, TenantKey, Tenants};
pub use timeline::{Fact, Facts, Page, Paging, Position, Span};
