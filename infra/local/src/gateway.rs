//! API Gateway's HTTP API: picks the route, builds the event, calls the function, writes its answer.
//!
//! What clients of the real gateway notice holds here too: its routing, its decoding of paths, what it folds,
//! its limits, and the bodies it answers by itself. Throttling is absent: the local stack limits nothing.

mod answer;
mod body;
mod event;
mod path;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use runtime::Clock;
use tokio::time::timeout;
use tower::Service;

use answer::Refusal;
use event::Incoming;
pub use routes::{Found, Route, RouteError, Routes};

/// A function behind the gateway.
#[derive(Clone)]
pub struct HttpFunction {
    pub name: String,
    pub timeout: Duration,
    pub router: Router,
}

/// The gateway; clones share its routes.
#[derive(Clone)]
pub struct Gateway {
    routes: Arc<Routes<HttpFunction>>,
    clock: Clock,
}

impl Gateway {
    pub fn new(routes: Vec<(Route, HttpFunction)>, clock: Clock) -> Self {
        Self { routes: Arc::new(Routes::new(routes)), clock }
    }

    /// Every path and method; to be served with the peers' addresses.
    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(self)
    }

    async fn answer(&self, peer: SocketAddr, request: Request) -> Result<Response, Refusal> {
        let request_id = self.clock.mint("req");
        let (parts, body) = request.into_parts();
        path::check(&parts)?;
        let body = body::read(body).await?;
        let path = path::decode(parts.uri.path()).ok_or(Refusal::BadRequest)?;
        let found = self.routes.find(&parts.method, &path);
        let found = found.ok_or(Refusal::NotFound)?;
        let mut context = Context::default();
        context.request_id.clone_from(&request_id);
        let until = self.clock.now().ms() + millis(found.target.timeout);
        context.deadline = u64::try_from(until).unwrap_or_default();
        let incoming =
            Incoming { parts: &parts, path, body, peer, now: self.clock.now(), request_id: &request_id };
        let event = LambdaRequest::ApiGatewayV2(event::build(incoming, &found));
        let function = found.target.clone();
        let answer = invoke(function, LambdaEvent::new(event, context)).await?;
        answer::write(answer, &request_id).ok_or(Refusal::InternalServerError)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

async fn handle(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    match gateway.answer(peer, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into(),
    }
}

/// Calls the function in a task of its own: a panic stays in it, and a client that goes away does not stop it.
async fn invoke(
    function: HttpFunction,
    event: LambdaEvent<LambdaRequest>,
) -> Result<ApiGatewayV2httpResponse, Refusal> {
    let called = tokio::spawn(async move {
        let call = Adapter::from(function.router).call(event);
        timeout(function.timeout, call).await
    });
    let called = called.await;
    let failure = match called {
        Ok(Ok(Ok(said))) => match answer::read(&said) {
            Some(answer) => return Ok(answer),
            None => "answered what Lambda does not carry",
        },
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_)) => "took too long",
        Err(_) => "panicked",
    };
    tracing::error!(function = function.name, "the function {failure}");
    Err(Refusal::InternalServerError)
}

#[cfg(test)]
mod tests;
