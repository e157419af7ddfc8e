//! Functions and what starts them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::Node;
use super::{Event, Function, Pattern, Setting, TemplateError, policy};

/// What Lambda allows a function that names no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// What SAM lets `Globals` and a function both say.
const SHARED: [&str; 8] = [
    "Architectures",
    "Environment",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Runtime",
    "Timeout",
    "Tracing",
];

pub(super) fn read(properties: &Node<'_>, globals: Option<&Node<'_>>) -> Result<Function, TemplateError> {
    let own = ["CodeUri", "EventInvokeConfig", "Events", "Policies"];
    properties.only(&[&SHARED[..], &own[..]].concat())?;
    let code = properties.required("CodeUri")?;
    let folder = code.text()?;
    let name = folder.trim_end_matches('/').rsplit('/').next();
    let name = name.filter(|name| !name.is_empty());
    let mut function = Function {
        name: name.ok_or_else(|| code.wrong("a folder"))?.to_owned(),
        timeout: DEFAULT_TIMEOUT,
        environment: BTreeMap::new(),
        events: Vec::new(),
        policy: policy::read(properties)?,
    };
    if let Some(globals) = globals {
        globals.only(&SHARED)?;
        inherit(&mut function, globals)?;
    }
    inherit(&mut function, properties)?;
    for (_, event) in properties.required("Events")?.entries()? {
        function.events.push(read_event(&event)?);
    }
    Ok(function)
}

/// What the function itself says comes over what all functions share.
fn inherit(function: &mut Function, from: &Node<'_>) -> Result<(), TemplateError> {
    if let Some(timeout) = from.field("Timeout") {
        function.timeout = Duration::from_secs(timeout.number()?);
    }
    if let Some(environment) = from.field("Environment") {
        environment.only(&["Variables"])?;
        for (name, value) in environment.required("Variables")?.entries()? {
            let setting: Setting = value.setting()?;
            function.environment.insert(name.to_owned(), setting);
        }
    }
    Ok(())
}

fn read_event(event: &Node<'_>) -> Result<Event, TemplateError> {
    event.only(&["Type", "Properties"])?;
    let properties = || event.required("Properties");
    match event.required("Type")?.text()?.as_str() {
        "HttpApi" => match event.field("Properties") {
            Some(properties) => read_route(&properties),
            None => Ok(Event::HttpApi { method: "ANY".to_owned(), path: "$default".to_owned() }),
        },
        "SQS" => read_mapping(&properties()?),
        "DynamoDB" => read_stream(&properties()?),
        "ScheduleV2" => read_schedule(&properties()?),
        other => Err(TemplateError::UnknownType { at: event.at().to_owned(), name: other.to_owned() }),
    }
}

fn read_route(properties: &Node<'_>) -> Result<Event, TemplateError> {
    properties.only(&["Method", "Path"])?;
    Ok(Event::HttpApi {
        method: properties.required("Method")?.text()?.to_ascii_uppercase(),
        path: properties.required("Path")?.text()?,
    })
}

fn read_mapping(properties: &Node<'_>) -> Result<Event, TemplateError> {
    properties.only(&[
        "Queue",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "FunctionResponseTypes",
        "ScalingConfig",
    ])?;
    names_failures(properties)?;
    let scaling = properties.required("ScalingConfig")?;
    scaling.only(&["MaximumConcurrency"])?;
    Ok(Event::Sqs {
        queue: properties.required("Queue")?.queue()?,
        batch_size: properties.required("BatchSize")?.number()?,
        window: window(properties)?,
        concurrency: scaling.required("MaximumConcurrency")?.number()?,
    })
}

/// Without it a function that names what failed would have all of it taken for done.
fn names_failures(properties: &Node<'_>) -> Result<(), TemplateError> {
    let answers = properties.required("FunctionResponseTypes")?;
    match answers.items()?.as_slice() {
        [only] if only.text()? == "ReportBatchItemFailures" => Ok(()),
        _ => Err(answers.wrong("[ReportBatchItemFailures]")),
    }
}

fn window(properties: &Node<'_>) -> Result<Duration, TemplateError> {
    let window = properties.field("MaximumBatchingWindowInSeconds");
    Ok(Duration::from_secs(window.map_or(Ok(0), |window| window.number())?))
}

fn read_stream(properties: &Node<'_>) -> Result<Event, TemplateError> {
    properties.only(&[
        "Stream",
        "StartingPosition",
        "BatchSize",
        "BisectBatchOnFunctionError",
        "MaximumBatchingWindowInSeconds",
        "MaximumRetryAttempts",
        "FunctionResponseTypes",
        "FilterCriteria",
        "DestinationConfig",
    ])?;
    names_failures(properties)?;
    properties.required("Stream")?.stream()?;
    let from = properties.required("StartingPosition")?;
    if from.text()? != "TRIM_HORIZON" {
        return Err(from.wrong("TRIM_HORIZON, so that no change is missed"));
    }
    let destination = properties.required("DestinationConfig")?.required("OnFailure")?;
    destination.only(&["Type", "Destination"])?;
    Ok(Event::Stream {
        batch_size: properties.required("BatchSize")?.number()?,
        window: window(properties)?,
        filters: properties.field("FilterCriteria").map_or(Ok(Vec::new()), |criteria| filters(&criteria))?,
        retries: properties.required("MaximumRetryAttempts")?.number()?,
        on_failure: destination.required("Destination")?.queue()?,
    })
}

fn filters(criteria: &Node<'_>) -> Result<Vec<Pattern>, TemplateError> {
    let read = |filter: &Node<'_>| {
        let pattern = filter.required("Pattern")?;
        Pattern::parse(&pattern.text()?).ok_or_else(|| pattern.wrong("a pattern of exact texts"))
    };
    criteria.required("Filters")?.items()?.iter().map(read).collect()
}

fn read_schedule(properties: &Node<'_>) -> Result<Event, TemplateError> {
    properties.only(&["ScheduleExpression", "OmitName", "RetryPolicy"])?;
    let expression = properties.required("ScheduleExpression")?;
    let every = period(&expression.text()?);
    Ok(Event::Schedule {
        every: every.ok_or_else(|| expression.wrong("rate(…) in minutes, hours or days"))?
    })
}

fn period(expression: &str) -> Option<Duration> {
    let rate = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = rate.split_once(' ')?;
    let unit_s = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    let seconds = count.parse::<u64>().ok()?.checked_mul(unit_s)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
