//! Who changed what of the ledger, and when: only ever added to, and never expiring.

use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::newest::{Newest, Placed, months};
use crate::table::{Item, Table, Unless, written};
use crate::tenants::Tenant;
use crate::timeline::{Page, Paging, Position};

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    pub audit_id: String,
    pub at: Timestamp,
    /// The credential that did it.
    pub by: String,
    /// Such as `attribution.settled`.
    pub action: String,
    /// The id of what it was done to.
    pub subject: String,
    /// What changed, as a JSON object.
    pub detail: String,
}

#[derive(Serialize, Deserialize)]
struct AuditItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    audited: Audited,
}

impl AuditItem {
    fn new(tenant: &Tenant, audited: &Audited) -> Self {
        let key = keys::audited(&tenant.id, audited.at, &audited.audit_id);
        Self { pk: key.pk, sk: key.sk, audited: audited.clone() }
    }
}

impl Placed for AuditItem {
    fn place(&self) -> &str {
        &self.sk
    }
}

/// What is written in the same moment as what it tells of.
pub(crate) fn entry(tenant: &Tenant, audited: &Audited) -> Result<Item, StoreError> {
    written(&AuditItem::new(tenant, audited))
}

impl Table {
    /// Notes what was done where nothing else can be written in the same moment.
    pub async fn note_audit(&self, tenant: &Tenant, audited: &Audited) -> Result<(), StoreError> {
        self.put(&AuditItem::new(tenant, audited), Unless::Exists).await?;
        Ok(())
    }

    /// What was done in a span of time, newest first.
    pub async fn audit(
        &self,
        tenant: &Tenant,
        paging: Paging<'_>,
        now: Timestamp,
    ) -> Result<Page<Audited>, StoreError> {
        let newest = paging.after.and_then(Position::time).unwrap_or(paging.span.to).min(now);
        let partitions = months(newest, paging.span.from).map(|month| keys::audit(&tenant.id, &month));
        let wanted = Newest {
            between: (paging.span.from.sortable(), format!("{}#~", paging.span.to.sortable())),
            after: paging.after,
            limit: paging.limit,
        };
        Ok(self.newest(partitions, wanted, |_: &AuditItem| true).await?.map(|item| item.audited))
    }
}
