//! Reading a request's body, and the form in which an event carries it.

use axum::body::{Body, Bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;

use super::answer::Refusal;

/// The gateway's limit for a payload.
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;

/// Media types that the gateway passes on as text, besides `text/*`; all else, forms too, comes in base64.
const TEXT_TYPES: [&str; 3] = ["application/json", "application/javascript", "application/xml"];

/// Reads a body to its end even where it is refused, since a client that still writes would not read why.
pub(super) async fn read(body: Body) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    let mut size = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::BadRequest)?;
        size += chunk.len();
        if size <= BODY_LIMIT_BYTES {
            read.extend_from_slice(&chunk);
        }
    }
    if size > BODY_LIMIT_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(read.into())
}

/// The event's `body` and `isBase64Encoded`.
pub(super) fn encode(content_type: Option<&str>, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(content_type) => (Some(text.to_owned()), false),
        _ => (Some(STANDARD.encode(body)), true),
    }
}

fn is_text(content_type: Option<&str>) -> bool {
    let media_type = content_type.and_then(|value| value.split(';').next());
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/") || TEXT_TYPES.contains(&media_type.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_arrives_as_it_is_and_all_else_in_base64() {
        for (content_type, text) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("text/csv"), true),
            (Some("application/xml"), true),
            (Some("application/javascript"), true),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some("application/octet-stream"), false),
            (Some("application/problem+json"), false),
            (None, false),
        ] {
            let (body, base64) = encode(content_type, b"a=1");
            let expected = if text { "a=1" } else { "YT0x" };
            assert_eq!((body.as_deref(), base64), (Some(expected), !text), "{content_type:?}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_arrives_in_base64() {
        let encoded = encode(Some("application/json"), &[0xff]);
        assert_eq!(encoded, (Some("/w==".to_owned()), true));
    }

    #[test]
    fn no_body_is_no_body() {
        assert_eq!(encode(Some("application/json"), b""), (None, false));
    }
}
