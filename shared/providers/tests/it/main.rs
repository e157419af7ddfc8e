//! What every provider promises, and what each tells.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod contract;
mod guide;
mod lenient;
mod malformed;
mod properties;
mod seals;
mod signatures;

use domain::interaction::{CallEvent, Field, Value};
use domain::tenant::Settings;
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use providers::{Context, Delivery, Malformed, Normalised, Provider, Rejected, Secrets};
use sha2::Sha256;

const SECRET: &str = "your-secret-key";

/// HMAC-SHA256 of `body` in hex.
fn hex_mac(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// How a sender signs a body: its headers.
fn signed(provider: Provider, secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    match provider {
        Provider::Convin | Provider::Telephony => vec![("X-Webhook-Signature", hex_mac(secret, body))],
    }
}

fn verdict(
    provider: Provider,
    headers: &[(&str, String)],
    body: &[u8],
    secrets: &[&str],
) -> Result<(), Rejected> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let delivery = Delivery::new(headers, body);
    let secrets = Secrets::new(secrets.iter().map(|secret| (*secret).to_owned()));
    let verified = provider.adapter().verify(&delivery, &secrets)?;
    assert_eq!((verified.provider(), verified.body()), (provider, body));
    Ok(())
}

fn received_at() -> Timestamp {
    Timestamp::parse("2024-01-15T10:50:00Z").unwrap()
}

fn normalised_for(settings: &Settings, body: &[u8]) -> Result<Normalised, Malformed> {
    let provider = Provider::Convin;
    let headers = signed(provider, SECRET, body);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let delivery = Delivery::new(headers, body);
    let verified = provider.adapter().verify(&delivery, &Secrets::new([SECRET.to_owned()])).unwrap();
    provider.adapter().normalise(&verified, &Context { received_at: received_at(), settings })
}

fn normalised(body: &[u8]) -> Result<Normalised, Malformed> {
    normalised_for(&Settings::default(), body)
}

/// The one event that a body tells.
fn event(body: &[u8]) -> CallEvent {
    let normalised = normalised(body).unwrap();
    let Normalised::Events(mut events) = normalised else {
        panic!("an event was expected, not {normalised:?}")
    };
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// The facts in a `data` of these fields, in the order of [`Field`].
fn facts(data: &str) -> Vec<(Field, Option<Value>)> {
    event(started_with(data).as_bytes()).facts.into_iter().collect()
}

fn started_with(data: &str) -> String {
    format!(
        r#"{{"event_type":"call.started","call_id":"c","timestamp":"2024-01-15T10:30:00Z","data":{{{data}}}}}"#
    )
}

fn list(items: &[&str]) -> Option<Value> {
    Some(Value::List(items.iter().map(|item| (*item).to_owned()).collect()))
}

fn text(text: &str) -> Option<Value> {
    Some(text.into())
}
