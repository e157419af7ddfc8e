//! Routes, recorded while they are built, and the layers around all of them.

use std::any::Any;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::{HeaderName, HeaderValue, Method};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::describe::{Operation, Signature};
use crate::error::{ApiError, ErrorBody};
use crate::once::keep_answer;

/// A route as a function declares it.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The name of its handler.
    pub handler: &'static str,
    /// What its handler's signature tells of it.
    pub describe: fn(&mut Operation<'_>),
    /// The errors that its signature does not tell of.
    pub refusals: fn() -> Vec<ApiError>,
}

/// A function's routes: an axum router that knows what is in it, so that tests can walk all routes.
pub struct Routes<S> {
    router: Router<S>,
    listed: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { router: Router::new(), listed: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    #[must_use]
    pub fn get<H: Handler<T, S> + Signature<T>, T: 'static>(
        self,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.on(("GET", MethodFilter::GET), path, summary, handler)
    }

    #[must_use]
    pub fn post<H: Handler<T, S> + Signature<T>, T: 'static>(
        self,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.on(("POST", MethodFilter::POST), path, summary, handler)
    }

    #[must_use]
    pub fn patch<H: Handler<T, S> + Signature<T>, T: 'static>(
        self,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.on(("PATCH", MethodFilter::PATCH), path, summary, handler)
    }

    #[must_use]
    pub fn put<H: Handler<T, S> + Signature<T>, T: 'static>(
        self,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.on(("PUT", MethodFilter::PUT), path, summary, handler)
    }

    #[must_use]
    pub fn delete<H: Handler<T, S> + Signature<T>, T: 'static>(
        self,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.on(("DELETE", MethodFilter::DELETE), path, summary, handler)
    }

    fn on<H: Handler<T, S> + Signature<T>, T: 'static>(
        mut self,
        (method, filter): (&'static str, MethodFilter),
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        self.router = self.router.route(path, on(filter, handler));
        let name = std::any::type_name::<H>();
        let handler = name.rsplit_once("::").map_or(name, |(_, handler)| handler);
        self.listed.push(Route { method, path, summary, handler, describe: H::describe, refusals: Vec::new });
        self
    }

    /// A path that leads here too, and a method of it that another function answers to: so that whoever tries a third
    /// method is told of all there are.
    #[must_use]
    pub fn elsewhere(mut self, method: MethodFilter, path: &'static str) -> Self {
        self.router = self.router.route(path, on(method, || async { ApiError::MethodNotAllowed }));
        self
    }

    /// The errors of the route before this that its handler's signature does not tell of.
    #[must_use]
    pub fn refuses(mut self, refusals: fn() -> Vec<ApiError>) -> Self {
        if let Some(last) = self.listed.last_mut() {
            last.refusals = refusals;
        }
        self
    }

    pub fn listed(&self) -> &[Route] {
        &self.listed
    }
}

/// The routes with their state and the layers that every function has: our own 404 and 405, a request id in every
/// error, panics as 500, headers that keep answers out of caches and frames.
pub fn serve<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> Router {
    let router = routes
        .router
        .fallback(|| async { ApiError::NoSuchPath })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(finish))
        // Outside of what finishes an answer, so that it is kept as it leaves.
        .layer(from_fn(keep_answer));
    // Around the router, since layers run after it has picked the route.
    Router::new().fallback_service(MapRequest::new(router, with_path_as_sent))
}

/// Puts the path together again from what the gateway sent, which is decoded.
///
/// The runtime reads that as a URL: it cuts it at `#`, trims spaces, resolves `..` and takes `\` for `/`, so that
/// one id would be read as another.
fn with_path_as_sent(mut request: Request) -> Request {
    let mut target = encoded(request.raw_http_path());
    if target.starts_with('/') {
        if let Some(query) = request.uri().query() {
            target = format!("{target}?{query}");
        }
        if let Ok(uri) = target.parse() {
            *request.uri_mut() = uri;
        }
    }
    request
}

fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                encoded.push(byte.into())
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    ApiError::Internal("a handler panicked".into()).into_response()
}

/// Gives every answer its request id, and errors theirs in the body.
async fn finish(request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    let span = tracing::info_span!("request", %request_id, method = %request.method(), route = tracing::field::Empty);
    if let Some(path) = request.extensions().get::<axum::extract::MatchedPath>() {
        span.record("route", path.as_str());
    }
    let head = request.method() == Method::HEAD;
    let mut response = next.run(request).instrument(span).await;
    if let Some(mut body) = response.extensions_mut().remove::<ErrorBody>() {
        body.request_id.clone_from(&request_id);
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(http::header::CONTENT_LENGTH);
        let (_, rendered) = Json(body).into_response().into_parts();
        response = Response::from_parts(parts, if head { axum::body::Body::empty() } else { rendered });
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn request_id(request: &Request) -> String {
    match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
