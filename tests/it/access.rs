//! Who may see what: no route shows anything to nobody, to another tenant, or to a key that may not.

mod credentials;
mod matrix;
mod tenants;

use e2e::{Asks, Declared, Operation, routes};

/// The routes that ask for no credential. Everything else does.
const PUBLIC: [&str; 5] = ["/docs", "/health", "/live", "/openapi.json", "/ready"];

/// Where the signature of the body takes a credential's place.
const SIGNED: &str = "/v1/webhooks/";

/// Every route that asks for a credential, as the document tells.
async fn guarded() -> Vec<Declared> {
    let mut routes = routes().await;
    let asks =
        |declared: &Declared| Operation::of(declared.route.method, declared.route.path).map(|it| it.asks());
    routes.retain(|declared| asks(declared) == Some(Asks::Key));
    let others = Operation::all().into_iter().filter(|operation| operation.asks() != Asks::Key);
    let others =
        others.filter(|operation| !operation.path.starts_with(SIGNED)).map(|operation| operation.path);
    assert_eq!(others.collect::<Vec<_>>(), PUBLIC, "the document asks for no credential elsewhere");
    routes
}
