//! The secrets that senders sign with.

use std::sync::Arc;

use domain::ids::TenantId;
use domain::time::{SECOND_MS, Timestamp};
use providers::{Provider, Secrets};
use runtime::{Host, Place};
use store::{Fresh, StoreError, Table};

/// After a mismatch, secrets known for longer than this are read again: a rotated secret works at once, and whoever
/// sends wrong signatures costs a read every few seconds.
const REREAD_AFTER_MS: i64 = 5 * SECOND_MS;

/// Secrets that begin so are constants of the local stack, known to everyone.
const LOCAL: &str = "local-";

/// Where the install's own secret for a provider stands.
const fn variable(provider: Provider) -> &'static str {
    match provider {
        Provider::Convin => "CONVIN_WEBHOOK_SECRET",
        Provider::Telephony => "TELEPHONY_WEBHOOK_SECRET",
    }
}

/// Secrets as a container knows them for a minute: up to two from the table, and the environment's for the default
/// tenant.
#[derive(Clone)]
pub(crate) struct Keyring {
    table: Table,
    place: Place,
    default_tenant: Option<TenantId>,
    of_environment: Arc<[(Provider, String)]>,
    of_table: Arc<Fresh<(TenantId, Provider), Vec<String>>>,
}

/// Secrets, and since when they are known.
pub(crate) struct Known {
    pub(crate) secrets: Secrets,
    since: Timestamp,
}

impl Known {
    pub(crate) fn may_be_outdated(&self, now: Timestamp) -> bool {
        now.since(self.since) > REREAD_AFTER_MS
    }
}

impl Keyring {
    pub(crate) fn of(table: &Table, host: &Host, default_tenant: Option<TenantId>) -> Self {
        let secret = |provider| Some((provider, host.env.optional(variable(provider))?));
        Self {
            table: table.clone(),
            place: host.place,
            default_tenant,
            of_environment: Provider::ALL.into_iter().filter_map(secret).collect(),
            of_table: Arc::default(),
        }
    }

    pub(crate) async fn known(
        &self,
        tenant: &TenantId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<Known, StoreError> {
        match self.of_table.get(&(tenant.clone(), provider), now) {
            Some((since, secrets)) => Ok(Known { secrets: self.active(tenant, provider, secrets), since }),
            None => self.read(tenant, provider, now).await,
        }
    }

    /// Reads the table whatever is known.
    pub(crate) async fn read(
        &self,
        tenant: &TenantId,
        provider: Provider,
        now: Timestamp,
    ) -> Result<Known, StoreError> {
        let secrets = self.table.secrets(tenant, provider.code()).await?;
        self.of_table.put((tenant.clone(), provider), secrets.clone(), now);
        Ok(Known { secrets: self.active(tenant, provider, secrets), since: now })
    }

    fn active(&self, tenant: &TenantId, provider: Provider, mut secrets: Vec<String>) -> Secrets {
        if self.default_tenant.as_ref() == Some(tenant) {
            let of_provider = self.of_environment.iter().filter(|(of, _)| *of == provider);
            secrets.extend(of_provider.map(|(_, secret)| secret.clone()));
        }
        secrets.retain(|secret| self.place == Place::Local || !secret.starts_with(LOCAL));
        Secrets::new(secrets)
    }
}
