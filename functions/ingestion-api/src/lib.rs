//! Takes in what tenants report themselves: interactions and conversions, one or up to 500 at a time.
//!
//! A report is read whole before anything is stored; a batch stores what is good and says of each entry what the
//! single call would have answered.

mod batch;
mod conversions;
mod correct;
mod identifiers;
mod interactions;

use api::{Access, ApiError, Routes};
use axum::Router;
use axum::extract::FromRef;
use runtime::{Host, Misconfigured};

#[derive(Clone)]
pub struct App {
    access: Access,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        domain::identifier::load_numbering_plans();
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
        .post("/v1/interactions", "Store one interaction", interactions::create_interaction)
        .post("/v1/interactions/batch", "Store up to 500 interactions", interactions::create_interactions)
        .patch("/v1/interactions/{interaction_id}", "Set an interaction right", correct::correct_interaction)
        .refuses(|| vec![ApiError::AmbiguousId])
        .post("/v1/conversions", "Store one conversion", conversions::create_conversion)
        .post("/v1/conversions/batch", "Store up to 500 conversions", conversions::create_conversions)
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
