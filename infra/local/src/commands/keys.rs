//! `crae keys`.

use clap::{Parser, Subcommand};
use domain::ids::TenantId;
use domain::party::{Party, PartyKind};
use domain::permission::{Permission, Permissions};
use sha2::{Digest, Sha256};
use store::ApiKey;

use super::reach::{AdminError, Reached, Where, secret};

#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    at: Where,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key and show it, once
    Create {
        /// Whose key it is
        #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// What it may do, such as interactions.view; may be given several times; without it, everything
        #[arg(long = "permission", value_name = "CODE", value_parser = permission)]
        permissions: Vec<Permission>,
        /// The partner whose key it is: it sees what is this partner's, and nothing else
        #[arg(long, value_name = "ID", conflicts_with = "broker")]
        partner: Option<String>,
        /// The broker whose key it is
        #[arg(long, value_name = "ID")]
        broker: Option<String>,
    },
    /// List a tenant's keys, oldest first
    List {
        /// Whose keys
        #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
        tenant: TenantId,
    },
    /// Revoke a key for ever; it is refused everywhere within a minute
    Revoke {
        /// The id that `crae keys list` shows; it stands between crk_ and the last _ of the key
        key_id: String,
    },
}

fn permission(code: &str) -> Result<Permission, String> {
    let codes = || Permission::ALL.iter().map(|permission| permission.code()).collect::<Vec<_>>().join(", ");
    Permission::parse(code).ok_or_else(|| format!("the permissions are {}", codes()))
}

pub(crate) fn run(args: &Args) -> Result<(), AdminError> {
    args.at.run(async |reached: &Reached| match &args.command {
        Command::Create { tenant, permissions, partner, broker } => {
            let of = |kind, id: &Option<String>| id.clone().map(|id| Party { kind, id });
            let party = of(PartyKind::Partner, partner).or(of(PartyKind::Broker, broker));
            create(reached, tenant, permissions, party).await
        }
        Command::List { tenant } => list(reached, tenant).await,
        Command::Revoke { key_id } => revoke(reached, key_id).await,
    })
}

async fn create(
    reached: &Reached,
    tenant: &TenantId,
    permissions: &[Permission],
    party: Option<Party>,
) -> Result<String, AdminError> {
    let tenant = reached.tenant(tenant).await?;
    let secret = hex::encode(secret()?);
    let permissions: Permissions = match permissions {
        [] => Permissions::all(),
        some => some.iter().copied().collect(),
    };
    let key = ApiKey {
        key_id: reached.clock.mint("key"),
        tenant: tenant.id,
        secret_hash: hex::encode(Sha256::digest(&secret)),
        permissions,
        created_at: reached.clock.now(),
        revoked: false,
        party,
    };
    if reached.table.create_api_key(&key).await? {
        Ok(format!("crk_{}_{secret}\n", key.key_id))
    } else {
        Err(AdminError::Refused(format!("the key {} exists already; try again", key.key_id)))
    }
}

async fn list(reached: &Reached, tenant: &TenantId) -> Result<String, AdminError> {
    let tenant = reached.tenant(tenant).await?;
    let keys = reached.table.api_keys(&tenant.id).await?;
    Ok(keys.iter().map(line).collect())
}

fn line(key: &ApiKey) -> String {
    let state = if key.revoked { "revoked" } else { "active" };
    let codes: Vec<_> = key.permissions.iter().map(Permission::code).collect();
    let may = if key.permissions == Permissions::all() { "everything".to_owned() } else { codes.join(" ") };
    let of = key.party.as_ref().map(|party| format!(" of {party}")).unwrap_or_default();
    format!("{}  {state:<7}  {}  {may}{of}\n", key.key_id, key.created_at)
}

async fn revoke(reached: &Reached, key_id: &str) -> Result<String, AdminError> {
    if reached.table.revoke_api_key(key_id).await? {
        Ok(format!("{key_id} is revoked\n"))
    } else {
        Err(AdminError::Refused(format!("there is no key {key_id}; `crae keys list` lists a tenant's")))
    }
}
