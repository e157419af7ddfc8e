//! API keys: only a hash of the secret is kept.

use domain::ids::TenantId;
use domain::permission::Permissions;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Table, Unless};

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
}

#[derive(Serialize, Deserialize)]
struct ApiKeyItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    key: ApiKey,
}

impl Table {
    pub async fn api_key(&self, key_id: &str) -> Result<Option<ApiKey>, StoreError> {
        let item: Option<ApiKeyItem> = self.get(&keys::api_key(key_id)).await?;
        Ok(item.map(|item| item.key))
    }

    /// Creates a key; false if there is one of this id, which is left as it is.
    pub async fn create_api_key(&self, api_key: &ApiKey) -> Result<bool, StoreError> {
        let key = keys::api_key(&api_key.key_id);
        self.put(&ApiKeyItem { pk: key.pk, sk: key.sk, key: api_key.clone() }, Unless::Exists).await
    }
}
