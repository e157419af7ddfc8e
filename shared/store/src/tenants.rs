//! Tenants: their settings, the key their ids and seals derive from, their aliases, their providers' secrets.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::identity::IdentityKey;
use domain::ids::{FactId, FactKind, TenantId};
use domain::rollup::Bucket;
use domain::tenant::Settings;
use domain::time::{Day, MINUTE_MS, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::StoreError;
use crate::fresh::Fresh;
use crate::keys;
use crate::table::{Range, Table, Unless};

/// 32 random bytes made with the tenant; what derives from it cannot be guessed or confused with another tenant's.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A key for one purpose.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("32 bytes are a key");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(…)")
    }
}

/// A tenant as every function needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    pub id: TenantId,
    pub settings: Settings,
    pub key: TenantKey,
}

impl Tenant {
    /// The key that names this tenant's identifiers.
    pub fn identity(&self) -> IdentityKey {
        IdentityKey::new(self.key.derived("identity"))
    }

    /// Where a fact of that moment is listed and counted.
    pub(crate) fn bucket(&self, id: &FactId, at: Timestamp) -> Bucket {
        Bucket {
            tenant: self.id.clone(),
            kind: id.kind(),
            hour: self.settings.zone().hour_of(at),
            shard: keys::shard_of(&id.bare(), self.settings.hour_shards),
        }
    }

    /// Whether `name` means this tenant: its id, or one of its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || self.settings.aliases.iter().any(|alias| alias == name)
    }
}

#[derive(Serialize, Deserialize)]
struct TenantItem {
    pk: String,
    sk: String,
    id: TenantId,
    settings: Settings,
    key: String,
    /// How often the settings were replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    rv: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct SecretsItem {
    pk: String,
    sk: String,
    secrets: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct AliasItem {
    pk: String,
    sk: String,
    tenant: TenantId,
}

/// So many refusals are kept for a tenant and provider.
const MOST_REFUSALS: usize = 20;

/// A delivery of a provider that came for a tenant and was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct RefusalItem {
    pk: String,
    sk: String,
    refusals: Vec<Refusal>,
}

#[derive(Serialize, Deserialize)]
struct DailyItem {
    pk: String,
    sk: String,
    day: Day,
}

impl Table {
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        let item: Option<TenantItem> = self.get(&keys::tenant(id)).await?;
        Ok(item.and_then(|item| {
            let key = hex::decode(&item.key).ok()?.try_into().ok()?;
            Some(Tenant { id: item.id, settings: item.settings, key: TenantKey(key) })
        }))
    }

    /// Creates a tenant; false if there is one of this id, which is left as it is.
    ///
    /// Its place in the list is written first, so that a tenant that exists is always listed.
    pub async fn create_tenant(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let listed = keys::listed_tenant(&tenant.id);
        let listed = AliasItem { pk: listed.pk, sk: listed.sk, tenant: tenant.id.clone() };
        self.put(&listed, Unless::Never).await?;
        let key = keys::tenant(&tenant.id);
        let item = TenantItem {
            pk: key.pk,
            sk: key.sk,
            id: tenant.id.clone(),
            settings: tenant.settings.clone(),
            key: hex::encode(tenant.key.0),
            rv: None,
        };
        self.put(&item, Unless::Exists).await
    }

    /// Replaces a tenant's settings, in force everywhere within a minute; false if they are not as they were seen.
    pub async fn replace_settings(&self, seen: &Tenant, settings: &Settings) -> Result<bool, StoreError> {
        let item: Option<TenantItem> = self.get(&keys::tenant(&seen.id)).await?;
        let Some(item) = item.filter(|item| item.settings == seen.settings) else { return Ok(false) };
        let unless = item.rv.map_or(Unless::Fails("attribute_not_exists(rv)", &[]), Unless::Changed);
        let rv = Some(item.rv.unwrap_or_default() + 1);
        self.put(&TenantItem { settings: settings.clone(), rv, ..item }, unless).await
    }

    /// Whether any fact of the tenant is or ever was stored: its hours are those of its zone from then on.
    pub async fn has_facts(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        for kind in FactKind::ALL {
            if !self.months(tenant, kind, "000000", "999999").await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The ids of all tenants.
    pub async fn tenant_ids(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut all = Vec::new();
        for shard in 0..keys::GLOBAL_SHARDS {
            let range = Range::beginning(keys::listed_tenants(shard), "T#");
            let items: Vec<AliasItem> = self.query_all(&range).await?;
            all.extend(items.into_iter().map(|item| item.tenant));
        }
        Ok(all)
    }

    /// Notes a refusal beside those of before, one a minute whichever containers note them: a note whose answer was
    /// lost is not made twice. Of two that are noted in the same moment one may be lost.
    pub async fn note_refusal(
        &self,
        tenant: &TenantId,
        provider: &str,
        refusal: Refusal,
    ) -> Result<(), StoreError> {
        let mut refusals = self.refusals(tenant, provider).await?;
        if refusals.first().is_some_and(|last| refusal.at.since(last.at) < MINUTE_MS) {
            return Ok(());
        }
        refusals.insert(0, refusal);
        refusals.truncate(MOST_REFUSALS);
        let key = keys::refusal(tenant, provider);
        self.put(&RefusalItem { pk: key.pk, sk: key.sk, refusals }, Unless::Never).await?;
        Ok(())
    }

    /// The refusals that were noted last, newest first.
    pub async fn refusals(&self, tenant: &TenantId, provider: &str) -> Result<Vec<Refusal>, StoreError> {
        let item: Option<RefusalItem> = self.get(&keys::refusal(tenant, provider)).await?;
        Ok(item.map(|item| item.refusals).unwrap_or_default())
    }

    /// The last day whose daily work is done.
    pub async fn daily_done(&self, tenant: &TenantId) -> Result<Option<Day>, StoreError> {
        let item: Option<DailyItem> = self.get(&keys::daily(tenant)).await?;
        Ok(item.map(|item| item.day))
    }

    pub async fn put_daily_done(&self, tenant: &TenantId, day: Day) -> Result<(), StoreError> {
        let key = keys::daily(tenant);
        self.put(&DailyItem { pk: key.pk, sk: key.sk, day }, Unless::Never).await?;
        Ok(())
    }

    /// Whom a provider means by `alias`.
    pub async fn aliased(&self, provider: &str, alias: &str) -> Result<Option<TenantId>, StoreError> {
        let item: Option<AliasItem> = self.get(&keys::alias(provider, alias)).await?;
        Ok(item.map(|item| item.tenant))
    }

    /// Claims an alias; false if another tenant has it.
    pub async fn claim_alias(
        &self,
        provider: &str,
        alias: &str,
        tenant: &TenantId,
    ) -> Result<bool, StoreError> {
        let key = keys::alias(provider, alias);
        let item = AliasItem { pk: key.pk, sk: key.sk, tenant: tenant.clone() };
        Ok(self.put(&item, Unless::Exists).await?
            || self.aliased(provider, alias).await?.as_ref() == Some(tenant))
    }

    /// Gives up an alias; one that another tenant has is left as it is.
    pub async fn release_alias(
        &self,
        provider: &str,
        alias: &str,
        tenant: &TenantId,
    ) -> Result<(), StoreError> {
        let ours = (":tenant", AttributeValue::S(tenant.to_string()));
        self.delete(&keys::alias(provider, alias), "tenant = :tenant", ours).await
    }

    /// The active secrets of a provider, newest first; empty for an unknown tenant.
    pub async fn secrets(&self, tenant: &TenantId, provider: &str) -> Result<Vec<String>, StoreError> {
        let item: Option<SecretsItem> = self.get(&keys::secret(tenant, provider)).await?;
        Ok(item.map(|item| item.secrets).unwrap_or_default())
    }

    /// Makes the first two of these the active secrets of a provider, the newest first.
    pub async fn put_secrets(
        &self,
        tenant: &TenantId,
        provider: &str,
        secrets: &[String],
    ) -> Result<(), StoreError> {
        let key = keys::secret(tenant, provider);
        let item = SecretsItem { pk: key.pk, sk: key.sk, secrets: secrets.iter().take(2).cloned().collect() };
        self.put(&item, Unless::Never).await?;
        Ok(())
    }
}

/// Tenants as a container knows them, at most a minute old.
#[derive(Clone, Debug)]
pub struct Tenants {
    table: Table,
    fresh: Arc<Fresh<TenantId, Arc<Tenant>>>,
}

impl Tenants {
    pub fn of(table: &Table) -> Self {
        Self { table: table.clone(), fresh: Arc::default() }
    }

    pub async fn find(&self, id: &TenantId, now: Timestamp) -> Result<Option<Arc<Tenant>>, StoreError> {
        if let Some((_, tenant)) = self.fresh.get(id, now) {
            return Ok(Some(tenant));
        }
        let tenant = self.table.tenant(id).await?.map(Arc::new);
        // An absence is not remembered: a tenant can be used as soon as it is created.
        if let Some(tenant) = &tenant {
            self.fresh.put(id.clone(), Arc::clone(tenant), now);
        }
        Ok(tenant)
    }
}
