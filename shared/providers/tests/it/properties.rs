//! Nothing a stranger sends makes us panic, and what is read is read the same way twice.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::normalised;

const PAYLOADS: [&str; 4] = [
    include_str!("../../../../events/convin/call.started.json"),
    include_str!("../../../../events/convin/call.ended.json"),
    include_str!("../../../../events/convin/call.transcript.updated.json"),
    include_str!("../../../../events/convin/call.intent.detected.json"),
];

/// Seeded, so that a run fails only for a reason in the change.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_121), ..Config::default() }
}

/// Pieces that parsers trip over.
const PIECES: [&str; 16] = [
    "null",
    "-1",
    "1e999",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[[[",
    "\"",
    "\\",
    "}",
    "\u{feff}",
    "\"\\u0000\"",
    "99999999999999999999",
    "\"9999-12-31T23:59:60Z\"",
    "\"+\"",
    "\"call.ended\"",
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..24_usize, prop::sample::select(&PIECES[..]), any::<u8>());
    let payload = prop::sample::select(&PAYLOADS[..]);
    (payload, prop::collection::vec(edit, 1..6)).prop_map(|(payload, edits)| {
        let mut bytes = payload.as_bytes().to_vec();
        for (at, removed, piece, byte) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            let put = if byte < 64 { vec![byte.wrapping_mul(5)] } else { piece.as_bytes().to_vec() };
            bytes.splice(at..end, put);
        }
        bytes
    })
}

/// Whole values replaced, so that the JSON stays valid and every reader is reached.
fn with_another_value() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<Option<bool>>().prop_map(|value| serde_json::json!(value)),
        any::<i64>().prop_map(|value| serde_json::json!(value)),
        any::<f64>().prop_map(|value| serde_json::json!(value)),
        any::<String>().prop_map(|value| serde_json::json!(value)),
        "[+0-9 ().x#,;a-z-]{0,70}".prop_map(|value| serde_json::json!(value)),
        prop::collection::vec(any::<String>(), 0..4).prop_map(|value| serde_json::json!(value)),
    ];
    let payload = prop::sample::select(&PAYLOADS[..]);
    (payload, any::<prop::sample::Index>(), value).prop_map(|(payload, at, value)| {
        let mut body: serde_json::Value = serde_json::from_str(payload).unwrap();
        let inside: Vec<_> =
            body["data"].as_object().unwrap().keys().map(|key| format!("/data/{key}")).collect();
        let outside = ["/event_type", "/call_id", "/timestamp", "/data"].map(str::to_owned);
        let paths = [&inside[..], &outside].concat();
        *body.pointer_mut(&paths[at.index(paths.len())]).unwrap() = value;
        body.to_string().into_bytes()
    })
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn arbitrary_bytes_are_refused_or_read_and_never_panic(body in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert_eq!(normalised(&body), normalised(&body));
    }

    #[test]
    fn mutated_payloads_are_refused_or_read_and_never_panic(body in mutated()) {
        prop_assert_eq!(normalised(&body), normalised(&body));
    }

    #[test]
    fn payloads_with_another_value_are_refused_or_read_and_never_panic(body in with_another_value()) {
        prop_assert_eq!(normalised(&body), normalised(&body));
    }
}
