//! Once a day, an hour after a tenant's midnight: its default run over the last whole days, and a recount of the hours
//! of the last two days, should a change have been missed.

use std::sync::PoisonError;

use domain::ids::{FactKind, TenantId, daily_run_id};
use domain::rollup::{Bucket, Recount, Tallies};
use domain::run::RunConfig;
use domain::time::{DAY_MS, Day, HOUR_MS, Timestamp};
use futures::{StreamExt, stream};
use store::{Paging, Span, Tenant};

use crate::begin::begin;
use crate::{App, TickError};

/// Late deliveries of the day before may come until then.
const AFTER_MIDNIGHT_MS: i64 = HOUR_MS;

const RECOUNTED_MS: i64 = 2 * DAY_MS;

/// How many tenants are looked at, and hours are sent, at a time.
const ABREAST: usize = 8;

pub(crate) async fn do_all(app: &App) -> Result<(), TickError> {
    let now = app.clock.now();
    let mut tenants = app.table.tenant_ids().await?;
    tenants.retain(|tenant| !is_idle(app, tenant, now));
    let done = stream::iter(tenants).map(|id| async move { (do_daily(app, &id, now).await, id) });
    let mut done = done.buffer_unordered(ABREAST);
    while let Some((outcome, id)) = done.next().await {
        match outcome {
            Ok(until) => {
                let mut idle = app.idle_until.lock().unwrap_or_else(PoisonError::into_inner);
                idle.insert(id, until);
            }
            // The next tick tries again.
            Err(error) => tracing::error!(tenant = %id, %error, "the daily work was not done"),
        }
    }
    Ok(())
}

fn is_idle(app: &App, tenant: &TenantId, now: Timestamp) -> bool {
    let idle = app.idle_until.lock().unwrap_or_else(PoisonError::into_inner);
    idle.get(tenant).is_some_and(|until| now < *until)
}

/// Does the work of the tenant's present day if it is due and not done; answers when there is something to do next.
///
/// The day is noted as done last, so that whatever crashes is made up for. All of it may be done twice.
async fn do_daily(app: &App, id: &TenantId, now: Timestamp) -> Result<Timestamp, TickError> {
    // A tenant is listed a moment before it exists.
    let Some(tenant) = app.tenants.find(id, now).await? else { return Ok(now) };
    let zone = tenant.settings.zone();
    let today = zone.day_of(now);
    let due = zone.start_of(today).plus_ms(AFTER_MIDNIGHT_MS);
    if now < due {
        return Ok(due);
    }
    if app.table.daily_done(id).await?.is_none_or(|done| done < today) {
        start_run(app, &tenant, today, now).await?;
        recount(app, &tenant, now).await?;
        app.table.put_daily_done(id, today).await?;
    }
    Ok(zone.start_of(today.next()).plus_ms(AFTER_MIDNIGHT_MS))
}

/// Starts the day's run, unless there are no conversions for it.
async fn start_run(app: &App, tenant: &Tenant, today: Day, now: Timestamp) -> Result<(), TickError> {
    let days = tenant.settings.daily_run_days;
    if days == 0 {
        return Ok(());
    }
    let config = RunConfig {
        start_date: Some(today.minus(u64::from(days)).to_string()),
        end_date: Some(today.minus(1).to_string()),
        ..RunConfig::of(tenant.settings.default_model, &tenant.settings)
    };
    let (from, to) = config.span(tenant.settings.zone());
    let one = Paging { span: Span { from, to }, after: None, limit: 1, newest_first: true };
    if app.table.facts(tenant, now).newest(FactKind::Conversion, one, |_| true).await?.items.is_empty() {
        return Ok(());
    }
    let run_id = daily_run_id(&tenant.id, today);
    let name = format!("daily {} of {today}", config.model.code());
    begin(app, tenant, (run_id, name), (config, &[]), now).await
}

async fn recount(app: &App, tenant: &Tenant, now: Timestamp) -> Result<(), TickError> {
    let zone = tenant.settings.zone();
    let (from, to) = (zone.hour_of(now.plus_ms(-RECOUNTED_MS)), zone.hour_of(now));
    let months = app.table.months(&tenant.id, Tallies::KIND, &from.month(), &to.month()).await?;
    let hours = months.into_iter().flat_map(|(_, hours)| hours).filter(|hour| (from..=to).contains(hour));
    let shards = tenant.settings.hour_shards.max(1);
    let buckets = hours.flat_map(|hour| {
        let bucket = move |shard| Bucket { tenant: tenant.id.clone(), kind: Tallies::KIND, hour, shard };
        (0..shards).map(bucket)
    });
    let recounted = stream::iter(buckets.collect::<Vec<_>>()).map(|bucket| async move {
        let changes = app.table.note_change(&bucket, now).await?;
        let recount = Recount { bucket, changes };
        app.rollups.send_after(&tenant.id, &recount, app.rollup_delay).await?;
        Ok::<_, TickError>(())
    });
    let mut recounted = recounted.buffer_unordered(ABREAST);
    while let Some(outcome) = recounted.next().await {
        outcome?;
    }
    Ok(())
}
