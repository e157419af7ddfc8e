//! `crae tenant`.

use clap::{Parser, Subcommand};
use domain::ids::TenantId;
use domain::source::Source;
use domain::tenant::{Setting, Settings};
use store::{Tenant, TenantKey};

use super::reach::{AdminError, Reached, Where, secret};
use super::send::provider;

#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    at: Where,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a tenant, and show its webhook secrets, once; `crae keys create` then gives it an API key
    Create {
        /// 1 to 64 letters, digits, _ or -
        #[arg(value_parser = TenantId::parse)]
        tenant: TenantId,
        /// What is not as usual, such as time_zone=America/New_York; `crae tenant show` shows all there is
        #[arg(value_name = "KEY=VALUE", value_parser = change)]
        changes: Vec<Change>,
    },
    /// Change settings; they are in force everywhere within a minute
    Set {
        /// Whose settings
        #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Such as currency=EUR, or aliases=3,acme for several
        #[arg(value_name = "KEY=VALUE", required = true, value_parser = change)]
        changes: Vec<Change>,
    },
    /// Show a tenant's settings, each as it can be set
    Show {
        /// Whose settings
        #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
        tenant: TenantId,
    },
    /// Make another webhook secret for a provider, and show it, once. The one before stays valid beside it, until
    /// `--end-old` says that the provider signs with the new one. What an installation has in its parameters for its
    /// default tenant stays valid too
    Secret {
        /// Who signs: convin or telephony
        #[arg(value_parser = provider)]
        provider: Source,
        /// Whose webhook it is
        #[arg(long, default_value = "demo", value_parser = TenantId::parse)]
        tenant: TenantId,
        /// Make none: let the newest be the only one that is valid
        #[arg(long)]
        end_old: bool,
        /// Make the newest once more, which nobody took down
        #[arg(long, conflicts_with = "end_old")]
        again: bool,
    },
    /// List all tenants
    List,
}

#[derive(Clone, Debug)]
struct Change {
    setting: Setting,
    value: String,
}

fn change(text: &str) -> Result<Change, String> {
    let (key, value) = text.split_once('=').ok_or("a setting is written KEY=VALUE")?;
    let codes = || format!("the settings are {}", Setting::ALL.map(Setting::code).join(", "));
    Ok(Change { setting: Setting::parse(key).ok_or_else(codes)?, value: value.trim().to_owned() })
}

pub(crate) fn run(args: &Args) -> Result<(), AdminError> {
    args.at.run(async |reached: &Reached| match &args.command {
        Command::Create { tenant, changes } => create(reached, tenant, changes).await,
        Command::Set { tenant, changes } => set(reached, tenant, changes).await,
        Command::Show { tenant } => Ok(shown(&reached.tenant(tenant).await?.settings)),
        Command::Secret { provider, tenant, end_old: true, .. } => {
            end_old_secret(reached, tenant, *provider).await
        }
        Command::Secret { provider, tenant, again, .. } => {
            another_secret(reached, tenant, (*provider, *again)).await
        }
        Command::List => {
            let mut ids = reached.table.tenant_ids().await?;
            ids.sort();
            Ok(ids.iter().map(|id| format!("{id}\n")).collect())
        }
    })
}

fn shown(settings: &Settings) -> String {
    Setting::ALL.iter().map(|setting| format!("{}={}\n", setting.code(), setting.read(settings))).collect()
}

fn changed(settings: &Settings, changes: &[Change]) -> Result<Settings, AdminError> {
    let mut settings = settings.clone();
    for Change { setting, value } in changes {
        let refused = |problem| AdminError::Refused(format!("{} {problem}", setting.code()));
        setting.write(&mut settings, value).map_err(refused)?;
    }
    Ok(settings)
}

fn providers() -> impl Iterator<Item = &'static str> {
    Source::ALL.into_iter().filter(|source| *source != Source::Api).map(Source::code)
}

async fn create(reached: &Reached, id: &TenantId, changes: &[Change]) -> Result<String, AdminError> {
    let settings = changed(&Settings::default(), changes)?;
    let exists =
        || AdminError::Refused(format!("there is a tenant {id} already; change it with `crae tenant set`"));
    if reached.table.tenant(id).await?.is_some() {
        return Err(exists());
    }
    claim(reached, id, &settings.aliases).await?;
    let mut said = format!("tenant {id}\n");
    let tenant = Tenant { id: id.clone(), settings, key: TenantKey::new(secret()?) };
    // The tenant comes last: one that exists is whole, and of one that does not, all of this can be done again.
    for provider in providers() {
        let secret = hex::encode(secret()?);
        reached.table.put_secrets(id, provider, std::slice::from_ref(&secret)).await?;
        said.push_str(&format!("{provider} webhook secret {secret}\n"));
    }
    if reached.table.create_tenant(&tenant).await? { Ok(said) } else { Err(exists()) }
}

/// Two secrets are valid at a time, so that no delivery is refused while a provider changes from one to the other.
async fn another_secret(
    reached: &Reached,
    id: &TenantId,
    (provider, again): (Source, bool),
) -> Result<String, AdminError> {
    reached.tenant(id).await?;
    let mut known = reached.table.secrets(id, provider.code()).await?;
    if known.len() > 1 && !again {
        let problem = "two secrets are valid already: --end-old ends the older once the provider signs with the newer, \
                       --again makes the newer once more";
        return Err(AdminError::Refused(problem.to_owned()));
    }
    if again {
        known.drain(..known.len().saturating_sub(1));
    }
    let secret = hex::encode(secret()?);
    known.insert(0, secret.clone());
    reached.table.put_secrets(id, provider.code(), &known).await?;
    Ok(format!("{} webhook secret {secret}\n", provider.code()))
}

async fn end_old_secret(reached: &Reached, id: &TenantId, provider: Source) -> Result<String, AdminError> {
    reached.tenant(id).await?;
    let newest = reached.table.secrets(id, provider.code()).await?.into_iter().next();
    let none = || AdminError::Refused(format!("{id} has no webhook secret of {}", provider.code()));
    reached.table.put_secrets(id, provider.code(), &[newest.ok_or_else(none)?]).await?;
    Ok("the newest secret is the only one of the tenant that is valid, within a minute\n".to_owned())
}

/// Aliases are claimed before the settings name them and given up after, so that a name that is shown is held.
async fn set(reached: &Reached, id: &TenantId, changes: &[Change]) -> Result<String, AdminError> {
    let tenant = reached.tenant(id).await?;
    let settings = changed(&tenant.settings, changes)?;
    if settings.time_zone != tenant.settings.time_zone && reached.table.has_facts(id).await? {
        return Err(AdminError::Refused(format!(
            "TIME_ZONE_FIXED: {id} has facts, which are counted by the hours and days of {}; create another tenant for \
             another zone",
            tenant.settings.time_zone
        )));
    }
    let added: Vec<_> = without(&settings.aliases, &tenant.settings.aliases);
    claim(reached, id, &added).await?;
    if !reached.table.replace_settings(&tenant, &settings).await? {
        return Err(AdminError::Refused(
            "somebody else changed the settings meanwhile; try again".to_owned(),
        ));
    }
    release(reached, id, &without(&tenant.settings.aliases, &settings.aliases)).await?;
    Ok(shown(&settings))
}

fn without(names: &[String], others: &[String]) -> Vec<String> {
    names.iter().filter(|name| !others.contains(name)).cloned().collect()
}

/// Claims every alias with every provider, or none.
async fn claim(reached: &Reached, id: &TenantId, aliases: &[String]) -> Result<(), AdminError> {
    for (index, alias) in aliases.iter().enumerate() {
        let another = match TenantId::parse(alias) {
            Ok(named) if named != *id => reached.table.tenant(&named).await?.is_some(),
            Ok(_) | Err(_) => false,
        };
        let mut claimed = !another;
        for provider in providers().take_while(|_| !another) {
            claimed &= reached.table.claim_alias(provider, alias, id).await?;
        }
        if !claimed {
            release(reached, id, &aliases[..=index]).await?;
            return Err(AdminError::Refused(format!("the alias {alias} means another tenant")));
        }
    }
    Ok(())
}

async fn release(reached: &Reached, id: &TenantId, aliases: &[String]) -> Result<(), AdminError> {
    for alias in aliases {
        for provider in providers() {
            reached.table.release_alias(provider, alias, id).await?;
        }
    }
    Ok(())
}
