use std::collections::BTreeMap;

use api::views::Moment;
use api::{Access, ApiError, Caller, Data, Query, may};
use axum::extract::State;
use domain::model::ModelCode;
use domain::signals::IntentFactors;
use domain::source::Source;
use schemars::JsonSchema;
use serde::Serialize;

/// What is set for the tenant, and how its providers' webhooks fare.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TenantView {
    tenant_id: String,
    region: String,
    time_zone: String,
    currency: String,
    aliases: Vec<String>,
    own_numbers: Vec<String>,
    shared_limit: usize,
    retention_months: u32,
    #[schemars(with = "ModelCode")]
    default_model: &'static str,
    /// Once a day the default model is run over so many days; 0 for never.
    daily_run_days: u32,
    intent_factors: BTreeMap<String, f64>,
    /// Null for what all tenants may.
    requests_per_second: Option<u32>,
    webhooks: BTreeMap<&'static str, WebhookView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct WebhookView {
    /// How many secrets of the tenant's verify its deliveries. Those that hold for every tenant of this installation
    /// come on top.
    active_secrets: usize,
    /// Deliveries that came for this tenant and were refused, newest first: one of each minute, the last 20. They are
    /// the only trace of a delivery with a wrong signature: nothing is kept that was not proven to be the provider's.
    refusals: Vec<RefusalView>,
}

/// When a delivery was refused, and why.
#[derive(Debug, Serialize, JsonSchema)]
struct RefusalView {
    at: Moment,
    reason: String,
}

/// Read the tenant's settings, without its secrets
pub(crate) async fn find_tenant(
    State(access): State<Access>,
    caller: Caller<may::TenantsView>,
    query: Query<()>,
) -> Result<Data<TenantView>, ApiError> {
    query.finish()?;
    let (id, settings) = (&caller.tenant.id, &caller.tenant.settings);
    let mut webhooks = BTreeMap::new();
    for provider in Source::ALL.into_iter().filter(|source| *source != Source::Api).map(Source::code) {
        let refusals = access.table.refusals(id, provider).await?.into_iter();
        let view = |refusal: store::Refusal| RefusalView { at: Moment(refusal.at), reason: refusal.reason };
        let webhook = WebhookView {
            active_secrets: access.table.secrets(id, provider).await?.len(),
            refusals: refusals.map(view).collect(),
        };
        webhooks.insert(provider, webhook);
    }
    let IntentFactors(factors) = settings.intent_factors.clone();
    Ok(Data(TenantView {
        tenant_id: id.to_string(),
        region: settings.region.clone(),
        time_zone: settings.time_zone.clone(),
        currency: settings.currency.clone(),
        aliases: settings.aliases.clone(),
        own_numbers: settings.own_numbers.clone(),
        shared_limit: settings.shared_limit,
        retention_months: settings.retention_months,
        default_model: settings.default_model.code(),
        daily_run_days: settings.daily_run_days,
        intent_factors: factors
            .into_iter()
            .map(|(name, permille)| (name, f64::from(permille) / 1000.0))
            .collect(),
        requests_per_second: settings.requests_per_second,
        webhooks,
    }))
}
