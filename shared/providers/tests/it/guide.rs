//! The four payloads of the integration guide.

use domain::interaction::{Field, Section, Value};
use domain::time::Timestamp;
use providers::Provider;

use crate::{event, list, text};

fn payload(name: &str) -> Vec<u8> {
    let path = format!("{}/../../events/convin/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[track_caller]
fn assert_tells(name: &str, section: Section, time: &str, facts: &[(Field, Option<Value>)]) {
    let told = event(&payload(name));
    assert_eq!(told.external_id.as_str(), "call-12345");
    assert_eq!((told.section, told.time), (section, at(time)));
    assert_eq!(told.facts, facts.iter().cloned().collect(), "{name}");
}

#[test]
fn a_started_call_tells_who_called_and_who_answered() {
    assert_tells(
        "call.started",
        Section::Started,
        "2024-01-15T10:30:00Z",
        &[
            (Field::Phones, list(&["+1234567890"])),
            (Field::Emails, list(&["customer@example.com"])),
            (Field::Direction, text("inbound")),
            (Field::Language, text("en")),
            (Field::VendorCode, text("convin")),
            (Field::StartedAt, Some(at("2024-01-15T10:30:00Z").into())),
            (Field::AgentId, text("agent-001")),
            (Field::TeamId, text("team-sales")),
        ],
    );
}

#[test]
fn an_ended_call_tells_how_it_went() {
    assert_tells(
        "call.ended",
        Section::Ended,
        "2024-01-15T10:45:00Z",
        &[
            (Field::EndedAt, Some(at("2024-01-15T10:45:00Z").into())),
            (Field::TranscriptUrl, text("https://storage.example.com/transcripts/call-12345.json")),
            (Field::Outcome, text("purchase")),
            (Field::DurationSeconds, Some(Value::Integer(900))),
        ],
    );
}

#[test]
fn an_updated_transcript_tells_where_it_is() {
    assert_tells(
        "call.transcript.updated",
        Section::Transcript,
        "2024-01-15T10:46:00Z",
        &[(Field::TranscriptUrl, text("https://storage.example.com/transcripts/call-12345.json"))],
    );
}

#[test]
fn a_detected_intent_tells_what_was_wanted() {
    assert_tells(
        "call.intent.detected",
        Section::Intent,
        "2024-01-15T10:47:00Z",
        &[
            (Field::PrimaryIntent, text("purchase_inquiry")),
            (Field::SecondaryIntents, list(&["product_info", "pricing"])),
            (Field::PurchaseProbability, text("0.75")),
        ],
    );
}

#[test]
fn both_providers_read_the_envelope_alike() {
    use domain::tenant::Settings;
    use providers::{Context, Delivery, Secrets};
    let body = payload("call.started");
    let settings = Settings::default();
    let context = Context { received_at: crate::received_at(), settings: &settings };
    let told = Provider::ALL.map(|provider| {
        let headers = crate::signed(provider, "s", &body);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let delivery = Delivery::new(headers, &body);
        let verified = provider.adapter().verify(&delivery, &Secrets::new(["s".to_owned()])).unwrap();
        provider.adapter().normalise(&verified, &context).unwrap()
    });
    assert_eq!(told[0], told[1]);
}
