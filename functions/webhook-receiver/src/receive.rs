//! `POST /v1/webhooks/{provider}[/{tenant}]`.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;

use api::{Accepted, ApiError, Describe, Operation, Presence};
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request, State};
use domain::time::Timestamp;
use http::request::Parts;
use providers::{Delivery, Provider, Rejected, SealedDelivery, Secrets, Verified};
use runtime::Metric;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use store::Tenant;

use crate::App;
use crate::mentions::{self, Unclear};

/// No delivery is larger; a message of this size fits the queue in base64, and so does an item the table.
const MOST_BODY: usize = 256 * 1024;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AcceptedDelivery")]
pub(crate) struct DeliveryView {
    #[schemars(example = &"dlv_018d0e0a7b7c7d008000000000000001")]
    delivery_id: String,
}

/// A delivery as it came: a body of any kind, and its signature among the headers.
pub(crate) struct Signed(Request);

impl<S: Send + Sync> FromRequest<S> for Signed {
    type Rejection = Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(request))
    }
}

impl Describe for Signed {
    fn describe(operation: &mut Operation<'_>) {
        operation.security.push("signature");
        let tenant =
            json_schema!({"type": "string", "description": "The tenant, if the path does not name it"});
        operation.parameter("query", "tenant_id", tenant.clone(), Presence::Optional);
        operation.parameter("header", "X-Tenant-ID", tenant, Presence::Optional);
        operation.any_body(
            "Any body of at most 256 KiB: the signature is over its bytes, and what they say is read behind the \
             answer. It should be JSON: `{\"event_type\": …, \"call_id\": \"call-123\", \"timestamp\": \
             \"2024-01-15T10:30:00Z\", \"data\": {…}}`, where the type is `call.started`, `call.ended`, \
             `call.transcript.updated` or `call.intent.detected`, and `data` has fields of an interaction: \
             `phone_number`, `email`, `customer_id`, `agent_id`, `vendor_code`, `started_at`, `duration_seconds`, \
             `primary_intent` and others; `/v1/interactions` tells them all. What cannot be read is kept; see \
             `/v1/webhooks/deliveries`.",
        );
        operation.errors.extend([ApiError::InvalidSignature, ApiError::TooLarge(MOST_BODY)]);
    }
}

type Answer = Result<Accepted<DeliveryView>, ApiError>;

/// The tenant is named in the query, a header or the body, or is the default one.
pub(crate) async fn receive_delivery(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    Signed(request): Signed,
) -> Answer {
    let Path(provider) = path.map_err(|_| ApiError::NoSuchPath)?;
    receive(&app, &provider, None, request).await
}

pub(crate) async fn receive_delivery_for_tenant(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    Signed(request): Signed,
) -> Answer {
    let Path((provider, tenant)) = path.map_err(|_| ApiError::NoSuchPath)?;
    receive(&app, &provider, Some(tenant), request).await
}

async fn receive(app: &App, provider: &str, path: Option<String>, request: Request) -> Answer {
    let answer = take(app, provider, path, request).await;
    match &answer {
        Ok(_) => app.metrics.one(Metric::DeliveriesAccepted),
        Err(ApiError::InvalidSignature) => app.metrics.one(Metric::DeliveriesRefused),
        Err(_) => {}
    }
    answer
}

async fn take(app: &App, provider: &str, path: Option<String>, request: Request) -> Answer {
    let now = app.clock.now();
    let provider = Provider::parse(provider).ok_or(ApiError::NotFound("provider"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MOST_BODY).await.map_err(|_| ApiError::TooLarge(MOST_BODY))?;
    let to = Addressed::read(provider, path, &parts)?;
    let (tenant, sealed) = verify(app, &to, &parts, &body, now).await?;
    app.queue.send(&tenant.id, &sealed).await?;
    let delivery_id = sealed.delivery_id;
    tracing::info!(%delivery_id, provider = provider.code(), tenant = %tenant.id, bytes = body.len(), "queued");
    Ok(Accepted(DeliveryView { delivery_id }))
}

/// Whom a request addresses, before anybody has looked into its body.
struct Addressed {
    provider: Provider,
    names: Vec<String>,
}

impl Addressed {
    fn read(provider: Provider, path: Option<String>, parts: &Parts) -> Result<Self, ApiError> {
        let names = mentions::around(path, &parts.uri, &parts.headers);
        let names = names.map_err(|Unclear| refused(provider, "the tenant is named unclearly"))?;
        Ok(Self { provider, names })
    }

    /// The tenant whose secrets are tried. The body is asked only if nothing around it names one.
    async fn candidate(
        &self,
        app: &App,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Arc<Tenant>>, ApiError> {
        let name = match self.names.first() {
            Some(name) => Some(name.clone()),
            None => self.inside(body)?,
        };
        Ok(match (name, &app.default_tenant) {
            (Some(name), _) => app.names.meant(self.provider, &name, now).await?,
            (None, Some(id)) => app.names.tenant(id, now).await?,
            (None, None) => None,
        })
    }

    /// A sender with one tenant's secret must not speak of another, wherever.
    async fn means(&self, app: &App, tenant: &Tenant, body: &[u8], now: Timestamp) -> Result<(), ApiError> {
        let inside = self.inside(body)?;
        for name in self.names.iter().chain(&inside).filter(|name| *name != tenant.id.as_str()) {
            let meant = app.names.meant(self.provider, name, now).await?;
            if meant.is_none_or(|meant| meant.id != tenant.id) {
                return Err(refused(self.provider, "another tenant is named"));
            }
        }
        Ok(())
    }

    fn inside(&self, body: &[u8]) -> Result<Option<String>, ApiError> {
        mentions::inside(body).map_err(|Unclear| refused(self.provider, "the body names a tenant unclearly"))
    }
}

/// The tenant whose secret signed the body, and the delivery sealed for its way through the queue.
async fn verify(
    app: &App,
    to: &Addressed,
    parts: &Parts,
    body: &Bytes,
    now: Timestamp,
) -> Result<(Arc<Tenant>, SealedDelivery), ApiError> {
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let delivery = Delivery::new(headers, body);
    let tenant = to.candidate(app, body, now).await?;
    let Some(tenant) = tenant else {
        // The same work as for a tenant that exists, so that the time taken does not tell which do.
        let _never = to.provider.adapter().verify(&delivery, &Secrets::default());
        return Err(refused(to.provider, "the tenant is unknown"));
    };
    let verified = match verify_for(app, to.provider, &tenant, &delivery, now).await? {
        Ok(verified) => verified,
        Err(rejected) => {
            app.refusals.note(&tenant.id, to.provider, &rejected, now).await;
            return Err(refused(to.provider, rejected));
        }
    };
    to.means(app, &tenant, body, now).await?;
    let key = tenant.key.derived(SealedDelivery::PURPOSE);
    let sealed = verified.seal(&key, tenant.id.clone(), app.clock.mint_at("dlv", now), now);
    Ok((tenant, sealed))
}

async fn verify_for<'a>(
    app: &App,
    provider: Provider,
    tenant: &Tenant,
    delivery: &'a Delivery<'_>,
    now: Timestamp,
) -> Result<Result<Verified<'a>, Rejected>, ApiError> {
    let adapter = provider.adapter();
    let known = app.keyring.known(&tenant.id, provider, now).await?;
    Ok(match adapter.verify(delivery, &known.secrets) {
        Err(Rejected::WrongSignature) if known.may_be_outdated(now) => {
            let read = app.keyring.read(&tenant.id, provider, now).await?;
            adapter.verify(delivery, &read.secrets)
        }
        verdict => verdict,
    })
}

/// The same answer whatever the reason, which only our log tells.
fn refused(provider: Provider, reason: impl Display) -> ApiError {
    tracing::warn!(provider = provider.code(), %reason, "delivery refused");
    ApiError::InvalidSignature
}
