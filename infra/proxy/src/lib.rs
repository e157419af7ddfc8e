//! Stands before an embedded AWS service, and sees who calls what.
//!
//! A [`Judge`] lets each call pass or says what happens to it instead: it is refused, as a policy would, or it fails in
//! one of the ways in which the real services fail ([`Fault`]). The client is the unmodified AWS SDK, which tries some
//! of these failures again, and gives others up.

mod call;
mod fault;
mod partial;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::Response;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::ServiceExt;

pub use call::{ACCOUNT, Call, Need, REGION, Service};
pub use fault::Fault;

/// More than any request of ours; DynamoDB takes up to 16 MB.
const MOST_BODY: usize = 16 * 1024 * 1024;

/// Decides on every call to a service.
pub trait Judge: Send + Sync + 'static {
    /// What happens to the call instead of its being carried out; None lets it pass.
    fn judge(&self, call: &Call) -> Option<Fault>;

    /// Is told of a call that was carried out, before its answer leaves.
    fn carried_out(&self, _call: &Call) {}
}

impl<F: Fn(&Call) -> Option<Fault> + Send + Sync + 'static> Judge for F {
    fn judge(&self, call: &Call) -> Option<Fault> {
        self(call)
    }
}

#[derive(Clone)]
struct Guarded {
    kind: Service,
    service: Router,
    judge: Arc<dyn Judge>,
}

/// The service with the judge before it.
pub fn before(kind: Service, service: Router, judge: Arc<dyn Judge>) -> Router {
    Router::new().fallback(answer).with_state(Guarded { kind, service, judge })
}

/// Passes every request on to the service at this URL.
pub fn forward(url: &str) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let upstream = (client, Arc::from(url.trim_end_matches('/')));
    Router::new().fallback(pass_on).with_state(upstream)
}

async fn answer(State(guarded): State<Guarded>, request: Request) -> Response {
    let Guarded { kind, service, judge } = guarded;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BODY).await else { return Fault::Failed.answer(kind) };
    let call = Call::of(kind, &parts, body.clone());
    let fault = judge.judge(&call);
    if let Some(fault) = fault
        && !fault.is_done()
    {
        return fault.answer(kind);
    }
    let (body, held_back) = match fault {
        Some(Fault::Partial) => partial::halve(&call),
        Some(_) | None => (body, None),
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    if held_back.is_some() {
        request.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let response = carry_out(service, request).await;
    judge.carried_out(&call);
    match (fault, held_back) {
        (Some(Fault::Partial), Some(held_back)) => held_back.add_to(response).await,
        (Some(Fault::Partial) | None, _) => response,
        (Some(fault), _) => fault.answer(kind),
    }
}

async fn carry_out(service: Router, request: Request) -> Response {
    service.oneshot(request).await.unwrap_or_else(|never| match never {})
}

type Upstream = Client<HttpConnector, Body>;

async fn pass_on(State((client, url)): State<(Upstream, Arc<str>)>, mut request: Request) -> Response {
    // As it came, its host too: S3 looks whether the headers are those that were signed.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("{url}{path}").parse() else { return Fault::Failed.answer(Service::DynamoDb) };
    *request.uri_mut() = uri;
    match client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::warn!(%error, "an embedded service did not answer");
            Fault::Failed.answer(Service::DynamoDb)
        }
    }
}
