//! Where a request names a tenant. A name only picks whose secrets are tried; it never gives access.

use domain::json::{self, Reader};
use http::{HeaderMap, Uri};

/// A place names a tenant in a way that can mean several, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclear;

/// The names around the body, strongest first: path, query, header. An empty one names nobody.
pub(crate) fn around(path: Option<String>, uri: &Uri, headers: &HeaderMap) -> Result<Vec<String>, Unclear> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query = query.filter(|(name, _)| name == "tenant_id").map(|(_, value)| value.into_owned());
    let mut names: Vec<String> = path.into_iter().chain(query).collect();
    for value in headers.get_all("x-tenant-id") {
        names.push(value.to_str().map_err(|_| Unclear)?.to_owned());
    }
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// The body's top-level `tenant_id`. A body that is no JSON object names nobody.
pub(crate) fn inside(body: &[u8]) -> Result<Option<String>, Unclear> {
    const FIELD: &str = "tenant_id";
    let Ok(mut body) = Reader::open(body) else { return Ok(None) };
    let name = body.optional(FIELD, json::text_or_number);
    if body.problems().iter().any(|problem| problem.field == FIELD) {
        return Err(Unclear);
    }
    Ok(name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_around_the_body_come_strongest_first() {
        let uri: Uri = "/v1/webhooks/convin?a=1&tenant_id=b%5F1&tenant_id=&tenant_id=c".parse().unwrap();
        let headers = HeaderMap::from_iter([("x-tenant-id".parse().unwrap(), "d ".parse().unwrap())]);
        let names = around(Some("a".to_owned()), &uri, &headers).unwrap();
        assert_eq!(names, ["a", "b_1", "c", "d"]);
        assert_eq!(around(None, &Uri::from_static("/"), &HeaderMap::new()), Ok(Vec::new()));
    }

    #[test]
    fn the_body_names_a_tenant_by_text_or_number_at_its_top() {
        let some = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(inside(br#"{"tenant_id":3}"#), some("3"));
        assert_eq!(inside(br#"{"tenant_id":"demo","data":{"tenant_id":"acme"}}"#), some("demo"));
        assert_eq!(inside(br#"{"tenant\u005fid":"demo"}"#), some("demo"));
        for body in [&b""[..], b"\xff", b"[]", b"tenant_id=demo", br#"{"data":{"tenant_id":3}}"#] {
            assert_eq!(inside(body), Ok(None));
        }
        assert_eq!(inside(br#"{"tenant_id":null}"#), Ok(None));
    }

    #[test]
    fn a_body_that_names_two_tenants_or_none_that_can_be_read_is_unclear() {
        for body in [
            r#"{"tenant_id":"demo","tenant_id":"demo"}"#,
            r#"{"tenant_id":"demo","tenant\u005fid":"acme"}"#,
            r#"{"tenant_id":{"id":"demo"}}"#,
            r#"{"tenant_id":true}"#,
        ] {
            assert_eq!(inside(body.as_bytes()), Err(Unclear), "{body}");
        }
    }
}
