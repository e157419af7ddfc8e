//! Attribution for marketing, partners and brokers: touchpoints and conversions of leads, how a conversion is shared out and
//! settled, what is owed to whom, disputes about it, reports, and who changed what.
//!
//! It is the interface that the attribution system's document describes, in its names; facts are the same as everywhere.

mod attributions;
mod audit;
mod calculate;
mod conversion_type;
mod conversions;
mod converted;
mod disputes;
mod facts;
mod leads;
mod models;
mod parties;
mod reports;
mod touch_type;
mod touchpoints;

use api::{ApiError, Routes};
use axum::Router;

/// It needs nothing beyond what every function behind the API has.
pub use api::Access as App;

pub fn routes() -> Routes<App> {
    let routes = of_facts(Routes::default());
    let routes = of_calculations(routes);
    of_records(routes)
}

fn of_facts(routes: Routes<App>) -> Routes<App> {
    routes
        .post("/api/v1/attribution/touchpoints", "Store a touchpoint", touchpoints::create_touchpoint)
        .get(
            "/api/v1/attribution/touchpoints",
            "List touchpoints, newest first",
            touchpoints::list_touchpoints,
        )
        .get(
            "/api/v1/attribution/touchpoints/{touchpoint_id}",
            "Read a touchpoint",
            touchpoints::find_touchpoint,
        )
        .refuses(|| vec![ApiError::AmbiguousId])
        .put(
            "/api/v1/attribution/touchpoints/{touchpoint_id}",
            "Set a touchpoint right",
            touchpoints::correct_touchpoint,
        )
        .refuses(|| vec![ApiError::AmbiguousId])
        .delete(
            "/api/v1/attribution/touchpoints/{touchpoint_id}",
            "Withdraw a touchpoint",
            touchpoints::delete_touchpoint,
        )
        .refuses(|| vec![ApiError::AmbiguousId])
        .get(
            "/api/v1/attribution/leads/{lead_id}/touchpoints",
            "List a lead's touchpoints, newest first",
            touchpoints::list_lead_touchpoints,
        )
        .post("/api/v1/attribution/conversions", "Store a conversion", conversions::create_lead_conversion)
        .get(
            "/api/v1/attribution/conversions",
            "List conversions, newest first",
            conversions::list_lead_conversions,
        )
        .get(
            "/api/v1/attribution/conversions/{conversion_id}",
            "Read a conversion",
            conversions::find_lead_conversion,
        )
        .put(
            "/api/v1/attribution/conversions/{conversion_id}",
            "Set a conversion right",
            conversions::correct_lead_conversion,
        )
        .refuses(|| vec![ApiError::Settled])
}

/// Each also without the doubled word of the document.
fn of_calculations(routes: Routes<App>) -> Routes<App> {
    const CALCULATE: &str = "Calculate how a lead's conversion would be shared out";
    const SAVE: &str = "Settle a lead's conversion as a model says";
    const BATCH: &str = "Calculate, or settle, up to 100 conversions";
    const CONFIG: &str = "Read how a model calculates";
    const CONFIGURE: &str = "Set how a model calculates";
    routes
        .post("/api/v1/attribution/attribution/calculate", CALCULATE, calculate::calculate)
        .post("/api/v1/attribution/calculate", CALCULATE, calculate::calculate)
        .post("/api/v1/attribution/attribution/calculate-and-save", SAVE, calculate::calculate_and_save)
        .refuses(|| vec![ApiError::Settled])
        .post("/api/v1/attribution/calculate-and-save", SAVE, calculate::calculate_and_save)
        .refuses(|| vec![ApiError::Settled])
        .post("/api/v1/attribution/attribution/batch", BATCH, calculate::calculate_batch)
        .post("/api/v1/attribution/batch", BATCH, calculate::calculate_batch)
        .get("/api/v1/attribution/attribution/models/{model}/config", CONFIG, models::find_model_config)
        .get("/api/v1/attribution/models/{model}/config", CONFIG, models::find_model_config)
        .post("/api/v1/attribution/attribution/models/config", CONFIGURE, models::set_model_config)
        .post("/api/v1/attribution/models/config", CONFIGURE, models::set_model_config)
}

fn of_records(routes: Routes<App>) -> Routes<App> {
    const ILLEGAL: ApiError = ApiError::IllegalMove("pending", "paid");
    routes
        .get("/api/v1/attribution/attributions", "List attributions", attributions::list_attributions)
        .get(
            "/api/v1/attribution/attributions/{attribution_id}",
            "Read an attribution",
            attributions::find_attribution,
        )
        .put(
            "/api/v1/attribution/attributions/{attribution_id}",
            "Move an attribution on",
            attributions::change_attribution,
        )
        .refuses(|| vec![ILLEGAL])
        .post("/api/v1/attribution/disputes", "Dispute an attribution", disputes::create_dispute)
        .refuses(|| vec![ILLEGAL, ApiError::NotFound("attribution")])
        .get("/api/v1/attribution/disputes", "List disputes, newest first", disputes::list_disputes)
        .put(
            "/api/v1/attribution/disputes/{dispute_id}/resolve",
            "Go on with a dispute, or end it",
            disputes::resolve_dispute,
        )
        .refuses(|| vec![ILLEGAL])
        .get("/api/v1/attribution/reports/attribution", "Report what was earned", reports::report)
        .get("/api/v1/attribution/analytics/attribution", "Analyse what was earned", reports::analyse)
        .get("/api/v1/attribution/partners", "List partners by name", parties::list_partners)
        .post("/api/v1/attribution/partners", "Name a partner", parties::name_partner)
        .get("/api/v1/attribution/brokers", "List brokers by name", parties::list_brokers)
        .post("/api/v1/attribution/brokers", "Name a broker", parties::name_broker)
        .get("/v1/audit", "List who changed what of attributions, newest first", audit::list_audit)
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
