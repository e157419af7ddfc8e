//! Settling a conversion, and taking back of it what was paid back.

use domain::ledger::{Record, Settlement};
use domain::time::Timestamp;

use super::{LedgerChange, LedgerState, Settled};
use crate::audit::Audited;
use crate::conversions::StoredConversion;
use crate::error::StoreError;
use crate::table::Table;
use crate::tenants::Tenant;

/// What fits into a transaction of 100 items, and into an item of 400 kB with room for what is noted later.
const MOST_RECORDS: usize = 500;
const MOST_PARTIES: usize = 40;
const MOST_BYTES: usize = 300_000;

/// Why a conversion cannot be settled so.
#[derive(Debug, thiserror::Error)]
pub enum NotSettled {
    /// Somebody has relied on how it is settled: approved, paid, disputed or moved some of it.
    #[error("the conversion is settled, and somebody relies on it")]
    ReliedOn,
    /// It would not fit into one item, or not be written in one moment.
    #[error(
        "a conversion is settled over at most {MOST_RECORDS} touches, {MOST_BYTES} bytes in all, of {MOST_PARTIES} partners \
         and brokers"
    )]
    TooManyTouches,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Table {
    /// Settles a conversion, as it was read, as `fresh` says, which knows nothing of refunds yet. What nobody relies on is replaced; the same
    /// again changes nothing.
    ///
    /// Refunds are read before and after: whoever stores one takes it back from the settlement that is there by then, so
    /// that one of the two sees the other.
    pub async fn settle(
        &self,
        tenant: &Tenant,
        (fresh, stored): (Settlement, &StoredConversion),
        audited: &Audited,
        now: Timestamp,
    ) -> Result<Settlement, NotSettled> {
        let bytes = serde_json::to_string(&fresh).map_or(0, |text| text.len());
        if fresh.records.len() > MOST_RECORDS || fresh.parties().len() > MOST_PARTIES || bytes > MOST_BYTES {
            return Err(NotSettled::TooManyTouches);
        }
        let of = Settled::of(&fresh);
        let mut fresh = fresh;
        for (refund, minor, at) in self.payments_back(tenant, &fresh, now).await? {
            fresh.take_back(&refund, minor, at);
        }
        let settled = self.change_ledger(tenant, (&of, None), now, |seen| match &seen.settlement {
            Some(known) if says_the_same(known, &fresh) => Ok(None),
            Some(known) if !known.is_replaceable() => Err(NotSettled::ReliedOn),
            Some(_) | None => Ok(Some(LedgerChange {
                settlement: fresh.clone(),
                dispute: None,
                audited: audited.clone(),
                unless_changed: Some(stored.clone()),
            })),
        });
        settled.await?;
        Ok(self.take_back(tenant, &of, audited, now).await?.unwrap_or(fresh))
    }

    /// Takes back of a settlement whatever pays its conversion back and was not taken back yet; None if it is not settled.
    pub async fn take_back(
        &self,
        tenant: &Tenant,
        of: &Settled,
        audited: &Audited,
        now: Timestamp,
    ) -> Result<Option<Settlement>, StoreError> {
        let Some(known) = self.settlement(tenant, (of, None), now).await? else { return Ok(None) };
        let paid = self.payments_back(tenant, &known, now).await?;
        let state: LedgerState = self
            .change_ledger(tenant, (of, None), now, |seen| {
                let Some(mut settlement) = seen.settlement.clone() else { return Ok::<_, StoreError>(None) };
                let mut refunds = Vec::new();
                for (refund, minor, at) in &paid {
                    if settlement.take_back(refund, *minor, *at) {
                        refunds.push(refund.to_string());
                    }
                }
                let audited = Audited {
                    audit_id: format!("{}r", audited.audit_id),
                    action: "settlement.paid_back".to_owned(),
                    detail: serde_json::json!({ "refunds": refunds }).to_string(),
                    ..audited.clone()
                };
                let change = LedgerChange { settlement, dispute: None, audited, unless_changed: None };
                Ok(Some(change).filter(|_| !refunds.is_empty()))
            })
            .await?;
        Ok(state.settlement)
    }
}

/// Whether two settlements share a conversion out alike.
fn says_the_same(known: &Settlement, other: &Settlement) -> bool {
    let terms = |of: &Settlement| (of.amount, of.commission_minor, of.model, of.fallback, of.run_id.clone());
    let shares = |of: &Settlement| {
        let share = |record: &Record| {
            let parties = (record.partner_id.clone(), record.broker_id.clone());
            (record.touch.clone(), record.revenue_minor, record.commission_minor, record.share_ppb, parties)
        };
        of.records.iter().map(share).collect::<Vec<_>>()
    };
    terms(known) == terms(other) && shares(known) == shares(other)
}
