//! The configuration of a run as clients say it.

mod weights;

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::ApiError;
use api::fields::{ChannelName, Decimal, Text, Whole};
use domain::interaction::Channel;
use domain::json::{self, Reader};
use domain::learned::{Learning, Method};
use domain::money::{Currency, Money};
use domain::rule::{Refusal, Rule};
use domain::run::{
    AfterConversion, DEFAULT_WINDOW_HOURS, DirectTouches, Filter, MilestoneEvents, ModelCode, PathTransform,
    RunConfig, default_half_life_hours, direct_channels, paid_channels,
};
use domain::time::Day;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::value::RawValue;
use store::Tenant;

use self::weights::{CustomWeightsRequest, positions, take_custom};

/// Where the days come from whose conversions a run takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Days {
    Asked,
    OfSchedule,
}

/// Takes `model_code` and `config`. None, with the problem noted, if there is no model.
pub(crate) fn take_configured(
    body: &mut Reader<'_>,
    tenant: &Tenant,
    days: Days,
) -> Option<Result<RunConfig, ApiError>> {
    let code = body.required("model_code", json::text);
    let mut config = body.object("config");
    let read = config.as_mut().map(|config| read_config(config, tenant, days));
    if let Some(mut config) = config {
        config.refuse_unknown();
        body.absorb(config.problems());
    }
    let code = code?;
    let Some(model) = ModelCode::parse(&code) else {
        return Some(Err(ApiError::ModelNotAvailable(code.chars().take(64).collect())));
    };
    let usual = RunConfig::of(model, &tenant.settings);
    Some(Ok(match read {
        Some(read) => RunConfig { model: usual.model, intent_factors: usual.intent_factors, ..read },
        None => usual,
    }))
}

/// By what other models a run credits too.
pub(crate) fn take_more_models(body: &mut Reader<'_>) -> Vec<ModelCode> {
    body.optional("more_models", models).unwrap_or_default()
}

fn models(raw: &RawValue) -> Result<Vec<ModelCode>, String> {
    let problem = || {
        let codes = ModelCode::ALL.map(ModelCode::code).join(", ");
        format!("must be a list of at most {MOST_MODELS} of {codes}")
    };
    let codes: Vec<String> = serde_json::from_str(raw.get()).map_err(|_| problem())?;
    let models: Option<Vec<_>> = codes.iter().map(|code| ModelCode::parse(code)).collect();
    models.filter(|models| models.len() <= MOST_MODELS).ok_or_else(problem)
}

/// No more models than there are beside the first.
const MOST_MODELS: usize = ModelCode::ALL.len() - 1;

/// Two years: as long as facts are kept by default.
const MOST_WINDOW_HOURS: i64 = 24 * 731;

/// Nobody has more touches in two years.
const MOST_TOUCHES: i64 = 100_000;

/// A run that asks for more conversions than these to learn from would never learn.
const MOST_LEAST_CONVERSIONS: i64 = 1_000_000;

/// What is null is as usual.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ConfigRequest {
    /// How long before a conversion a touch counts; 72 unless given
    #[schemars(example = 72)]
    time_window_hours: Option<Whole<1, MOST_WINDOW_HOURS>>,
    /// For TIME_DECAY and AI_WEIGHTED: after this long a touch weighs half; a third of the window, at most a week,
    /// unless given
    #[schemars(example = 24)]
    half_life_hours: Option<Whole<1, MOST_WINDOW_HOURS>>,
    /// Takes conversions from this day on, in the tenant's time zone
    start_date: Option<Day>,
    /// Takes conversions up to this day
    end_date: Option<Day>,
    /// Credits only touches on these channels; all unless given
    #[schemars(length(min = 1, max = 50))]
    include_channels: Option<Vec<ChannelName>>,
    /// Credits no touches on these channels; none are left out unless given
    #[schemars(length(min = 1, max = 50))]
    exclude_channels: Option<Vec<ChannelName>>,
    /// Credits only touches by these campaigns (`utm_campaign`); all, and those without one, unless given
    #[schemars(length(min = 1, max = 50))]
    include_campaigns: Option<Vec<Text<128>>>,
    /// Credits no touches by these campaigns
    #[schemars(length(min = 1, max = 50))]
    exclude_campaigns: Option<Vec<Text<128>>>,
    /// Credits only touches of these vendors (`vendor_code`); all, and those without one, unless given
    #[schemars(length(min = 1, max = 50))]
    include_vendors: Option<Vec<Text<128>>>,
    /// Credits no touches of these vendors
    #[schemars(length(min = 1, max = 50))]
    exclude_vendors: Option<Vec<Text<128>>>,
    /// Credits only so many touches, the last before the conversion; all unless given
    #[schemars(example = 10)]
    max_touches: Option<Whole<1, MOST_TOUCHES>>,
    /// How long before a conversion touches on a channel count, where it is not `time_window_hours`
    channel_window_hours: Option<ChannelHours>,
    /// Whether touches on `direct_channels` count beside others, or only where no other touch counts; the former unless
    /// given
    direct_touches: Option<DirectTouches>,
    /// Whether a conversion ends its customer's journey, so that only touches after it count for later ones: one of a type and
    /// amount that the run takes, on whatever day. Touches count for each that follows within the window unless given
    after_conversion: Option<AfterConversion>,
    /// What becomes of repeated touches on one channel, after `max_touches` are taken; every touch counts unless given
    path_transform: Option<PathTransform>,
    /// Takes only conversions of these types, in any case; all unless given
    #[schemars(length(min = 1, max = 50))]
    event_types: Option<Vec<Text<128>>>,
    /// For POSITION_BASED: what the first touch, those in between and the last get of 100
    #[schemars(extend("x-rules" = [Rule::WeightsAddUp]), example = [40, 20, 40])]
    position_weights: Option<[Whole<0, 100>; 3]>,
    /// For CUSTOM: what single touches at both ends get of 100, and those in between together; 40, 20 and 40 unless given
    #[schemars(extend("x-rules" = [Rule::WeightsAddUp]))]
    custom_weights: Option<CustomWeightsRequest>,
    /// For U, W and FULL_PATH: the conversions by which a customer becomes a lead, in any case; `lead`, `lead_created`,
    /// `sign_up` and `signup` unless given
    #[schemars(length(min = 1, max = 50))]
    lead_event_types: Option<Vec<Text<128>>>,
    /// For U, W and FULL_PATH: the conversions by which a lead becomes an opportunity; `opportunity`,
    /// `opportunity_created`, `quote` and `quote_requested` unless given
    #[schemars(length(min = 1, max = 50))]
    opportunity_event_types: Option<Vec<Text<128>>>,
    /// For LAST_NON_DIRECT and `direct_touches`: the channels by which customers come on their own; `direct` unless given
    #[schemars(length(min = 1, max = 50))]
    direct_channels: Option<Vec<ChannelName>>,
    /// For FIRST_PAID and LAST_PAID: the channels that are paid for; `affiliate`, `broker_referral`, `display_ad`,
    /// `paid_search`, `paid_social` and `partner_referral` unless given
    #[schemars(length(min = 1, max = 50))]
    paid_channels: Option<Vec<ChannelName>>,
    /// For DATA_DRIVEN: by what channels are worth something; MARKOV unless given
    learning_method: Option<Method>,
    /// For DATA_DRIVEN by MARKOV: how many of a journey's last channels decide what comes next; 1 unless given
    #[schemars(example = 1)]
    markov_order: Option<Whole<1, 4>>,
    /// For DATA_DRIVEN: with fewer conversions that a touch led to, nothing is learned, and every touch weighs the same;
    /// 100 unless given
    #[schemars(example = 100)]
    min_conversions: Option<Whole<1, MOST_LEAST_CONVERSIONS>>,
    /// The currency of `min_purchase_amount`; the tenant's unless given
    min_purchase_currency: Option<Currency>,
    /// Takes only conversions of at least this amount, in its currency
    min_purchase_amount: Option<Decimal>,
}

/// The same without days, which its schedule says.
pub(crate) struct UndatedConfigRequest;

impl JsonSchema for UndatedConfigRequest {
    fn schema_name() -> Cow<'static, str> {
        "UndatedConfigRequest".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ConfigRequest::json_schema(generator);
        if let Some(properties) = schema.get_mut("properties").and_then(|of| of.as_object_mut()) {
            properties.retain(|name, _| !["start_date", "end_date"].contains(&name.as_str()));
        }
        schema.remove("x-rules");
        schema
    }
}

/// Hours by channel.
struct ChannelHours;

impl JsonSchema for ChannelHours {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ChannelHours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object", "maxProperties": MOST_CHANNELS, "propertyNames": {"pattern": "^[A-Za-z0-9_]{1,32}$"},
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MOST_WINDOW_HOURS},
            "examples": [{"email": 24}],
        })
    }
}

const MOST_CHANNELS: usize = 50;

fn channel_hours(raw: &RawValue) -> Result<BTreeMap<String, u32>, Refusal> {
    let problem = || {
        format!("must be an object of at most {MOST_CHANNELS} channels and hours, such as {{\"email\": 24}}")
    };
    let told: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).map_err(|_| problem())?;
    if told.len() > MOST_CHANNELS {
        return Err(problem().into());
    }
    let hours = |(name, raw): (&String, &&RawValue)| {
        let channel = Channel::parse(name).map_err(|error| format!("has an entry that {error}"))?;
        let hours = json::integer(1..=MOST_WINDOW_HOURS)(raw)?;
        Ok((channel.as_str().to_owned(), u32::try_from(hours).unwrap_or(1)))
    };
    told.iter().map(hours).collect()
}

/// Reads the configuration; problems are noted in `config`, and then the value is not used.
fn read_config(config: &mut Reader<'_>, tenant: &Tenant, days: Days) -> RunConfig {
    let hours = |raw: &RawValue| {
        json::integer(1..=MOST_WINDOW_HOURS)(raw).map(|hours| u32::try_from(hours).unwrap_or(1))
    };
    let window_hours = config.optional("time_window_hours", hours).unwrap_or(DEFAULT_WINDOW_HOURS);
    let half_life = config.optional("half_life_hours", hours);
    let (start_date, end_date) = match days {
        Days::Asked => api::take_days(config),
        Days::OfSchedule => (None, None),
    };
    RunConfig {
        window_hours,
        include_channels: config.optional("include_channels", channels),
        event_types: config.optional("event_types", |raw| some(json::texts(50)(raw)?)),
        minimum: take_minimum(config, tenant),
        start_date: start_date.map(|day| day.to_string()),
        end_date: end_date.map(|day| day.to_string()),
        half_life_hours: half_life.unwrap_or_else(|| default_half_life_hours(window_hours)),
        position_weights: config.optional("position_weights", positions).unwrap_or([40, 20, 40]),
        direct_channels: config.optional("direct_channels", channels).unwrap_or_else(direct_channels),
        paid_channels: config.optional("paid_channels", channels).unwrap_or_else(paid_channels),
        exclude_channels: config.optional("exclude_channels", channels).unwrap_or_default(),
        channel_window_hours: config.optional("channel_window_hours", channel_hours).unwrap_or_default(),
        direct_touches: config
            .optional("direct_touches", json::one_of(DirectTouches::parse, DirectTouches::CODES))
            .unwrap_or_default(),
        after_conversion: config
            .optional("after_conversion", json::one_of(AfterConversion::parse, AfterConversion::CODES))
            .unwrap_or_default(),
        path_transform: config
            .optional("path_transform", json::one_of(PathTransform::parse, PathTransform::CODES))
            .unwrap_or_default(),
        custom_weights: take_custom(config).unwrap_or_default(),
        milestones: take_milestones(config),
        campaigns: take_filter(config, ("include_campaigns", "exclude_campaigns")),
        vendors: take_filter(config, ("include_vendors", "exclude_vendors")),
        most_touches: config
            .optional("max_touches", json::integer(1..=MOST_TOUCHES))
            .and_then(|most| u32::try_from(most).ok()),
        learning: take_learning(config),
        ..RunConfig::usual(ModelCode::Linear)
    }
}

fn take_filter(config: &mut Reader<'_>, (include, exclude): (&'static str, &'static str)) -> Filter {
    let names = |raw: &RawValue| some(json::texts(50)(raw)?);
    let include = config.optional(include, names);
    Filter { include, exclude: config.optional(exclude, names).unwrap_or_default() }
}

fn take_milestones(config: &mut Reader<'_>) -> MilestoneEvents {
    let types = |raw: &RawValue| some(json::texts(50)(raw)?);
    let usual = MilestoneEvents::default();
    MilestoneEvents {
        lead: config.optional("lead_event_types", types).unwrap_or(usual.lead),
        opportunity: config.optional("opportunity_event_types", types).unwrap_or(usual.opportunity),
    }
}

fn take_learning(config: &mut Reader<'_>) -> Learning {
    let usual = Learning::default();
    let method = config.optional("learning_method", json::one_of(Method::parse, &["MARKOV", "SHAPLEY"]));
    let order = config.optional("markov_order", json::integer(1..=4));
    let least = config.optional("min_conversions", json::integer(1..=MOST_LEAST_CONVERSIONS));
    Learning {
        method: method.unwrap_or(usual.method),
        order: order.and_then(|order| u8::try_from(order).ok()).unwrap_or(usual.order),
        least_conversions: least
            .and_then(|least| u32::try_from(least).ok())
            .unwrap_or(usual.least_conversions),
    }
}

/// An empty filter would match nothing, which nobody means.
fn some(entries: Vec<String>) -> Result<Vec<String>, String> {
    if entries.is_empty() { Err("must not be empty; leave it out for all".to_owned()) } else { Ok(entries) }
}

fn channels(raw: &RawValue) -> Result<Vec<String>, String> {
    let names = some(json::texts(50)(raw)?)?;
    let channel = |name: &String| Channel::parse(name).map(|channel| channel.as_str().to_owned());
    names.iter().map(channel).collect::<Result<_, _>>().map_err(|error| format!("has an entry that {error}"))
}

/// `min_purchase_amount` in `min_purchase_currency`, by default the tenant's.
fn take_minimum(config: &mut Reader<'_>, tenant: &Tenant) -> Option<Money> {
    let named = config.optional("min_purchase_currency", json::currency);
    let currency = named.or(tenant.settings.currency())?;
    config.optional("min_purchase_amount", |raw| {
        Ok::<_, Refusal>(Money::parse(&json::text_or_number(raw)?, currency)?)
    })
}
