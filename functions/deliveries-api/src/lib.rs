//! Shows every delivery of a tenant's providers and what has become of it, and has those that changed nothing read again.
//!
//! Deliveries stand in the archive as they came; the table knows those that could not be taken in, and the interactions
//! that the others told of.

mod deliveries;

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
