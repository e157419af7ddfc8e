//! Whom a name means.

use std::sync::Arc;

use domain::ids::{TenantId, is_printable};
use domain::time::Timestamp;
use providers::Provider;
use store::{Fresh, StoreError, Table, Tenant, Tenants};

/// Tenants by their ids and by what providers call them, as a container knows them for a minute.
#[derive(Clone)]
pub(crate) struct Names {
    table: Table,
    tenants: Tenants,
    aliases: Arc<Fresh<(Provider, String), Option<TenantId>>>,
}

impl Names {
    pub(crate) fn of(table: &Table) -> Self {
        Self { table: table.clone(), tenants: Tenants::of(table), aliases: Arc::default() }
    }

    pub(crate) async fn tenant(
        &self,
        id: &TenantId,
        now: Timestamp,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        self.tenants.find(id, now).await
    }

    /// A tenant of that id, else the one that claimed the name as its alias with this provider.
    pub(crate) async fn meant(
        &self,
        provider: Provider,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Tenant>>, StoreError> {
        if let Ok(id) = TenantId::parse(name)
            && let Some(tenant) = self.tenant(&id, now).await?
        {
            return Ok(Some(tenant));
        }
        match self.aliased(provider, name, now).await? {
            Some(id) => self.tenant(&id, now).await,
            None => Ok(None),
        }
    }

    async fn aliased(
        &self,
        provider: Provider,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<TenantId>, StoreError> {
        // Longer than any alias; nobody may make us look up, or remember, a whole header.
        if !is_printable(name, 128) {
            return Ok(None);
        }
        let alias = (provider, name.to_owned());
        if let Some((_, tenant)) = self.aliases.get(&alias, now) {
            return Ok(tenant);
        }
        let tenant = self.table.aliased(provider.code(), name).await?;
        self.aliases.put(alias, tenant.clone(), now);
        Ok(tenant)
    }
}
