//! Whatever a sender signs is read or refused; it never takes a function down, and what it tells folds once and for all.
#![no_main]

use domain::interaction::Interaction;
use domain::tenant::Settings;
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use providers::{Context, Delivery, Normalised, Provider, Secrets};
use sha2::Sha256;

const SECRET: &str = "a secret";

/// Of the payloads under `events/`, later than all of them.
const RECEIVED_AT: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fuzz_target!(|body: &[u8]| {
    let settings = Settings::default();
    let context = Context { received_at: RECEIVED_AT, settings: &settings };
    let signature = signature(body);
    for provider in Provider::ALL {
        let adapter = provider.adapter();
        let delivery = Delivery::new([("x-webhook-signature", signature.as_bytes())], body);
        let verified = adapter.verify(&delivery, &Secrets::new([SECRET.to_owned()])).unwrap();
        adapter.subject(&verified);
        let read = adapter.normalise(&verified, &context);
        assert_eq!(read, adapter.normalise(&verified, &context));
        if let Ok(Normalised::Events(events)) = read {
            let mut folded = Interaction::default();
            events.iter().for_each(|event| folded.fold(event));
            let once = folded.clone();
            events.iter().rev().for_each(|event| folded.fold(event));
            assert_eq!(folded, once);
        }
    }
});

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
