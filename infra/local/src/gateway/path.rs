//! What the gateway makes of a request's first line and headers before it looks for a route.

use axum::http::HeaderValue;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::answer::Refusal;

/// The gateway's limit for the request line and all header values together.
const HEAD_LIMIT_BYTES: usize = 10_240;

/// Refuses what the real gateway does not let as far as a function.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let valid = |host: &Authority| host.host() == host.as_str() || host.port_u16().is_some();
    if host.is_some_and(|host| !Authority::try_from(host).is_ok_and(|host| valid(&host))) {
        return Err(Refusal::BadRequest);
    }

    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + "  HTTP/1.1".len();
    let values: usize = parts.headers.values().map(|value| value.len()).sum();
    if line + values > HEAD_LIMIT_BYTES {
        return Err(Refusal::HeadersTooLarge);
    }
    Ok(())
}

/// The path as functions see it, or nothing where the gateway refuses it.
///
/// As observed on live HTTP APIs: they decode the path, cut it at a `?` that appears, and decode the rest once
/// more. So `%20` and `%2520` both arrive as a space, and `50%25` is refused, since `50%` cannot be decoded.
pub(super) fn decode(path: &str) -> Option<String> {
    let once = percent_decoded(path).filter(|path| path.starts_with('/'))?;
    let before_question = once.split('?').next().unwrap_or_default();
    percent_decoded(before_question)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_arrive_as_live_http_apis_deliver_them() {
        for (sent, seen) in [
            ("/capture/plain", Some("/capture/plain")),
            ("/capture/ext%3Aabc", Some("/capture/ext:abc")),
            ("/capture/space%20value", Some("/capture/space value")),
            ("/capture/question%3Fvalue", Some("/capture/question")),
            ("/capture/percent%25done", None),
            ("/capture/hash%23value", Some("/capture/hash#value")),
            ("/capture/slash%2Fvalue", Some("/capture/slash/value")),
            ("/capture/%CE%BB-%E4%B8%96", Some("/capture/λ-世")),
            ("/capture/literal%252Fvalue", Some("/capture/literal/value")),
            ("/capture/literal%253Fvalue", Some("/capture/literal?value")),
            ("/capture/literal%2525value", Some("/capture/literal%value")),
            ("/capture/a+b", Some("/capture/a+b")),
        ] {
            assert_eq!(decode(sent).as_deref(), seen, "{sent}");
        }
    }

    #[test]
    fn paths_that_cannot_be_decoded_are_refused() {
        for sent in ["/a%", "/a%4", "/a%zz", "/a%+1", "/a%ff", "*", ""] {
            assert_eq!(decode(sent), None, "{sent}");
        }
    }
}
