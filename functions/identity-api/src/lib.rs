//! Reads of facts, of the customers they belong to, and of the tenant's settings. Writes only what people decide about
//! customers.

mod conversions;
mod customers;
mod decisions;
mod interactions;
mod journey;
mod lookup;
mod tenant;

use api::{ApiError, Routes};
use axum::Router;
use axum::routing::MethodFilter;
use domain::identity::MergeRefused;

/// It needs nothing beyond what every function behind the API has.
pub use api::Access as App;

pub fn routes() -> Routes<App> {
    Routes::default()
        .get("/v1/tenant", "Read the tenant's settings", tenant::find_tenant)
        .get("/v1/interactions", "List interactions, newest first", interactions::list_interactions)
        .elsewhere(MethodFilter::POST, "/v1/interactions")
        .elsewhere(MethodFilter::POST, "/v1/interactions/batch")
        .get("/v1/interactions/{interaction_id}", "Read one interaction", interactions::find_interaction)
        .refuses(|| vec![ApiError::AmbiguousId])
        .elsewhere(MethodFilter::PATCH, "/v1/interactions/{interaction_id}")
        .get("/v1/conversions", "List conversions, newest first", conversions::list_conversions)
        .elsewhere(MethodFilter::POST, "/v1/conversions")
        .elsewhere(MethodFilter::POST, "/v1/conversions/batch")
        .get("/v1/conversions/{conversion_id}", "Read one conversion", conversions::find_conversion)
        .get("/v1/customers", "Find the customer of an identifier", customers::list_customers)
        .get("/v1/customers/{customer_id}", "Read one customer", customers::find_customer)
        .get(
            "/v1/customers/{customer_id}/journey",
            "Read a customer's journey, oldest first",
            journey::read_journey,
        )
        .post("/v1/customers/{customer_id}/merge", "Make two customers one", decisions::merge_customers)
        .refuses(|| vec![ApiError::NotMergeable(MergeRefused::Shared)])
        .post(
            "/v1/customers/{customer_id}/split",
            "Take an identifier out of a customer",
            decisions::split_customer,
        )
        .get(
            "/v1/customers/{customer_id}/decisions",
            "List what was decided about a customer by hand, newest first",
            decisions::list_decisions,
        )
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
