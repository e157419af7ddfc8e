//! Who calls: the credential is verified here, in our code, alike in the cloud and locally.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use domain::party::Party;
use domain::permission::{Credential, Principal, Required};
use domain::time::Timestamp;
use http::HeaderMap;
use http::request::Parts;
use runtime::{Clock, Host, Misconfigured, Place};
use schemars::json_schema;
use sha2::{Digest, Sha256};
use store::{ApiKey, Fresh, Table, Tenant, Tenants};
use subtle::ConstantTimeEq;

use crate::describe::{Describe, Operation, Presence};
use crate::error::ApiError;
use crate::limit::Limiter;
use crate::once::{Repeatable, ToDo};

/// What every function that answers to callers holds: the table, the clock, and what it knows of keys and tenants.
#[derive(Clone, Debug)]
pub struct Access {
    pub table: Table,
    pub clock: Clock,
    pub tenants: Tenants,
    place: Place,
    keys: Arc<Fresh<String, ApiKey>>,
    limiter: Limiter,
}

/// Credentials that begin so are constants of the local stack, known to everyone.
const LOCAL: &str = "local-";

impl Access {
    /// The same with another view of the table.
    #[must_use]
    pub fn with_table(&self, table: Table) -> Self {
        Self { table, ..self.clone() }
    }

    pub fn connect(host: &Host) -> Result<Self, Misconfigured> {
        let table = Table::new(host.aws.dynamodb(), &host.env.text("TABLE_NAME")?);
        Ok(Self {
            tenants: Tenants::of(&table),
            table,
            clock: host.clock.clone(),
            place: host.place,
            keys: Arc::default(),
            limiter: Limiter::read(&host.env)?,
        })
    }

    async fn api_key(&self, key_id: &str, now: Timestamp) -> Result<Option<ApiKey>, ApiError> {
        if let Some((_, key)) = self.keys.get(&key_id.to_owned(), now) {
            return Ok(Some(key));
        }
        let key = self.table.api_key(key_id).await?;
        if let Some(key) = &key {
            self.keys.put(key_id.to_owned(), key.clone(), now);
        }
        Ok(key)
    }

    async fn principal(&self, headers: &HeaderMap) -> Result<(Principal, Arc<Tenant>), ApiError> {
        let now = self.clock.now();
        let (key_id, secret) = credential(headers).and_then(split).ok_or(ApiError::Unauthenticated)?;
        if key_id.starts_with(LOCAL) && self.place != Place::Local {
            return Err(ApiError::Unauthenticated);
        }
        let known = self.api_key(key_id, now).await?.filter(|key| !key.revoked);
        // An unknown key is compared too, so that its absence does not show in the time taken.
        let expected = known.as_ref().map_or("", |key| &key.secret_hash);
        let given = hex::encode(Sha256::digest(secret));
        let same = bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
        let key = known.filter(|_| same).ok_or(ApiError::Unauthenticated)?;
        let tenant = self.tenants.find(&key.tenant, now).await?.ok_or(ApiError::Unauthenticated)?;
        let credential = Credential::ApiKey { key_id: key.key_id };
        let ApiKey { tenant: of, permissions, party, .. } = key;
        Ok((Principal { tenant: of, credential, permissions, party }, tenant))
    }
}

/// The credential of a request; two different ones are none.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = text("authorization").map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }
    });
    match (text("x-api-key"), bearer) {
        (Some(key), Some(bearer)) if key != bearer => None,
        (key, bearer) => key.or(bearer),
    }
}

/// `crk_<id>_<secret>` into its two parts.
fn split(key: &str) -> Option<(&str, &str)> {
    let (key_id, secret) = key.strip_prefix("crk_")?.rsplit_once('_')?;
    (!key_id.is_empty() && key_id.len() <= 128 && !secret.is_empty()).then_some((key_id, secret))
}

/// Whether a route answers to who is bound to a partner or broker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ToBound {
    Refused,
    Answered,
}

/// A caller who holds the permission `P`, and is bound to no partner or broker. Handlers take it before they read anything
/// else.
pub struct Caller<P> {
    pub tenant: Arc<Tenant>,
    pub principal: Principal,
    /// Of a request with an `Idempotency-Key`: an id that all repetitions share.
    request: Option<String>,
    holds: PhantomData<fn() -> P>,
}

impl<S, P> FromRequestParts<S> for Caller<P>
where
    S: Send + Sync,
    P: Required,
    Access: FromRef<S>,
{
    /// Not only errors: what was answered before to the same request is answered again.
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        Self::extracted(parts, state, ToBound::Refused).await
    }
}

/// A caller who holds the permission `P`, and may be bound to a partner or broker: then it must be shown only what is
/// theirs, read by their key.
pub struct PerhapsBound<P>(pub Caller<P>);

impl<P> PerhapsBound<P> {
    /// Whose rows the caller may see; None for all.
    pub fn party(&self) -> Option<&Party> {
        self.0.principal.party.as_ref()
    }
}

impl<S, P> FromRequestParts<S> for PerhapsBound<P>
where
    S: Send + Sync,
    P: Required,
    Access: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        Caller::extracted(parts, state, ToBound::Answered).await.map(Self)
    }
}

impl<P: Required> Describe for PerhapsBound<P> {
    fn describe(operation: &mut Operation<'_>) {
        Caller::<P>::describe(operation);
    }
}

impl<P: Required> Caller<P> {
    async fn extracted<S>(parts: &Parts, state: &S, to_bound: ToBound) -> Result<Self, Response>
    where
        Access: FromRef<S>,
    {
        let access = Access::from_ref(state);
        let caller = Self::admitted(&access, &parts.headers, to_bound).await;
        let caller = caller.map_err(ApiError::into_response)?;
        let Some(repeatable) = parts.extensions.get::<Repeatable>() else { return Ok(caller) };
        let claimed = repeatable.claim(parts, &caller.principal, &access).await;
        match claimed.map_err(ApiError::into_response)? {
            ToDo::CarryOut { request } => Ok(Self { request: Some(request), ..caller }),
            ToDo::Repeat(answered) => Err(answered),
        }
    }

    async fn admitted(access: &Access, headers: &HeaderMap, to_bound: ToBound) -> Result<Self, ApiError> {
        let (principal, tenant) = access.principal(headers).await?;
        access.limiter.pass(&access.table, &tenant, access.clock.now()).await?;
        if let Some(mentioned) = headers.get("x-tenant-id")
            && !mentioned.to_str().is_ok_and(|name| tenant.is_called(name.trim()))
        {
            return Err(ApiError::TenantMismatch);
        }
        if !principal.permissions.allow(P::PERMISSION) {
            return Err(ApiError::Forbidden(P::PERMISSION));
        }
        if principal.party.is_some() && to_bound == ToBound::Refused {
            return Err(ApiError::Bound);
        }
        Ok(Self { tenant, principal, request: None, holds: PhantomData })
    }

    /// Mints the id of the one thing that the request creates: the same again when the request is repeated with its
    /// `Idempotency-Key`, also if nobody knows how far the first attempt came.
    pub fn mint(&self, clock: &Clock, prefix: &str) -> String {
        match self.request.as_deref().and_then(|request| request.split_once('_')) {
            Some((_, unique)) => format!("{prefix}_{unique}"),
            None => clock.mint(prefix),
        }
    }
}

impl<P: Required> Describe for Caller<P> {
    fn describe(operation: &mut Operation<'_>) {
        operation.security.extend(["api_key", "bearer"]);
        operation.permission = Some(P::PERMISSION);
        let described = "The credential's own tenant, or one of its aliases; may be left out";
        let schema = json_schema!({"type": "string", "description": described});
        operation.parameter("header", "X-Tenant-ID", schema, Presence::Optional);
        operation.errors.extend([
            ApiError::Unauthenticated,
            ApiError::TenantMismatch,
            ApiError::Forbidden(P::PERMISSION),
            ApiError::RateLimited { wait_ns: 1_000_000_000 },
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_taken_from_either_header_and_two_must_agree() {
        assert_eq!(credential(&headers(&[("x-api-key", "crk_a_b")])), Some("crk_a_b"));
        assert_eq!(credential(&headers(&[("authorization", "bearer crk_a_b")])), Some("crk_a_b"));
        assert_eq!(credential(&headers(&[("authorization", "Basic crk_a_b")])), Some(""));
        assert_eq!(
            credential(&headers(&[("x-api-key", "crk_a_b"), ("authorization", "Bearer crk_c_d")])),
            None
        );
        assert_eq!(credential(&headers(&[])), None);
    }

    #[test]
    fn a_key_has_an_id_and_a_secret() {
        assert_eq!(split("crk_local-demo_s3cret"), Some(("local-demo", "s3cret")));
        assert_eq!(split("crk_a_b_c"), Some(("a_b", "c")));
        for key in ["", "crk_", "crk_a", "crk_a_", "crk__b", "key_a_b"] {
            assert_eq!(split(key), None, "{key}");
        }
    }
}
