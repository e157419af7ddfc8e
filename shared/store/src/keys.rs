//! Every key of the table. Nothing else writes one.
//!
//! | need | shape |
//! |---|---|
//! | a tenant's settings | `T#t` / `TENANT` |
//! | the last day whose daily work is done | `T#t` / `DAILY` |
//! | the last delivery of a provider that was refused | `T#t` / `REFUSED#provider` |
//! | a tenant's API keys | `T#t#KEYS` / `KEY#id` |
//! | secrets of a provider (two active) | `T#t` / `SECRET#provider` |
//! | one interaction, one conversion | `T#t#INT#id` / `INT`, `T#t#CNV#id` / `CNV` |
//! | what pays a conversion back | `T#t#CNV#id` / `REFUND#id` |
//! | who was observed together with an identifier, and whether hands decided about it | `T#t#NODE#a` / `LINKS` |
//! | what hands decided about an identifier, for ever | `T#t#NODE#a` / `DECIDED#time#decision#b` |
//! | timeline of an identifier | index `timeline`: `T#t#NODE#anchor` / `time#kind#id` |
//! | facts of a local hour, sharded | index `hour`: `T#t#HOUR#kind#yyyymmddhhmm#shard` / `time#id` |
//! | hours that hold facts | `T#t#HOURS#kind` / `yyyymm`, a set of `ddhhmm` |
//! | how often a bucket of facts changed | `T#t#CHANGES#kind#yyyymm` / `yyyymmddhhmm#shard` |
//! | what was counted of a bucket | `T#t#ROLLUP#kind#yyyymm` / `yyyymmddhhmm#shard`, if it is very much with `yyyymmddhhmm#shard#name#chunk` |
//! | deliveries that people must look at | `T#t#DELIVERIES#yyyymm` / `time#id` |
//! | what a request with an `Idempotency-Key` was answered | `T#t#ONCE#hash` / `ONCE` |
//! | how much of its rate a tenant has used | `T#t#RATE` / `RATE` |
//! | runs by time | `T#t#RUNS` / `time#id` |
//! | which run answers for which days, by model | `T#t#PUBLISHED` / `MODEL#code` |
//! | schedules of runs | `T#t#SCHEDULES` / `SCH#id` |
//! | a run | `T#t#RUN#r` / `RUN` |
//! | its tasks: planning a month or hours of it, learning from some shards, executing some | `T#t#RUN#r` / `TASK#P#yyyymm`, `TASK#P#yyyymmddhhmm-yyyymmddhhmm`, `TASK#L#nn-nn`, `TASK#S#nn-nn` |
//! | what one task planned for one shard | `T#t#RUN#r#P#task#A#attempt` / `S#nn#chunk` |
//! | what the journeys of some shards did | `T#t#RUN#r#L#nn-nn#A#attempt` / `CNT#chunk` |
//! | credits of some shards, one item per conversion, more if very many | `T#t#RUN#r#S#nn-nn#A#attempt` / `CNV#id#chunk`, `NONE#id#chunk` if unattributed; by another model than its first: `T#t#RUN#r:MODEL#…` |
//! | sums of some shards | `T#t#RUN#r#S#nn-nn#A#attempt` / `SUM#dimension#day#currency#chunk` |
//! | sums of a run | `T#t#RUN#r` / `AGG#epoch#dimension#day#currency#chunk`; by another model than its first: `T#t#RUN#r:MODEL` |
//! | how a conversion was settled | `T#t#LEDGER#yyyymm` / `time#id` |
//! | what of it is a partner's or broker's | `T#t#PARTY#kind#p` / `L#time#id` |
//! | disputes about it, and those of a partner or broker | `T#t#DISPUTES` / `D#id`, `T#t#PARTY#kind#p` / `D#id` |
//! | who changed what of it | `T#t#AUDIT#yyyymm` / `time#id` |
//! | how a model calculates for one lead | `T#t#MODELS` / `MODEL#code` |
//! | partners and brokers that are known by name | `T#t#PARTIES` / `kind#p` |
//!
//! Global partitions, the only keys that do not begin with a tenant: `KEY#id` (API keys), `ALIAS#provider#alias`,
//! `TENANTS#shard` / `T#t`, `ACTIVE#shard` / `T#t#RUN#r` (running runs), `DUE#shard` / `time#T#t#SCH#id` (when a
//! schedule's next run is due).

use domain::identity::NodeId;
use domain::ids::{FactId, FactKind, TenantId};
use domain::rollup::Bucket;
use domain::time::{Hour, Timestamp, Zone};

use crate::identity::Decision;
use crate::timeline::Position;

mod ledger;
mod runs;

pub use self::ledger::{
    audit, audited, dispute, dispute_entries, disputes, in_shares, known_parties, known_party, model,
    month_of, of_kind, party, party_share, settlement, settlements,
};
pub use self::runs::{
    COUNTS, RUN_SHARDS, active, active_run, attempt, counts, credit, credits, due, due_run, listed_run,
    manifest, manifests, published, run, run_shard, run_sums, runs, schedule, schedules, shards_name,
    shards_named, sums, task,
};

/// The key of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

/// How many bytes of a key DynamoDB takes.
pub(crate) const MOST_PARTITION_BYTES: usize = 2_048;
pub(crate) const MOST_SORT_BYTES: usize = 1_024;

impl Key {
    /// Whether anything can be stored under it. Ids that people name may be of any length.
    pub(crate) fn is_possible(&self) -> bool {
        self.pk.len() <= MOST_PARTITION_BYTES && self.sk.len() <= MOST_SORT_BYTES
    }
}

fn key(pk: String, sk: impl Into<String>) -> Key {
    Key { pk, sk: sk.into() }
}

fn of(tenant: &TenantId, rest: &str) -> String {
    format!("T#{tenant}#{rest}")
}

pub fn tenant(tenant: &TenantId) -> Key {
    key(format!("T#{tenant}"), "TENANT")
}

pub fn daily(tenant: &TenantId) -> Key {
    key(format!("T#{tenant}"), "DAILY")
}

pub fn refusal(tenant: &TenantId, provider: &str) -> Key {
    key(format!("T#{tenant}"), format!("REFUSED#{provider}"))
}

pub fn secret(tenant: &TenantId, provider: &str) -> Key {
    key(format!("T#{tenant}"), format!("SECRET#{provider}"))
}

pub fn api_key(key_id: &str) -> Key {
    key(format!("KEY#{key_id}"), "KEY")
}

pub fn api_keys(tenant: &TenantId) -> String {
    of(tenant, "KEYS")
}

pub fn listed_api_key(tenant: &TenantId, key_id: &str) -> Key {
    key(api_keys(tenant), format!("{KEY}{key_id}"))
}

const KEY: &str = "KEY#";

/// Before all keys of a tenant.
pub fn api_key_entries() -> &'static str {
    KEY
}

/// Reads what [`listed_api_key`] wrote.
pub fn api_key_entry(sk: &str) -> Option<Key> {
    sk.strip_prefix(KEY).map(api_key)
}

pub fn alias(provider: &str, alias: &str) -> Key {
    key(format!("ALIAS#{provider}#{alias}"), "ALIAS")
}

/// Over how many partitions the global lists are spread.
pub const GLOBAL_SHARDS: u32 = 8;

pub fn listed_tenants(shard: u32) -> String {
    format!("TENANTS#{shard}")
}

pub fn listed_tenant(tenant: &TenantId) -> Key {
    key(listed_tenants(shard_of(tenant.as_str(), GLOBAL_SHARDS)), format!("T#{tenant}"))
}

pub fn fact(tenant: &TenantId, id: &FactId) -> Key {
    let kind = id.kind().code();
    key(of(tenant, &format!("{kind}#{}", id.bare())), kind)
}

const REFUND: &str = "REFUND#";

/// The place of a refund at the conversion that it pays back.
pub fn refund(tenant: &TenantId, original: &FactId, refund: &FactId) -> Key {
    key(fact(tenant, original).pk, format!("{REFUND}{}", refund.bare()))
}

/// Before all refunds of a conversion.
pub fn refunds() -> &'static str {
    REFUND
}

/// Reads what [`refund`] wrote.
pub fn refund_entry(sk: &str) -> Option<FactId> {
    FactId::from_bare(FactKind::Conversion, sk.strip_prefix(REFUND)?)
}

pub fn node(tenant: &TenantId, node: &NodeId) -> String {
    of(tenant, &format!("NODE#{}", node.bare()))
}

const DECIDED: &str = "DECIDED#";

/// Before all decisions about a node.
pub fn decisions() -> &'static str {
    DECIDED
}

/// The place of a decision at one of its nodes.
pub fn decision(tenant: &TenantId, at: &NodeId, decision: &Decision) -> Key {
    let other = if *at == decision.customer { &decision.other } else { &decision.customer };
    let place = format!("{}#{}#{}", decision.at.sortable(), decision.decision_id, other.bare());
    key(node(tenant, at), format!("{DECIDED}{place}"))
}

pub fn links(tenant: &TenantId, of: &NodeId) -> Key {
    key(node(tenant, of), "LINKS")
}

/// Reads what [`node`] wrote.
pub fn node_of(pk: &str) -> Option<NodeId> {
    NodeId::from_bare(pk.rsplit('#').next()?)
}

/// Touches before conversions of the same moment, as a journey shows them.
const fn order(kind: FactKind) -> char {
    match kind {
        FactKind::Interaction => '1',
        FactKind::Conversion => '2',
    }
}

/// Sort key of the index `timeline`.
pub fn in_timeline(time: Timestamp, id: &FactId) -> String {
    format!("{}#{}#{}", time.sortable(), order(id.kind()), id.bare())
}

/// Reads what [`in_timeline`] wrote.
pub fn timeline_entry(sk: &str) -> Option<(Timestamp, FactId)> {
    let mut parts = sk.split('#');
    let time = Timestamp::from_ms(parts.next()?.parse().ok()?);
    let digit = parts.next()?;
    let kind = FactKind::ALL.into_iter().find(|kind| digit.starts_with(order(*kind)))?;
    Some((time, FactId::from_bare(kind, parts.next()?)?))
}

/// Partition of the index `hour`.
pub fn hour(bucket: &Bucket) -> String {
    of(&bucket.tenant, &format!("HOUR#{}#{}#{}", bucket.kind.code(), bucket.hour.name(), bucket.shard))
}

/// Sort key of the index `hour`.
pub fn in_hour(time: Timestamp, id: &FactId) -> String {
    format!("{}#{}", time.sortable(), id.bare())
}

/// Reads what [`in_hour`] wrote.
pub fn hour_entry(kind: FactKind, sk: &str) -> Option<(Timestamp, FactId)> {
    let (time, id) = sk.split_once('#')?;
    Some((Timestamp::from_ms(time.parse().ok()?), FactId::from_bare(kind, id)?))
}

/// Reads what [`hour`] wrote.
pub fn bucket(pk: &str) -> Option<Bucket> {
    let mut parts = pk.strip_prefix("T#")?.split('#');
    let tenant = TenantId::parse(parts.next()?).ok()?;
    if parts.next()? != "HOUR" {
        return None;
    }
    let kind = FactKind::of_code(parts.next()?)?;
    let (hour, shard) = (Hour::parse(parts.next()?)?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(Bucket { tenant, kind, hour, shard })
}

fn in_month(bucket: &Bucket) -> String {
    format!("{}#{}", bucket.hour.name(), bucket.shard)
}

/// Of a bucket: how often its facts have changed.
pub fn changes(bucket: &Bucket) -> Key {
    let month = format!("CHANGES#{}#{}", bucket.kind.code(), bucket.hour.month());
    key(of(&bucket.tenant, &month), in_month(bucket))
}

/// Of a bucket: what was counted.
pub fn rollup(bucket: &Bucket) -> Key {
    key(rollups(&bucket.tenant, bucket.kind, &bucket.hour.month()), in_month(bucket))
}

/// What does not fit into a bucket's rollup, which names it.
pub fn rollup_piece(bucket: &Bucket, name: &str, number: usize) -> Key {
    let Key { pk, sk } = rollup(bucket);
    key(pk, format!("{sk}#{name}#{number:03}"))
}

/// The name in a sort key of [`rollup_piece`]; None in one of [`rollup`].
pub fn rollup_piece_name(sk: &str) -> Option<&str> {
    sk.split('#').nth(2)
}

/// All rollups of hours that begin in a month, `yyyymm` in UTC.
pub fn rollups(tenant: &TenantId, kind: FactKind, month: &str) -> String {
    of(tenant, &format!("ROLLUP#{}#{month}", kind.code()))
}

/// All months that hold facts are items of one partition, since reads without dates must find them.
pub fn months(tenant: &TenantId, kind: FactKind) -> String {
    of(tenant, &format!("HOURS#{}", kind.code()))
}

pub fn month(tenant: &TenantId, kind: FactKind, month: &str) -> Key {
    key(months(tenant, kind), month)
}

/// What was received in a month in UTC and kept.
pub fn deliveries(tenant: &TenantId, month: &str) -> String {
    of(tenant, &format!("DELIVERIES#{month}"))
}

pub fn delivery(tenant: &TenantId, received: Timestamp, delivery_id: &str) -> Key {
    let month = Zone::UTC.hour_of(received).month();
    key(deliveries(tenant, &month), Position::of_delivery(received, delivery_id).0)
}

pub fn once(tenant: &TenantId, name: &str) -> Key {
    key(of(tenant, &format!("ONCE#{name}")), "ONCE")
}

/// In a partition of its own, which functions that only read may write.
pub fn rate(tenant: &TenantId) -> Key {
    key(of(tenant, "RATE"), "RATE")
}

/// Which of `shards` partitions a name falls into: stable for ever, since it is part of keys.
pub fn shard_of(name: &str, shards: u32) -> u32 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of this hash are weak; mix the high ones in.
    u32::try_from((hash ^ hash >> 32) % u64::from(shards.max(1))).unwrap_or(0)
}

/// What kind of item a partition holds, for metering.
pub(crate) fn part(pk: &str) -> &'static str {
    let mut parts = pk.split('#');
    match parts.next() {
        Some("KEY") => "api keys",
        Some("ALIAS" | "TENANTS") => "tenants",
        Some("ACTIVE" | "DUE") => "runs",
        Some("T") => match parts.nth(1) {
            None => "tenants",
            Some("KEYS") => "api keys",
            Some("INT") => "interactions",
            Some("CNV") => "conversions",
            Some("NODE") => "identity",
            Some("HOUR") => "hour index",
            Some("HOURS") => "hours",
            Some("CHANGES" | "ROLLUP") => "rollups",
            Some("DELIVERIES") => "deliveries",
            Some("ONCE") => "idempotency",
            Some("RATE") => "rates",
            Some("RUN" | "RUNS" | "PUBLISHED" | "SCHEDULES") => "runs",
            Some("LEDGER" | "PARTY" | "DISPUTES" | "AUDIT" | "MODELS" | "PARTIES") => "ledger",
            Some(_) => "other",
        },
        Some(_) | None => "other",
    }
}

#[cfg(test)]
mod tests;
