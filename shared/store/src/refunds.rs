//! Refunds, which are conversions too: found from what they pay back, and that from them.

use std::collections::{BTreeMap, HashMap};

use domain::conversion::Conversion;
use domain::ids::FactId;
use domain::ledger::Settlement;
use domain::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::conversions::StoredConversion;
use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Table, Unless};
use crate::tenants::Tenant;

/// How many conversions are asked for their refunds at a time.
const ABREAST: usize = 16;

/// A refund's place at the conversion that it pays back. What it says, the refund itself tells.
#[derive(Serialize, Deserialize)]
struct RefundItem {
    pk: String,
    sk: String,
    ttl: i64,
}

/// What a refund pays back.
#[derive(Clone, Debug, PartialEq)]
pub struct PaidBack {
    pub original: StoredConversion,
    /// The amounts of the refunds before it, oldest first: what each took back depends on what those had left.
    pub earlier_minor: Vec<i64>,
}

impl Table {
    /// Gives a refund its place at what it pays back, which need not be known yet.
    pub(crate) async fn list_refund(
        &self,
        tenant: &Tenant,
        (id, refund): (&FactId, &Conversion),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(original) = &refund.refund_of else { return Ok(()) };
        let key = keys::refund(&tenant.id, &FactId::conversion(&tenant.id, original), id);
        let ttl = tenant.settings.expires_at(refund.occurred_at, now);
        self.put(&RefundItem { pk: key.pk, sk: key.sk, ttl }, Unless::Never).await?;
        Ok(())
    }

    /// What each of these refunds pays back, by the refund's id: all as had been received by `as_of`, in order of time. A
    /// refund of what is not known, is a refund itself, or is in another currency pays nothing back.
    pub async fn paid_back(
        &self,
        tenant: &Tenant,
        refunds: &[&StoredConversion],
        as_of: Timestamp,
    ) -> Result<HashMap<FactId, PaidBack>, StoreError> {
        let originals = self.originals(tenant, refunds, as_of).await?;
        let asked = originals.values().map(|original| (original.id.clone(), original.clone()));
        let asked: BTreeMap<FactId, StoredConversion> = asked.collect();
        let all = stream::iter(asked.into_values())
            .map(|original| async move {
                let refunds = self.refunds_of(tenant, &original.id, as_of).await?;
                Ok::<_, StoreError>(in_turn(original, refunds))
            })
            .buffer_unordered(ABREAST);
        let all: Vec<_> = all.try_collect().await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// The conversions that refunds pay back, by the refund's id.
    pub async fn originals(
        &self,
        tenant: &Tenant,
        refunds: &[&StoredConversion],
        as_of: Timestamp,
    ) -> Result<HashMap<FactId, StoredConversion>, StoreError> {
        let named = refunds.iter().filter_map(|refund| {
            let original = refund.conversion.refund_of.as_ref()?;
            Some((refund.id.clone(), FactId::conversion(&tenant.id, original)))
        });
        let named: Vec<_> = named.collect();
        let ids: Vec<_> = named.iter().map(|(_, original)| original.clone()).collect();
        let found = self.conversions(tenant, &ids, as_of).await?;
        let known = found.into_iter().filter(|stored| stored.received_at <= as_of);
        let known: HashMap<_, _> = known.map(|stored| (stored.id.clone(), stored)).collect();
        Ok(named.into_iter().filter_map(|(refund, id)| Some((refund, known.get(&id)?.clone()))).collect())
    }

    /// What pays a conversion back, as had been received by `as_of`, oldest first: the refund, its amount and its moment.
    pub(crate) async fn payments_back(
        &self,
        tenant: &Tenant,
        original: &Settlement,
        as_of: Timestamp,
    ) -> Result<Vec<(FactId, i64, Timestamp)>, StoreError> {
        let refunds = self.refunds_of(tenant, &original.conversion, as_of).await?;
        let counted = refunds
            .into_iter()
            .filter(|refund| refund.conversion.amount.currency == original.amount.currency);
        let paid = |refund: StoredConversion| {
            (refund.id, refund.conversion.amount.minor, refund.conversion.occurred_at)
        };
        Ok(counted.map(paid).collect())
    }

    /// Tells refunds that named nobody, and came before what they pay back, whose they are, so that they stand in the same
    /// journey.
    pub async fn name_refunds(
        &self,
        tenant: &Tenant,
        original: &StoredConversion,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let refunds = self.refunds_of(tenant, &original.id, now).await?;
        for refund in refunds.into_iter().filter(|refund| refund.conversion.identifiers.is_empty()) {
            let identifiers = original.conversion.identifiers.clone();
            let named = Conversion { identifiers, ..refund.conversion };
            self.record_conversion(tenant, &named, now).await?;
        }
        Ok(())
    }

    /// What had been received by then of what pays a conversion back, oldest first.
    async fn refunds_of(
        &self,
        tenant: &Tenant,
        original: &FactId,
        as_of: Timestamp,
    ) -> Result<Vec<StoredConversion>, StoreError> {
        let range = Range::beginning(keys::fact(&tenant.id, original).pk, keys::refunds());
        let listed: Vec<RefundItem> = self.query_all(&range).await?;
        let ids = listed.iter().filter_map(|item| keys::refund_entry(&item.sk));
        let mut refunds = self.conversions(tenant, &ids.collect::<Vec<_>>(), as_of).await?;
        refunds.retain(|refund| refund.received_at <= as_of);
        refunds.sort_by(|a, b| (a.conversion.occurred_at, &a.id).cmp(&(b.conversion.occurred_at, &b.id)));
        Ok(refunds)
    }
}

/// Each refund of a conversion, with those before it.
fn in_turn(
    original: StoredConversion,
    refunds: Vec<StoredConversion>,
) -> impl Iterator<Item = (FactId, PaidBack)> {
    let is_whole = original.conversion.refund_of.is_none();
    let currency = original.conversion.amount.currency;
    let counted =
        refunds.into_iter().filter(move |refund| is_whole && refund.conversion.amount.currency == currency);
    counted.scan(Vec::new(), move |earlier, refund| {
        let paid = PaidBack { original: original.clone(), earlier_minor: earlier.clone() };
        earlier.push(refund.conversion.amount.minor);
        Some((refund.id, paid))
    })
}
