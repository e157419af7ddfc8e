//! What surrounds every handler, around a handler that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod limits;
mod repeats;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use api::fields::Nothing;
use api::{Access, ApiError, Body, Caller, Created, InPart, Routes, may};
use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Extension, Router};
use domain::permission::Permissions;
use runtime::Host;
use sha2::{Digest, Sha256};
use store::ApiKey;
use testkit::Stack;
use tower::ServiceExt;

/// A function with one route, which counts how often it is carried out.
#[derive(Clone)]
struct App {
    access: Access,
    carried_out: Arc<AtomicU32>,
}

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.access.clone()
    }
}

/// Answers with how often it was carried out: in so many bytes as `fill` asks for, not at all if told to `fail`, and not
/// whole if told to fail `in_part`.
async fn count(
    State(app): State<App>,
    _caller: Caller<may::AttributionRun>,
    body: Body<Nothing>,
) -> Result<(Option<Extension<InPart>>, Created<String>), ApiError> {
    let times = app.carried_out.fetch_add(1, Ordering::SeqCst) + 1;
    let mut body = body.reader()?;
    let fill = body.optional("fill", domain::json::integer(0..=500_000)).unwrap_or(0);
    let fail = body.optional("fail", domain::json::text);
    let in_part = body.optional("in_part", domain::json::text);
    body.finish(Some(())).map_err(ApiError::Invalid)?;
    if fail.is_some() {
        return Err(ApiError::Unavailable("as it was told".into()));
    }
    let filled = format!("{times} {}", "x".repeat(usize::try_from(fill).unwrap()));
    Ok((in_part.map(|_| Extension(InPart)), Created(filled)))
}

struct Shop {
    stack: Stack,
    access: Access,
    router: Router,
    carried_out: Arc<AtomicU32>,
}

const SECRET: &str = "of-a-test";

impl Shop {
    async fn open() -> Self {
        Self::limited_to("0", "1").await
    }

    async fn limited_to(rate: &str, burst: &str) -> Self {
        let stack = testkit::stack();
        let host = stack.host(&[("TENANT_RATE", rate), ("TENANT_BURST", burst)]);
        Self::open_on(stack, &host).await
    }

    async fn open_on(stack: Stack, host: &Host) -> Self {
        let tenant = stack.tenant("demo").await;
        let key = ApiKey {
            key_id: "till".to_owned(),
            tenant: tenant.id,
            secret_hash: hex::encode(Sha256::digest(SECRET)),
            permissions: Permissions::all(),
            created_at: stack.clock.now(),
            revoked: false,
            party: None,
        };
        assert!(stack.table().create_api_key(&key).await.unwrap());
        let access = Access::connect(host).unwrap();
        let carried_out = Arc::new(AtomicU32::new(0));
        let app = App { access: access.clone(), carried_out: Arc::clone(&carried_out) };
        let router = api::serve(Routes::default().post("/count", "Count", count), app);
        Self { stack, access, router, carried_out }
    }

    fn carried_out(&self) -> u32 {
        self.carried_out.load(Ordering::SeqCst)
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::post("/count").header("x-api-key", format!("crk_till_{SECRET}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(HttpBody::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}
