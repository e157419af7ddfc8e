//! Takes webhooks: finds whose they may be, verifies them over their raw bytes, and queues them.
//!
//! These routes have no `Caller`: who may deliver is decided by the signature. A delivery is acknowledged only after
//! the queue holds it, and what it says is read behind the queue.

mod mentions;
mod receive;
mod refusals;
mod secrets;
mod tenants;

use api::Routes;
use axum::Router;
use axum::routing::MethodFilter;
use domain::ids::TenantId;
use providers::SealedDelivery;
use runtime::{Clock, Host, Metrics, Misconfigured, Queue};
use store::Table;

use refusals::Refusals;
use secrets::Keyring;
use tenants::Names;

#[derive(Clone)]
pub struct App {
    clock: Clock,
    metrics: Metrics,
    names: Names,
    keyring: Keyring,
    refusals: Refusals,
    /// Whose deliveries are that name no tenant, in an install with a single one.
    default_tenant: Option<TenantId>,
    queue: Queue<SealedDelivery>,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        let default_tenant = default_tenant(host)?;
        let queue = Queue::new(host.aws.sqs(), host.env.text("DELIVERIES_QUEUE_URL")?);
        Ok(Self {
            clock: host.clock.clone(),
            metrics: host.metrics.clone(),
            names: Names::of(&table),
            keyring: Keyring::of(&table, host, default_tenant.clone()),
            refusals: Refusals::of(&table),
            queue: if default_tenant.is_some() { queue.of_one_tenant() } else { queue },
            default_tenant,
        })
    }
}

fn default_tenant(host: &Host) -> Result<Option<TenantId>, Misconfigured> {
    const NAME: &str = "DEFAULT_TENANT";
    let tenant = host.env.optional(NAME).map(|text| TenantId::parse(&text)).transpose();
    tenant.map_err(|error| Misconfigured::Invalid { name: NAME.to_owned(), problem: error.to_string() })
}

pub fn routes() -> Routes<App> {
    Routes::default()
        .post("/v1/webhooks/{provider}", "Take a signed delivery", receive::receive_delivery)
        .post(
            "/v1/webhooks/{provider}/{tenant}",
            "Take a signed delivery for a tenant",
            receive::receive_delivery_for_tenant,
        )
        .elsewhere(MethodFilter::GET, "/v1/webhooks/deliveries")
        .elsewhere(MethodFilter::GET, "/v1/webhooks/deliveries/{delivery_id}")
        .elsewhere(MethodFilter::POST, "/v1/webhooks/deliveries/redrive")
        .elsewhere(MethodFilter::POST, "/v1/webhooks/deliveries/{delivery_id}/replay")
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
