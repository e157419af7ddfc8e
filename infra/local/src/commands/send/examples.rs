//! The payloads under `events/`, embedded so that the binary sends them from any folder.

use domain::source::Source;

macro_rules! payload {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/", $path, ".json"))
    };
}

/// Every provider has an example of each.
pub(super) const NAMES: [&str; 4] =
    ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"];

pub(super) fn find(provider: Source, name: &str) -> Option<&'static str> {
    let payloads = match provider {
        Source::Api => return None,
        Source::Convin => [
            payload!("convin/call.started"),
            payload!("convin/call.ended"),
            payload!("convin/call.transcript.updated"),
            payload!("convin/call.intent.detected"),
        ],
        Source::Telephony => [
            payload!("telephony/call.started"),
            payload!("telephony/call.ended"),
            payload!("telephony/call.transcript.updated"),
            payload!("telephony/call.intent.detected"),
        ],
    };
    NAMES.into_iter().position(|known| known == name).and_then(|index| payloads.get(index).copied())
}
