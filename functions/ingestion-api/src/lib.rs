//! Takes in what tenants report themselves: interactions and conversions, one or up to 500 at a time; and shows what
//! became of their providers' deliveries.
//!
//! A report is read whole before anything is stored; a batch stores what is good and says of each entry what the
//! single call would have answered.

mod batch;
mod conversions;
mod correct;
mod deliveries;
mod identifiers;
mod interactions;

use api::{Access, ApiError, Routes};
use archive::Archive;
use axum::Router;
use axum::extract::FromRef;
use providers::SealedDelivery;
use runtime::{Host, Misconfigured, Queue};

#[derive(Clone)]
pub struct App {
    access: Access,
    archive: Archive,
    deliveries: Queue<SealedDelivery>,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        domain::identifier::load_numbering_plans();
        Ok(Self {
            access: Access::connect(host)?,
            archive: Archive::new(host.aws.s3(), host.env.text("ARCHIVE_BUCKET")?),
            deliveries: Queue::new(host.aws.sqs(), host.env.text("DELIVERIES_QUEUE_URL")?),
        })
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
        .get(
            "/v1/webhooks/deliveries",
            "List deliveries and what became of them",
            deliveries::list_deliveries,
        )
        .get("/v1/webhooks/deliveries/{delivery_id}", "Read one of them whole", deliveries::find_delivery)
        .post(
            "/v1/webhooks/deliveries/redrive",
            "Have many that changed nothing read again",
            deliveries::redrive_deliveries,
        )
        .refuses(|| vec![ApiError::InvalidCursor])
        .post(
            "/v1/webhooks/deliveries/{delivery_id}/replay",
            "Have one of them read again",
            deliveries::replay_delivery,
        )
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}
