//! How often each tenant may ask. Functions that ask for no credential have no limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::TenantId;
use domain::rate::{Allowance, Lease, Pass, Rate};
use domain::time::Timestamp;
use runtime::{Env, Misconfigured};
use store::{Table, Tenant};

use crate::error::ApiError;

/// Longer than the table usually takes, shorter than a caller would notice.
const PATIENCE: Duration = Duration::from_millis(500);

/// Beyond this many tenants all allowances are forgotten, with the few tokens in them.
const MOST: usize = 10_000;

/// What this container holds for each tenant; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    usual: Option<Rate>,
    allowances: Arc<Mutex<HashMap<TenantId, Shared>>>,
}

/// Held while the table is asked, so that requests that come together lease once.
type Shared = Arc<tokio::sync::Mutex<Allowance>>;

impl Limiter {
    pub(crate) fn read(env: &Env) -> Result<Self, Misconfigured> {
        let usual = Rate::new(env.parsed("TENANT_RATE")?, env.parsed("TENANT_BURST")?);
        Ok(Self { usual, allowances: Arc::default() })
    }

    /// Lets a request of the tenant pass, or says when to come again. Where nothing is limited, nothing is asked.
    pub(crate) async fn pass(&self, table: &Table, tenant: &Tenant, now: Timestamp) -> Result<(), ApiError> {
        let own = tenant.settings.requests_per_second.and_then(Rate::per_second);
        let Some(rate) = own.or(self.usual) else { return Ok(()) };
        let shared = self.allowance(&tenant.id);
        let mut allowance = shared.lock().await;
        loop {
            match allowance.take(rate, now) {
                Pass::Granted => return Ok(()),
                Pass::Refused { wait_ns } => return Err(ApiError::RateLimited { wait_ns }),
                Pass::Unknown(lease) => ask(table, &tenant.id, lease, &mut allowance).await,
            }
        }
    }

    fn allowance(&self, tenant: &TenantId) -> Shared {
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        if allowances.len() >= MOST {
            allowances.clear();
        }
        Arc::clone(allowances.entry(tenant.clone()).or_default())
    }
}

/// A table that cannot be asked limits nobody: that a tenant asks too often does less harm than turning all away.
async fn ask(table: &Table, tenant: &TenantId, lease: Lease, allowance: &mut Allowance) {
    match tokio::time::timeout(PATIENCE, table.lease(tenant, lease, allowance.due_ns())).await {
        Ok(Ok(leased)) => allowance.learn(lease, leased),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the rate of a tenant is not known");
            allowance.trust(lease);
        }
        Err(_) => {
            tracing::warn!("the rate of a tenant was not told in time");
            allowance.trust(lease);
        }
    }
}
