//! What is public: health, the OpenAPI document, the docs page, and our answer to paths that lead nowhere.

use api::{ApiError, Describe, Operation, Routes};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use domain::ids::TenantId;
use http::StatusCode;
use http::header;
use runtime::{Host, Misconfigured};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use store::Table;

#[derive(Clone)]
pub struct App {
    table: Table,
}

impl App {
    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        Ok(Self { table: Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?) })
    }
}

pub fn routes() -> Routes<App> {
    Routes::default()
        .get("/health", "What works, in full", health)
        .get("/ready", "Whether requests can be served", ready)
        .get("/live", "Whether the process answers", live)
        .get("/openapi.json", "This document", openapi)
        .get("/docs", "The documentation page", docs)
}

pub fn router(app: App) -> Router {
    api::serve(routes(), app)
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'static str>,
}

impl Health {
    fn ok() -> Self {
        Self { status: "ok", version: env!("CARGO_PKG_VERSION"), table: None }
    }
}

/// The process answers
async fn live() -> Json<Health> {
    Json(Health::ok())
}

/// Requests can be served: the table answers
async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    reach_table(&app.table).await?;
    Ok(Json(Health::ok()))
}

/// What works, in full
async fn health(State(app): State<App>) -> Checked {
    match reach_table(&app.table).await {
        Ok(()) => Checked(StatusCode::OK, Health { table: Some("ok"), ..Health::ok() }),
        Err(error) => {
            // Logs the cause; the answer keeps the shape that monitors read.
            let status = error.into_response().status();
            Checked(status, Health { status: "unavailable", table: Some("unreachable"), ..Health::ok() })
        }
    }
}

struct Checked(StatusCode, Health);

impl IntoResponse for Checked {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl Describe for Checked {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer::<Health>(StatusCode::OK, "Everything works");
        operation.answer::<Health>(StatusCode::SERVICE_UNAVAILABLE, "Something does not, and what");
    }
}

/// Reads an item that need not exist.
async fn reach_table(table: &Table) -> Result<(), ApiError> {
    if let Ok(nobody) = TenantId::parse("health-check") {
        table.tenant(&nobody).await?;
    }
    Ok(())
}

/// The OpenAPI document
async fn openapi() -> Document {
    Document
}

struct Document;

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], api::OPENAPI).into_response()
    }
}

impl Describe for Document {
    fn describe(operation: &mut Operation<'_>) {
        let schema = json_schema!({
            "type": "object", "required": ["openapi", "paths"], "examples": [{"openapi": "3.1.0", "paths": {}}],
        });
        operation.answer_as(StatusCode::OK, "This document", ("application/json", schema));
    }
}

/// The documentation page
async fn docs() -> Page {
    Page
}

struct Page;

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(include_str!("docs.html")).into_response()
    }
}

impl Describe for Page {
    fn describe(operation: &mut Operation<'_>) {
        let schema = json_schema!({"type": "string"});
        operation.answer_as(StatusCode::OK, "The page", ("text/html", schema));
    }
}
