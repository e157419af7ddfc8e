//! Runs that start by themselves.

use std::borrow::Cow;

use api::fields::{Text, Whole};
use api::views::Moment;
use api::{ApiError, Body, Caller, Created, Data, Listed, Query, may};
use axum::extract::{Path, State};
use domain::json::{self, Reader};
use domain::run::ModelCode;
use domain::schedule::{Clock, Every, Timing, Weekday};
use domain::time::Zone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use store::{Schedule, Tenant};

use crate::App;
use crate::config::{Days, UndatedConfigRequest, take_configured, take_more_models};
use crate::views::ConfigView;

/// A tenant has no more schedules than these.
const MOST_SCHEDULES: usize = 50;

/// Two years: as long as facts are kept by default.
const MOST_LAST_DAYS: i64 = 731;

/// What is to be attributed by itself, how, and when.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ScheduleRequest {
    /// Of the schedule; its runs are called by it and their day
    #[schemars(example = &"Weekly by position")]
    name: Text<100>,
    model_code: ModelCode,
    /// By what other models to credit too, as in a run of several
    #[schemars(length(max = 15), example = [ModelCode::Linear])]
    more_models: Option<Vec<ModelCode>>,
    config: Option<UndatedConfigRequest>,
    every: Every,
    /// Of a weekly one; monday unless given
    weekday: Option<Weekday>,
    /// Of a monthly one: a day that every month has; 1 unless given
    day_of_month: Option<Whole<1, 28>>,
    /// On clocks of the tenant's time zone; where these skip it, when they go on
    at: ClockTime,
    /// A run takes the conversions of so many whole days before the day on which it starts; as many as there are in the
    /// period, 1, 7 or 30, unless given
    last_days: Option<Whole<1, MOST_LAST_DAYS>>,
}

/// `hh:mm`.
struct ClockTime;

impl JsonSchema for ClockTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClockTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["03:30"],
        })
    }
}

/// Runs that start by themselves.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScheduleView {
    #[schemars(example = &"sch_018d0e0a7b7c7d008000000000000001")]
    schedule_id: String,
    #[schemars(example = &"Weekly by position")]
    name: String,
    #[schemars(with = "ModelCode")]
    model_code: &'static str,
    more_models: Vec<ModelCode>,
    config: ConfigView,
    every: Every,
    /// Null unless weekly.
    weekday: Option<Weekday>,
    /// Null unless monthly.
    day_of_month: Option<u8>,
    #[schemars(with = "ClockTime")]
    at: String,
    #[schemars(example = &"America/New_York")]
    time_zone: &'static str,
    #[schemars(example = 7)]
    last_days: u16,
    created_at: Moment,
    /// When the next run starts; null once it was ended.
    next_run_at: Option<Moment>,
    /// The run that started last.
    #[schemars(example = &"run_018d0e0a7b7c7d008000000000000001")]
    last_run_id: Option<String>,
}

impl ScheduleView {
    fn of(schedule: &Schedule, zone: Zone) -> Self {
        let timing = schedule.timing;
        Self {
            schedule_id: schedule.schedule_id.clone(),
            name: schedule.name.clone(),
            model_code: schedule.config.model.code(),
            more_models: schedule.more_models.clone(),
            config: ConfigView::of(&schedule.config),
            every: timing.every,
            weekday: (timing.every == Every::Week).then_some(timing.weekday),
            day_of_month: (timing.every == Every::Month).then_some(timing.day_of_month),
            at: timing.at.to_string(),
            time_zone: zone.name(),
            last_days: schedule.last_days,
            created_at: Moment(schedule.created_at),
            next_run_at: schedule.ended_at.is_none().then_some(Moment(schedule.due_at)),
            last_run_id: schedule.last_run_id.clone(),
        }
    }
}

fn take_timing(body: &mut Reader<'_>) -> Option<(Timing, u16)> {
    let every = body.required("every", json::one_of(Every::parse, Every::CODES));
    let weekday = body.optional("weekday", json::one_of(Weekday::parse, Weekday::CODES));
    let day_of_month = body.optional("day_of_month", json::integer(1..=28));
    let at = body.required("at", |raw| {
        Clock::parse(&json::text(raw)?).ok_or_else(|| "must be a time such as 03:30".to_owned())
    });
    let last_days = body.optional("last_days", json::integer(1..=MOST_LAST_DAYS));
    let (every, at) = every.zip(at)?;
    let usual = match every {
        Every::Day => 1,
        Every::Week => 7,
        Every::Month => 30,
    };
    let timing = Timing {
        every,
        weekday: weekday.unwrap_or(Weekday::Monday),
        day_of_month: day_of_month.and_then(|day| u8::try_from(day).ok()).unwrap_or(1),
        at,
    };
    Some((timing, last_days.and_then(|days| u16::try_from(days).ok()).unwrap_or(usual)))
}

/// Have a run start by itself, day by day, week by week or month by month
pub(crate) async fn create_schedule(
    State(app): State<App>,
    caller: Caller<may::AttributionConfigure>,
    body: Body<ScheduleRequest>,
) -> Result<Created<ScheduleView>, ApiError> {
    let tenant = &caller.tenant;
    let mut body = body.reader()?;
    let name = body.required("name", json::printable(100));
    let configured = take_configured(&mut body, tenant, Days::OfSchedule);
    let more_models = take_more_models(&mut body);
    let timing = take_timing(&mut body);
    let asked = name.zip(configured).zip(timing);
    let ((name, config), (timing, last_days)) = body.finish(asked).map_err(ApiError::Invalid)?;
    let config = config?;
    let table = &app.access.table;
    let zone = tenant.settings.zone();
    let schedule_id = caller.mint(&app.access.clock, "sch");
    // A request that is repeated may have been the last that there was room for.
    if let Some(created) = table.schedule(&tenant.id, &schedule_id).await? {
        return Ok(Created(ScheduleView::of(&created, zone)));
    }
    if table.schedules(&tenant.id).await?.len() >= MOST_SCHEDULES {
        return Err(ApiError::TooMany("schedules", MOST_SCHEDULES));
    }
    let now = app.access.clock.now();
    let schedule = Schedule {
        schedule_id,
        name,
        config,
        more_models,
        timing,
        last_days,
        created_at: now,
        due_at: timing.next_after(zone, now),
        last_run_id: None,
        ended_at: None,
        revision: 0,
    };
    let created = table.create_schedule(&tenant.id, schedule).await?;
    Ok(Created(ScheduleView::of(&created, zone)))
}

/// List the schedules that have not ended, oldest first
pub(crate) async fn list_schedules(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    query: Query<()>,
) -> Result<Listed<ScheduleView>, ApiError> {
    query.finish()?;
    let zone = caller.tenant.settings.zone();
    let all = app.access.table.schedules(&caller.tenant.id).await?;
    Ok(Listed { items: all.iter().map(|one| ScheduleView::of(one, zone)).collect(), next_cursor: None })
}

async fn named(app: &App, tenant: &Tenant, id: &str) -> Result<Schedule, ApiError> {
    app.access.table.schedule(&tenant.id, id).await?.ok_or(ApiError::NotFound("schedule"))
}

/// Read one schedule
pub(crate) async fn find_schedule(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    Path(schedule_id): Path<String>,
    query: Query<()>,
) -> Result<Data<ScheduleView>, ApiError> {
    query.finish()?;
    let found = named(&app, &caller.tenant, &schedule_id).await?;
    Ok(Data(ScheduleView::of(&found, caller.tenant.settings.zone())))
}

/// End a schedule: no run starts by it any more; what it started goes on
pub(crate) async fn end_schedule(
    State(app): State<App>,
    caller: Caller<may::AttributionConfigure>,
    Path(schedule_id): Path<String>,
    query: Query<()>,
) -> Result<Data<ScheduleView>, ApiError> {
    query.finish()?;
    let tenant = &caller.tenant;
    loop {
        let found = named(&app, tenant, &schedule_id).await?;
        let is_over = found.ended_at.is_some();
        if is_over || app.access.table.end_schedule(&tenant.id, &found, app.access.clock.now()).await? {
            let ended = named(&app, tenant, &schedule_id).await?;
            return Ok(Data(ScheduleView::of(&ended, tenant.settings.zone())));
        }
    }
}
