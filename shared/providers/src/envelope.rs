//! Our own envelope, which the guide asks senders to speak: `{event_type, call_id, tenant_id, timestamp, data}`.
//!
//! Senders add fields and types as they please, so what is unknown is tolerated. What is known must make sense: a
//! delivery with an impossible value is put aside whole, since half of it would be believed.

use domain::ids::ExternalId;
use domain::interaction::{CallEvent, Section};
use domain::json::{self, NotJson, Problem, Reader};
use domain::tenant::Settings;
use domain::time::Timestamp;
use serde_json::value::RawValue;

use crate::facts;

/// What reading a delivery takes besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What lies after this, but for a clock running ahead, has not happened.
    pub received_at: Timestamp,
    /// How the tenant's customers write their numbers, and which numbers are the tenant's own.
    pub settings: &'a Settings,
}

/// What a delivery comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Normalised {
    Events(Vec<CallEvent>),
    /// Of a type that we do not handle: providers add types. It changes nothing.
    Unhandled {
        /// As it was sent, as far as it can be printed.
        event_type: String,
    },
}

/// Why a signed delivery cannot be read. Its text names fields and what is wrong with them, never what was in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error(transparent)]
    NotJson(#[from] NotJson),
    #[error("{}", sentence(.0))]
    Fields(Vec<Problem>),
}

fn sentence(problems: &[Problem]) -> String {
    let sentences: Vec<_> = problems.iter().map(|p| format!("{} {}", p.field, p.problem)).collect();
    sentences.join("; ")
}

const FIELDS: [&str; 4] = ["event_type", "call_id", "timestamp", "data"];

/// How much of an unknown event type is kept.
const MOST_OF_A_TYPE: usize = 64;

pub(crate) fn read(body: &[u8], context: &Context<'_>) -> Result<Normalised, Malformed> {
    let mut envelope = Reader::open(body)?;
    let event_type = envelope.required("event_type", event_type);
    let section = event_type.as_deref().and_then(section_of);
    let event = match (section, &event_type) {
        (Some(section), _) => read_event(&mut envelope, section, context).map(|event| vec![event]),
        (None, Some(_)) => Some(Vec::new()),
        (None, None) => None,
    };
    let problems = relevant(envelope.problems());
    match (event, event_type) {
        (Some(events), Some(event_type)) if problems.is_empty() => Ok(match section {
            Some(_) => Normalised::Events(events),
            None => Normalised::Unhandled { event_type: printable(&event_type) },
        }),
        _ => Err(Malformed::Fields(problems)),
    }
}

fn read_event(envelope: &mut Reader<'_>, section: Section, context: &Context<'_>) -> Option<CallEvent> {
    let external_id = envelope.required("call_id", call_id);
    let time = envelope.required("timestamp", json::moment(context.received_at));
    let facts = match envelope.object("data") {
        Some(mut data) => {
            let facts = facts::take(&mut data, context);
            envelope.absorb(data.problems());
            facts
        }
        None => Default::default(),
    };
    Some(CallEvent { external_id: external_id?, section, time: time?, facts })
}

fn event_type(raw: &RawValue) -> Result<String, String> {
    let text = json::text(raw)?;
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

/// The types of events that are taken in, in any case.
pub(crate) const EVENT_TYPES: [&str; 4] =
    ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"];

/// What each of them tells.
const SECTIONS: [Section; 4] = [Section::Started, Section::Ended, Section::Transcript, Section::Intent];

fn section_of(event_type: &str) -> Option<Section> {
    let place = EVENT_TYPES.iter().position(|known| known.eq_ignore_ascii_case(event_type));
    place.map(|place| SECTIONS[place])
}

/// The call that a body names, whatever else is in it.
pub(crate) fn subject(body: &[u8]) -> Option<ExternalId> {
    Reader::open(body).ok()?.optional("call_id", call_id)
}

fn call_id(raw: &RawValue) -> Result<ExternalId, String> {
    ExternalId::parse(&json::text_or_number(raw)?).map_err(|error| error.to_string())
}

fn printable(event_type: &str) -> String {
    event_type.chars().filter(|c| !c.is_control()).take(MOST_OF_A_TYPE).collect()
}

/// Leaves out problems with fields that we do not read, such as one that stands twice; a sender's own names for
/// fields must not end up in our reasons either.
fn relevant(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.retain(|problem| {
        FIELDS.contains(&problem.field.as_str())
            || problem.field.strip_prefix("data.").is_some_and(facts::is_read)
    });
    problems
}
