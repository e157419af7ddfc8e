//! Reports over published runs, one file each. Writes nothing.

mod agents;
mod intents;
mod report;
mod vendors;

use api::{Access, Routes};
use axum::Router;
use axum::extract::FromRef;
use runtime::{Host, Misconfigured};

#[derive(Clone)]
pub struct App {
    access: Access,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self { access: Access::connect(host)? })
    }
}

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.access.clone()
    }
}

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
