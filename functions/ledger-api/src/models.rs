//! How each model calculates for this tenant.

use api::fields::{Probability, Whole};
use api::{Access, ApiError, Body, Caller, Data, Query, may};
use axum::extract::{Path, State};
use domain::json::{self, Problem, Reader};
use domain::rule::{Refusal, Rule};
use domain::run::{CustomWeights, ModelCode, RunConfig, default_half_life_hours};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::Tenant;

use crate::audit::audited;
use crate::touch_type::TouchType;

/// Two years: as long as facts are kept by default. A lead is attributed to all that is known of it, unless set otherwise.
const MOST_WINDOW_HOURS: u32 = 24 * 731;

const WHOLE_PPB: u64 = 1_000_000_000;

/// What a model is called here.
pub(crate) fn name(model: ModelCode) -> String {
    model.code().to_ascii_lowercase()
}

/// A model in any case.
pub(crate) fn parse(raw: &RawValue) -> Result<ModelCode, String> {
    let text = json::text(raw)?;
    ModelCode::parse(&text).ok_or_else(|| {
        let names = ModelCode::ALL.map(name).join(", ");
        format!("must be one of {names}")
    })
}

/// A model's name, in any case, for documents.
pub(crate) struct ModelName;

impl JsonSchema for ModelName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ModelName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<_> = ModelCode::ALL.into_iter().map(name).collect();
        schemars::json_schema!({"type": "string", "enum": names, "examples": ["position_based"]})
    }
}

/// How a model is to calculate. What is left out, or null, is as usual.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ModelConfigRequest {
    model: ModelName,
    config: Option<SettingsRequest>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase", rename = "ModelSettingsRequest")]
#[expect(dead_code, reason = "it describes what is read below")]
struct SettingsRequest {
    /// How long before a conversion a touchpoint counts; two years unless given
    #[schemars(example = 720)]
    time_window_hours: Option<Whole<1, { MOST_WINDOW_HOURS as i64 }>>,
    /// For time_decay: after this long a touchpoint weighs half; a third of the window, at most a week, unless given
    #[schemars(example = 168)]
    half_life_hours: Option<Whole<1, { MOST_WINDOW_HOURS as i64 }>>,
    /// For position_based: what the first touchpoint, those in between and the last get of 1
    #[schemars(extend("x-rules" = [Rule::FractionsAddUp]), example = [0.4, 0.2, 0.4])]
    position_weights: Option<[Probability; 3]>,
    /// For custom: what single touchpoints at both ends get of 1, and those in between together; 0.4, 0.2 and 0.4 unless
    /// given
    #[schemars(extend("x-rules" = [Rule::FractionsAddUp]))]
    custom_weights: Option<CustomSharesRequest>,
    /// Only touchpoints on these channels count; all unless given
    #[schemars(length(min = 1, max = 15))]
    include_channels: Option<Vec<TouchType>>,
}

/// What touchpoints get of 1, by where they stand; all together add up to 1
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
#[expect(dead_code, reason = "it describes what is read below")]
struct CustomSharesRequest {
    /// The first touchpoints, from the first on; none has a share of its own unless given
    #[schemars(length(max = 4), example = [0.3, 0.1])]
    first: Option<Vec<Probability>>,
    /// All touchpoints in between together; 0 unless given
    #[schemars(example = 0.2)]
    middle: Option<Probability>,
    /// The last touchpoints, up to the last; none has a share of its own unless given
    #[schemars(length(max = 4), example = [0.4])]
    last: Option<Vec<Probability>>,
}

/// How a model calculates.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelConfigView {
    #[schemars(example = &"position_based")]
    model: String,
    config: SettingsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ModelSettingsView")]
struct SettingsView {
    time_window_hours: u32,
    half_life_hours: u32,
    #[schemars(with = "[f64; 3]", example = [0.4, 0.2, 0.4])]
    position_weights: Vec<Box<RawValue>>,
    custom_weights: CustomSharesView,
    /// Null for all.
    include_channels: Option<Vec<TouchType>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CustomSharesView {
    #[schemars(with = "Vec<f64>", example = [0.3, 0.1])]
    first: Vec<Box<RawValue>>,
    #[schemars(with = "f64", example = 0.2)]
    middle: Box<RawValue>,
    #[schemars(with = "Vec<f64>", example = [0.4])]
    last: Vec<Box<RawValue>>,
}

impl From<&CustomWeights> for CustomSharesView {
    fn from(weights: &CustomWeights) -> Self {
        let whole = weights.sum();
        let parts = |weights: &[u32]| weights.iter().map(|weight| part(*weight, whole)).collect();
        Self { first: parts(&weights.first), middle: part(weights.middle, whole), last: parts(&weights.last) }
    }
}

fn part(weight: u32, whole: u64) -> Box<RawValue> {
    api::views::share(u64::from(weight) * WHOLE_PPB / whole.max(1))
}

impl ModelConfigView {
    fn of(config: &RunConfig) -> Self {
        let whole: u64 = config.position_weights.iter().map(|weight| u64::from(*weight)).sum();
        let channels = |names: &Vec<String>| names.iter().map(|name| TouchType::of_channel(name)).collect();
        Self {
            model: name(config.model),
            config: SettingsView {
                time_window_hours: config.window_hours,
                half_life_hours: config.half_life_hours,
                position_weights: config.position_weights.iter().map(|weight| part(*weight, whole)).collect(),
                custom_weights: CustomSharesView::from(&config.custom_weights),
                include_channels: config.include_channels.as_ref().map(channels),
            },
        }
    }
}

/// How a model calculates for a tenant.
pub(crate) async fn config_of(
    access: &Access,
    tenant: &Tenant,
    model: ModelCode,
) -> Result<RunConfig, ApiError> {
    Ok(access.table.model_config(tenant, model).await?.unwrap_or_else(|| usual(model, tenant)))
}

fn usual(model: ModelCode, tenant: &Tenant) -> RunConfig {
    RunConfig {
        window_hours: MOST_WINDOW_HOURS,
        half_life_hours: default_half_life_hours(MOST_WINDOW_HOURS),
        ..RunConfig::of(model, &tenant.settings)
    }
}

/// Read how a model calculates
pub(crate) async fn find_model_config(
    State(access): State<Access>,
    caller: Caller<may::AttributionView>,
    Path(model): Path<String>,
    query: Query<()>,
) -> Result<Data<ModelConfigView>, ApiError> {
    query.finish()?;
    let model = ModelCode::parse(&model).ok_or(ApiError::NotFound("model"))?;
    Ok(Data(ModelConfigView::of(&config_of(&access, &caller.tenant, model).await?)))
}

/// Set how a model calculates from now on
pub(crate) async fn set_model_config(
    State(access): State<Access>,
    caller: Caller<may::AttributionConfigure>,
    body: Body<ModelConfigRequest>,
) -> Result<Data<ModelConfigView>, ApiError> {
    let tenant = &caller.tenant;
    let config = read(body.reader()?, tenant).map_err(ApiError::Invalid)?;
    let view = ModelConfigView::of(&config);
    let detail = serde_json::to_value(&view.config).unwrap_or_default();
    let audited = audited(&access, &caller, ("model.config", &view.model), &detail);
    access.table.note_audit(tenant, &audited).await?;
    access.table.put_model_config(tenant, &config).await?;
    Ok(Data(view))
}

fn read(mut body: Reader<'_>, tenant: &Tenant) -> Result<RunConfig, Vec<Problem>> {
    let model = body.required("model", parse);
    let settings = body.object("config");
    let usual = usual(model.unwrap_or(ModelCode::Linear), tenant);
    let config = match settings {
        None => usual,
        Some(mut settings) => {
            let config = read_settings(&mut settings, usual);
            settings.refuse_unknown();
            body.absorb(settings.problems());
            config
        }
    };
    body.finish(model.map(|_| config))
}

fn read_settings(settings: &mut Reader<'_>, usual: RunConfig) -> RunConfig {
    let hours = |raw: &RawValue| {
        let hours = json::integer(1..=i64::from(MOST_WINDOW_HOURS))(raw)?;
        Ok::<_, Refusal>(u32::try_from(hours).unwrap_or(1))
    };
    let window_hours = settings.optional("timeWindowHours", hours).unwrap_or(usual.window_hours);
    let half_life = settings.optional("halfLifeHours", hours);
    RunConfig {
        window_hours,
        half_life_hours: half_life.unwrap_or_else(|| default_half_life_hours(window_hours)),
        position_weights: settings.optional("positionWeights", fractions).unwrap_or(usual.position_weights),
        custom_weights: take_custom(settings).unwrap_or(usual.custom_weights),
        include_channels: settings.optional("includeChannels", channels),
        ..usual
    }
}

fn fractions(raw: &RawValue) -> Result<[u32; 3], Refusal> {
    let problem = "must be three numbers from 0 to 1 that add up to 1: first, middle, last";
    let parts: [&RawValue; 3] = serde_json::from_str(raw.get()).map_err(|_| problem)?;
    let mut weights = [0; 3];
    for (weight, part) in weights.iter_mut().zip(parts) {
        *weight = fraction(part).map_err(|refusal| Refusal { problem: problem.to_owned(), ..refusal })?;
    }
    let whole: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let adds_up = whole == WHOLE_PPB;
    adds_up.then_some(weights).ok_or_else(|| Refusal::of(Rule::FractionsAddUp, problem))
}

fn take_custom(settings: &mut Reader<'_>) -> Option<CustomWeights> {
    let otherwise = Refusal::of(Rule::FractionsAddUp, "must add up to 1 all together");
    CustomWeights::take(settings, "customWeights", fraction, (WHOLE_PPB, otherwise))
}

/// In billionths.
fn fraction(raw: &RawValue) -> Result<u32, Refusal> {
    Ok(u32::try_from(json::billionths(raw)?).unwrap_or_default())
}

fn channels(raw: &RawValue) -> Result<Vec<String>, String> {
    let problem = || format!("must be a list of 1 to 15 of {}", TouchType::CODES.join(", "));
    let names: Vec<String> = serde_json::from_str(raw.get()).map_err(|_| problem())?;
    if !(1..=TouchType::ALL.len()).contains(&names.len()) {
        return Err(problem());
    }
    let channel = |name: &String| TouchType::parse(name).map(|kind| kind.channel().to_owned());
    names.iter().map(channel).collect::<Option<_>>().ok_or_else(problem)
}
