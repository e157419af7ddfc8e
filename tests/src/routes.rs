//! Every route there is, as the functions themselves list them.

use api::Route;
use crae::functions::{self, Code};

use crate::stack;

/// A route and the function that declares it.
#[derive(Clone, Debug)]
pub struct Declared {
    pub function: &'static str,
    pub route: Route,
}

impl Declared {
    /// Its path with `value` in place of every parameter.
    pub fn path_with(&self, value: &str) -> String {
        let segments = self.route.path.split('/');
        let filled = segments.map(|segment| if is_parameter(segment) { value } else { segment });
        filled.collect::<Vec<_>>().join("/")
    }

    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let segments = self.route.path.split('/').filter(|segment| is_parameter(segment));
        segments.map(|segment| segment.trim_matches(['{', '}']))
    }

    /// Whether the route takes this path, whatever the method.
    pub fn takes(&self, path: &str) -> bool {
        let (own, asked): (Vec<_>, Vec<_>) =
            (self.route.path.split('/').collect(), path.split('/').collect());
        let same = |(own, asked): (&&str, &&str)| own == asked || is_parameter(own) && !asked.is_empty();
        own.len() == asked.len() && own.iter().zip(&asked).all(same)
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// The routes of all functions behind the gateway. Fails if a function has been forgotten here.
pub async fn routes() -> Vec<Declared> {
    let listed = [
        ("analytics-api", analytics_api::routes().listed().to_vec()),
        ("attribution-api", attribution_api::routes().listed().to_vec()),
        ("deliveries-api", deliveries_api::routes().listed().to_vec()),
        ("identity-api", identity_api::routes().listed().to_vec()),
        ("ingestion-api", ingestion_api::routes().listed().to_vec()),
        ("ledger-api", ledger_api::routes().listed().to_vec()),
        ("site", site::routes().listed().to_vec()),
        ("webhook-receiver", webhook_receiver::routes().listed().to_vec()),
    ];
    for function in functions::ALL {
        let code = function.connect(&stack().await.host(function.name));
        if matches!(code, Ok(Code::Http(_))) {
            let found = listed.iter().any(|(name, _)| *name == function.name);
            assert!(found, "the routes of {} are not listed here", function.name);
        }
    }
    let declared = |(function, routes): (&'static str, Vec<Route>)| {
        routes.into_iter().map(move |route| Declared { function, route })
    };
    listed.into_iter().flat_map(declared).collect()
}
