//! Reports over published runs, one file each. Writes nothing.

mod agents;
mod intents;
mod report;
mod vendors;

use api::Routes;
use axum::Router;

/// It needs nothing beyond what every function behind the API has.
pub use api::Access as App;

pub fn routes() -> Routes<App> {
    Routes::default()
        .get("/v1/analytics/agents/revenue", "Report revenue by agent", agents::report_agents_revenue)
        .refuses(report::refusals)
        .get("/v1/analytics/vendors/comparison", "Compare vendors", vendors::compare_vendors)
        .refuses(report::refusals)
        .get("/v1/analytics/intents/revenue", "Report revenue by intent", intents::report_intents_revenue)
        .refuses(report::refusals)
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
