//! Who may see what: no route shows anything to nobody, to another tenant, or to a key that may not.

mod credentials;
mod tenants;

use e2e::{Declared, routes};

/// The routes that ask for no credential. Everything else does.
const PUBLIC: [&str; 5] = ["/docs", "/health", "/live", "/openapi.json", "/ready"];

/// Where the signature of the body takes a credential's place.
const SIGNED: &str = "/v1/webhooks/";

/// Every route that asks for a credential.
async fn guarded() -> Vec<Declared> {
    let mut routes = routes().await;
    routes.retain(|declared| {
        !PUBLIC.contains(&declared.route.path) && !declared.route.path.starts_with(SIGNED)
    });
    routes
}
