//! Refused deliveries, noted for the tenant they came for: who set up a secret wrongly must be able to see it.

use std::sync::Arc;

use domain::ids::TenantId;
use domain::time::Timestamp;
use providers::{Provider, Rejected};
use store::{Fresh, Refusal, Table};

/// Notes one refusal a minute for each tenant and provider, so that whoever sends wrong signatures costs next to
/// nothing.
#[derive(Clone)]
pub(crate) struct Refusals {
    table: Table,
    noted: Arc<Fresh<(TenantId, Provider), ()>>,
}

impl Refusals {
    pub(crate) fn of(table: &Table) -> Self {
        Self { table: table.clone(), noted: Arc::default() }
    }

    /// A note that cannot be written is no reason to answer otherwise.
    pub(crate) async fn note(&self, tenant: &TenantId, provider: Provider, why: &Rejected, now: Timestamp) {
        let of = (tenant.clone(), provider);
        if self.noted.get(&of, now).is_some() {
            return;
        }
        let refusal = Refusal { at: now, reason: why.to_string() };
        match self.table.note_refusal(tenant, provider.code(), refusal).await {
            Ok(()) => self.noted.put(of, (), now),
            Err(error) => {
                tracing::warn!(%tenant, provider = provider.code(), %error, "a refusal was not noted");
            }
        }
    }
}
