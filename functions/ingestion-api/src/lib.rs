//! Takes in what tenants report themselves: interactions and conversions, one or up to 500 at a time.
//!
//! A report is read whole before anything is stored; a batch stores what is good and says of each entry what the
//! single call would have answered.

mod batch;
mod conversions;
mod correct;
mod identifiers;
mod interactions;

use api::{ApiError, Routes};
use axum::Router;

/// It needs nothing beyond what every function behind the API has.
pub use api::Access as App;

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
