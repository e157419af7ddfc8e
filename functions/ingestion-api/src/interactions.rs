//! `POST /v1/interactions`: an interaction as the tenant reports it.

use std::collections::{BTreeMap, BTreeSet};

use api::fields::{ChannelName, FreeObject, Id, PastMoment, Probability, Text, Whole};
use api::views::InteractionView;
use api::{Access, ApiError, Body, Caller, Stored, may};
use axum::extract::State;
use domain::identifier::{Identifier, IdentifierType};
use domain::ids::FactId;
use domain::interaction::{CallEvent, Channel, Direction, Field, MOST_SECONDS, Section, Value};
use domain::json::{self, Problem, Reader};
use domain::rule::{Refusal, Rule};
use domain::source::Source;
use domain::time::Timestamp;
use schemars::JsonSchema;
use store::{About, Customers, StoredInteraction, Tenant};

use crate::batch::{self, Batch, BatchAnswer, Resource};
use crate::identifiers::{self, IdentifierReport};

/// A report about one interaction.
pub(crate) struct Reported {
    about: About,
    event: CallEvent,
}

/// Store one interaction
pub(crate) async fn create_interaction(
    State(access): State<Access>,
    caller: Caller<may::InteractionsIngest>,
    body: Body<InteractionReport>,
) -> Result<Stored<InteractionView>, ApiError> {
    batch::create_one::<Interactions>(&access, &caller.tenant, &body).await
}

/// Store up to 500 interactions
pub(crate) async fn create_interactions(
    State(access): State<Access>,
    caller: Caller<may::InteractionsIngest>,
    body: Body<Batch<InteractionReport>>,
) -> Result<BatchAnswer, ApiError> {
    batch::create_many::<Interactions>(&access, &caller.tenant, &body).await
}

pub(crate) struct Interactions;

impl Resource for Interactions {
    type Looks = InteractionReport;
    type Report = Reported;
    type Stored = StoredInteraction;
    type View = InteractionView;

    fn read(body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Reported, Vec<Problem>> {
        read(body, tenant, now)
    }

    fn id(tenant: &Tenant, report: &Reported) -> FactId {
        report.about.id(tenant)
    }

    async fn record(
        access: &Access,
        tenant: &Tenant,
        report: &Reported,
    ) -> Result<batch::Outcome<Self>, ApiError> {
        let now = access.clock.now();
        Ok(access.table.record_interaction(tenant, &report.about, &report.event, now).await?)
    }

    async fn view(
        access: &Access,
        tenant: &Tenant,
        stored: &StoredInteraction,
    ) -> Result<InteractionView, ApiError> {
        let customer_id =
            Customers::of(&access.table, tenant).id_of(stored.interaction.anchor().as_ref()).await?;
        Ok(InteractionView::of(tenant, stored, customer_id))
    }
}

/// An interaction as the tenant reports it. What is null counts as absent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-rules" = [Rule::EndsAfterStart]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct InteractionReport {
    /// What the tenant, or the source, calls it
    #[schemars(example = &"call-123")]
    external_interaction_id: Id,
    /// Whose interaction it is; `api` unless given
    source: Option<Source>,
    started_at: PastMoment,
    /// Who the contact was with
    #[schemars(length(min = 1, max = 10))]
    customer_identifiers: Vec<IdentifierReport>,
    channel: ChannelName,
    #[schemars(example = &"2024-01-15T10:33:00Z")]
    ended_at: Option<PastMoment>,
    direction: Option<Direction>,
    #[schemars(example = &"en-US")]
    language: Option<Text<35>>,
    #[schemars(example = &"vendor-a")]
    vendor_code: Option<Id>,
    #[schemars(example = &"https://example.com/transcripts/call-123")]
    transcript_url: Option<Text<2048>>,
    #[schemars(example = 180)]
    duration_seconds: Option<Whole<0, MOST_SECONDS>>,
    #[schemars(example = &"agent-001")]
    agent_id: Option<Id>,
    #[schemars(example = &"team-1")]
    team_id: Option<Id>,
    /// Who took part; the first agent who is a `sales_rep`, else the first agent, is the interaction's agent
    #[schemars(length(max = 20))]
    participants: Option<Vec<Participant>>,
    #[schemars(example = &"purchase_inquiry")]
    primary_intent: Option<Text<128>>,
    #[schemars(length(max = 20), example = ["pricing"])]
    secondary_intents: Option<Vec<Text<128>>>,
    #[schemars(example = &"appointment_set")]
    outcome: Option<Text<128>>,
    #[schemars(example = &"likely_purchase")]
    outcome_prediction: Option<Text<128>>,
    purchase_probability: Option<Probability>,
    #[schemars(example = &"positive")]
    sentiment: Option<Text<128>>,
    /// Who sent the customer, and is paid for it
    #[schemars(example = &"partner-abc")]
    partner_id: Option<Id>,
    #[schemars(example = &"broker-7")]
    broker_id: Option<Id>,
    #[schemars(example = &"PARTNER001")]
    referral_code: Option<Text<128>>,
    #[schemars(example = &"sess-456")]
    session_id: Option<Text<128>>,
    #[schemars(example = &"google")]
    utm_source: Option<Text<128>>,
    #[schemars(example = &"cpc")]
    utm_medium: Option<Text<128>>,
    #[schemars(example = &"home-insurance-q4")]
    utm_campaign: Option<Text<128>>,
    utm_content: Option<Text<128>>,
    utm_term: Option<Text<128>>,
    /// Anything else; `sentiment` and `call_duration` in it count as reported unless the fields are
    raw_metadata: Option<FreeObject>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read below")]
struct Participant {
    #[schemars(example = &"agent")]
    participant_type: Text<64>,
    #[schemars(example = &"agent-001")]
    external_agent_id: Option<Id>,
    #[schemars(example = &"sales_rep")]
    role: Option<Text<64>>,
}

fn read(mut body: Reader<'_>, tenant: &Tenant, now: Timestamp) -> Result<Reported, Vec<Problem>> {
    const SOURCES: &[&str] = &["api", "convin", "telephony"];
    let external_id = body.required("external_interaction_id", json::external_id);
    let source = body.optional("source", json::one_of(Source::parse, SOURCES)).unwrap_or(Source::Api);
    let started_at = body.required("started_at", json::moment(now));
    let mut facts = Facts::default();
    facts.put(Field::StartedAt, started_at.map(Value::from));
    facts.identifiers(&identifiers::take(&mut body, tenant));
    take_contact(&mut body, &mut facts, started_at, now);
    take_people(&mut body, &mut facts);
    take_analysis(&mut body, &mut facts);
    take_origin(&mut body, &mut facts);
    let report = external_id.zip(started_at).map(|(external_id, started_at)| Reported {
        about: About { source, external_id: external_id.clone() },
        event: CallEvent { external_id, section: Section::Api, time: started_at, facts: facts.0 },
    });
    body.finish(report)
}

#[derive(Default)]
struct Facts(BTreeMap<Field, Option<Value>>);

impl Facts {
    /// Notes a fact that was reported; what is absent or null says nothing.
    fn put(&mut self, field: Field, value: Option<Value>) {
        if value.is_some() {
            self.0.insert(field, value);
        }
    }

    fn text(&mut self, field: Field, value: Option<String>) {
        self.put(field, value.map(Value::Text));
    }

    fn identifiers(&mut self, identifiers: &BTreeSet<Identifier>) {
        for kind in IdentifierType::ALL {
            let of_kind = identifiers.iter().filter(|id| id.kind() == kind);
            let values: Vec<_> = of_kind.map(|id| id.value().to_owned()).collect();
            self.put(Field::of_identifiers(kind), (!values.is_empty()).then_some(Value::List(values)));
        }
    }
}

fn take_contact(body: &mut Reader<'_>, facts: &mut Facts, started_at: Option<Timestamp>, now: Timestamp) {
    let channel = body.required("channel", json::parsed(Channel::parse));
    facts.text(Field::Channel, channel.map(|channel| channel.as_str().to_owned()));
    let ended_at = body.optional("ended_at", json::moment(now));
    if ended_at.zip(started_at).is_some_and(|(end, start)| end < start) {
        body.refuse("ended_at", ends_before_start());
    }
    facts.put(Field::EndedAt, ended_at.map(Value::from));
    let direction = body.optional("direction", json::one_of(Direction::parse, &["inbound", "outbound"]));
    facts.text(Field::Direction, direction.map(|direction| direction.code().to_owned()));
    facts.text(Field::Language, body.optional("language", json::printable(35)));
    facts.text(Field::VendorCode, body.optional("vendor_code", json::id));
    facts.text(Field::TranscriptUrl, body.optional("transcript_url", json::printable(2048)));
    facts.put(
        Field::DurationSeconds,
        body.optional("duration_seconds", json::integer(0..=MOST_SECONDS)).map(Value::Integer),
    );
}

pub(crate) fn ends_before_start() -> Refusal {
    Refusal::of(Rule::EndsAfterStart, "must not be before started_at")
}

fn take_people(body: &mut Reader<'_>, facts: &mut Facts) {
    let agent_id = body.optional("agent_id", json::id);
    facts.text(Field::TeamId, body.optional("team_id", json::id));
    let participants = body.objects("participants", 0..=20, |item| {
        let participant_type = item.required("participant_type", json::printable(64));
        let id = item.optional("external_agent_id", json::id);
        let role = item.optional("role", json::printable(64));
        Some((participant_type?, id, role))
    });
    facts.text(Field::AgentId, agent_of(&participants).or(agent_id));
    if !participants.is_empty() {
        let list = participants.into_iter().map(|(participant_type, id, role)| {
            serde_json::json!({"participant_type": participant_type, "external_agent_id": id, "role": role})
        });
        facts.text(Field::Participants, Some(serde_json::Value::Array(list.collect()).to_string()));
    }
}

/// The first agent who sells, else the first agent.
fn agent_of(participants: &[(String, Option<String>, Option<String>)]) -> Option<String> {
    let agents = participants.iter().filter(|(kind, _, _)| kind.eq_ignore_ascii_case("agent"));
    let mut agents = agents.filter_map(|(_, id, role)| Some((id.as_ref()?, role.as_deref())));
    let sells = |role: Option<&str>| role.is_some_and(|role| role.eq_ignore_ascii_case("sales_rep"));
    let first = agents.clone().next();
    agents.find(|(_, role)| sells(*role)).or(first).map(|(id, _)| id.clone())
}

/// Where the customer came from.
fn take_origin(body: &mut Reader<'_>, facts: &mut Facts) {
    facts.text(Field::PartnerId, body.optional("partner_id", json::id));
    facts.text(Field::BrokerId, body.optional("broker_id", json::id));
    for field in ORIGIN {
        facts.text(field, body.optional(field.name(), json::printable(128)));
    }
}

/// What is told of it in words.
const ORIGIN: [Field; 7] = [
    Field::ReferralCode,
    Field::SessionId,
    Field::UtmSource,
    Field::UtmMedium,
    Field::UtmCampaign,
    Field::UtmContent,
    Field::UtmTerm,
];

fn take_analysis(body: &mut Reader<'_>, facts: &mut Facts) {
    facts.text(Field::PrimaryIntent, body.optional("primary_intent", json::printable(128)));
    facts.put(Field::SecondaryIntents, body.optional("secondary_intents", json::texts(20)).map(Value::List));
    facts.text(Field::Outcome, body.optional("outcome", json::printable(128)));
    facts.text(Field::OutcomePrediction, body.optional("outcome_prediction", json::printable(128)));
    facts.text(Field::PurchaseProbability, body.optional("purchase_probability", json::probability));
    let sentiment = body.optional("sentiment", json::printable(128));
    let metadata = body.optional("raw_metadata", json::metadata);
    // Known keys of the free object count as reported, unless the field itself is.
    let known: Option<serde_json::Value> =
        metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let known = |key: &str| known.as_ref().and_then(|object| object.get(key).cloned());
    let in_metadata = known("sentiment").and_then(|value| Some(value.as_str()?.to_owned()));
    facts.text(
        Field::Sentiment,
        sentiment.or(in_metadata.filter(|text| domain::ids::is_printable(text, 128))),
    );
    if !facts.0.contains_key(&Field::DurationSeconds) {
        let seconds = known("call_duration").and_then(|value| value.as_i64());
        let seconds = seconds.filter(|seconds| (0..=MOST_SECONDS).contains(seconds));
        facts.put(Field::DurationSeconds, seconds.map(Value::Integer));
    }
    facts.text(Field::RawMetadata, metadata);
}
