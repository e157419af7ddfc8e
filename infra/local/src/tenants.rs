//! The tenants a local stack begins with.
//!
//! Their credentials are constants, so that commands in the README work as pasted. They begin with `local-`, and
//! deployed functions refuse what begins so.

use std::collections::BTreeMap;

use domain::ids::TenantId;
use domain::permission::Permissions;
use domain::source::Source;
use domain::tenant::Settings;
use hmac::{Hmac, KeyInit, Mac};
use runtime::Clock;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::{ApiKey, StoreError, Table, Tenant, TenantKey};

use crate::stack::Stack;

/// What a client needs to act for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantCredentials {
    pub tenant_id: String,
    pub api_key: String,
    /// By provider.
    pub webhook_secrets: BTreeMap<String, String>,
}

impl TenantCredentials {
    /// The credentials of a local tenant: a pure function of its name.
    pub fn of(tenant: &TenantId) -> Self {
        let made = |what: &str| hex::encode(&Sha256::digest(format!("local {what} of {tenant}"))[..12]);
        let secret = |provider: Source| {
            (provider.code().to_owned(), format!("local-{tenant}-{}", made(provider.code())))
        };
        Self {
            tenant_id: tenant.to_string(),
            api_key: format!("crk_local-{tenant}_{}", made("key")),
            webhook_secrets: Source::ALL
                .into_iter()
                .filter(|source| *source != Source::Api)
                .map(secret)
                .collect(),
        }
    }
}

/// Creates the tenants that are missing; those that exist are left as they are.
///
/// `demo` answers to `3` as well: the documents' own example payloads call their tenant so.
pub async fn seed(stack: &Stack) -> Result<Vec<TenantCredentials>, StoreError> {
    let demo = create(stack, "demo", &["3"]).await?;
    let acme = create(stack, "acme", &[]).await?;
    Ok(vec![demo, acme])
}

/// Creates a tenant of this name with every permission, unless it exists.
pub async fn create(stack: &Stack, name: &str, aliases: &[&str]) -> Result<TenantCredentials, StoreError> {
    let id = TenantId::parse(name).map_err(|_| StoreError::NoTenant(name.to_owned()))?;
    let host = stack.owner();
    let table = Table::new(host.aws.dynamodb(), &stack.template().table.name);
    let credentials = TenantCredentials::of(&id);
    let settings =
        Settings { aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(), ..Settings::default() };
    let key = Sha256::digest(format!("local tenant key of {id}")).into();
    table.create_tenant(&Tenant { id: id.clone(), settings, key: TenantKey::new(key) }).await?;
    for (provider, secret) in &credentials.webhook_secrets {
        // Somebody may have changed it.
        if table.secrets(&id, provider).await?.is_empty() {
            table.put_secrets(&id, provider, std::slice::from_ref(secret)).await?;
        }
        for alias in aliases {
            table.claim_alias(provider, alias, &id).await?;
        }
    }
    // Last, so that a key that works belongs to a tenant that is whole.
    table.create_api_key(&api_key(&id, &credentials, &host.clock)).await?;
    Ok(credentials)
}

/// What stands in `X-Webhook-Signature`.
pub fn signature(secret: &str, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn api_key(tenant: &TenantId, credentials: &TenantCredentials, clock: &Clock) -> ApiKey {
    let secret = credentials.api_key.rsplit('_').next().unwrap_or_default();
    ApiKey {
        key_id: format!("local-{tenant}"),
        tenant: tenant.clone(),
        secret_hash: hex::encode(Sha256::digest(secret)),
        permissions: Permissions::all(),
        created_at: clock.now(),
        revoked: false,
        party: None,
    }
}
