//! API keys: only a hash of the secret is kept.

use domain::ids::TenantId;
use domain::party::Party;
use domain::permission::Permissions;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys::{self, Key};
use crate::table::{Range, Table, Unless};

/// What is known of a key. The secret has 256 random bits, so its hash needs no stretching.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub key_id: String,
    pub tenant: TenantId,
    /// SHA-256 of the secret, in hex.
    pub secret_hash: String,
    pub permissions: Permissions,
    pub created_at: Timestamp,
    #[serde(default)]
    pub revoked: bool,
    /// The partner or broker whose key it is: it sees what is theirs, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<Party>,
}

#[derive(Serialize, Deserialize)]
struct ApiKeyItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    key: ApiKey,
}

/// An entry of a tenant's list of keys.
#[derive(Serialize, Deserialize)]
struct ListedItem {
    pk: String,
    sk: String,
}

impl ApiKeyItem {
    fn of(key: ApiKey) -> Self {
        let Key { pk, sk } = keys::api_key(&key.key_id);
        Self { pk, sk, key }
    }
}

impl Table {
    pub async fn api_key(&self, key_id: &str) -> Result<Option<ApiKey>, StoreError> {
        let item: Option<ApiKeyItem> = self.get(&keys::api_key(key_id)).await?;
        Ok(item.map(|item| item.key))
    }

    /// Creates a key; false if there is one of this id, which is left as it is.
    ///
    /// Its place in the tenant's list is written first, so that a key that works is always listed.
    pub async fn create_api_key(&self, api_key: &ApiKey) -> Result<bool, StoreError> {
        let Key { pk, sk } = keys::listed_api_key(&api_key.tenant, &api_key.key_id);
        self.put(&ListedItem { pk, sk }, Unless::Never).await?;
        self.put(&ApiKeyItem::of(api_key.clone()), Unless::Exists).await
    }

    /// All keys of a tenant, oldest first, revoked ones included.
    pub async fn api_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let range = Range::beginning(keys::api_keys(tenant), keys::api_key_entries());
        let listed: Vec<ListedItem> = self.query_all(&range).await?;
        let ids: Vec<_> = listed.iter().filter_map(|listed| keys::api_key_entry(&listed.sk)).collect();
        let items: Vec<ApiKeyItem> = self.get_many(&ids).await?;
        let mut keys: Vec<_> = items.into_iter().map(|item| item.key).collect();
        keys.retain(|key| key.tenant == *tenant);
        keys.sort_by(|a, b| (a.created_at, &a.key_id).cmp(&(b.created_at, &b.key_id)));
        Ok(keys)
    }

    /// Revokes a key for ever: it is refused everywhere within a minute. False if there is none.
    pub async fn revoke_api_key(&self, key_id: &str) -> Result<bool, StoreError> {
        let Some(key) = self.api_key(key_id).await? else { return Ok(false) };
        // Nothing else of a key ever changes, so nothing of another writer's can be lost.
        self.put(&ApiKeyItem::of(ApiKey { revoked: true, ..key }), Unless::Never).await
    }
}
