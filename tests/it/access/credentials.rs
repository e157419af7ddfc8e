//! Keys: none, wrong ones, revoked ones, those of others, and those that may not.

use domain::permission::Permission;
use e2e::{Answer, Client, KeyState, new_tenant, routes, with_permissions};

use super::{PUBLIC, SIGNED, guarded};

/// An id of the right form that nothing has.
const NOTHING: &str = "int_00000000000000000000000000000000";

/// Sends what no handler could read, so that who asks is all that can decide.
async fn ask(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [headers, &[("content-type", "text/unreadable")]].concat();
    let body = if method == "GET" { Vec::new() } else { b"\xff{".to_vec() };
    client.send(method, path, &headers, body).await
}

fn is_our_error(answer: &Answer) -> bool {
    let text = |field: &str| answer.body[field].as_str().is_some_and(|text| !text.is_empty());
    answer.body.as_object().is_some_and(|fields| fields.len() == 4)
        && ["error", "code", "request_id"].into_iter().all(text)
        && answer.body["details"].is_array()
        && answer.header("x-request-id") == answer.body["request_id"]
}

#[tokio::test]
async fn no_route_but_the_public_ones_answers_without_a_credential() {
    let nobody = new_tenant().await;
    let mut public = Vec::new();
    for declared in routes().await {
        let path = declared.path_with(NOTHING);
        let answer = ask(&nobody, declared.route.method, &path, &[("x-api-key", "")]).await;
        match answer.refusal().as_str() {
            "200" => public.push(declared.route.path),
            // An unknown provider is told so before any signature is looked at.
            "404 NOT_FOUND" => assert!(path.starts_with(SIGNED), "{path}: {}", answer.text),
            refusal => assert_eq!(refusal, "401 UNAUTHENTICATED", "{path}: {}", answer.text),
        }
    }
    public.sort_unstable();
    assert_eq!(public, PUBLIC);
    for provider in ["convin", "telephony"] {
        for tenant in [String::new(), format!("/{}", nobody.tenant.tenant_id)] {
            let answer = ask(&nobody, "POST", &format!("{SIGNED}{provider}{tenant}"), &[]).await;
            assert_eq!(answer.refusal(), "401 INVALID_SIGNATURE", "{provider}{tenant}: {}", answer.text);
        }
    }
}

/// What is wrong with a credential, and the headers that carry it.
type Wrong = (&'static str, Vec<(&'static str, String)>);

/// Credentials that are almost this shop's.
fn wrong_credentials(shop: &Client, other: &Client, revoked: &Client) -> Vec<Wrong> {
    let key = shop.tenant.api_key.as_str();
    let (id, secret) = key.rsplit_once('_').unwrap();
    let last = if key.ends_with('0') { '1' } else { '0' };
    let altered = format!("{}{last}", &key[..key.len() - 1]);
    let swapped = format!("{id}_{}", other.tenant.api_key.rsplit_once('_').unwrap().1);
    let (as_basic, as_token) = (format!("Basic {key}"), format!("Token {key}"));
    let (two, twice) = (format!("Bearer {}", other.tenant.api_key), format!("{key},{key}"));
    vec![
        ("an empty key", vec![("X-API-Key", " ".to_owned())]),
        ("an unknown key", vec![("X-API-Key", "crk_local-nobody_0123456789abcdef01234567".to_owned())]),
        ("an altered secret", vec![("X-API-Key", altered.clone())]),
        ("a secret cut short", vec![("X-API-Key", key[..key.len() - 1].to_owned())]),
        ("a secret made longer", vec![("X-API-Key", format!("{key}0"))]),
        ("no secret", vec![("X-API-Key", format!("{id}_"))]),
        ("the secret alone", vec![("X-API-Key", secret.to_owned())]),
        ("another tenant's secret", vec![("X-API-Key", swapped)]),
        ("a webhook secret", vec![("X-API-Key", shop.tenant.webhook_secrets["convin"].clone())]),
        ("a key in upper case", vec![("X-API-Key", key.to_uppercase())]),
        ("a key twice in one header", vec![("X-API-Key", twice)]),
        ("a key with another prefix", vec![("X-API-Key", key.replacen("crk_", "key_", 1))]),
        ("a very long key", vec![("X-API-Key", format!("crk_{}_x", "k".repeat(4000)))]),
        ("a key of another partition", vec![("X-API-Key", "crk_#TENANT_x".to_owned())]),
        ("a revoked key", vec![("X-API-Key", revoked.tenant.api_key.clone())]),
        ("another scheme", vec![("authorization", as_basic)]),
        ("an unknown scheme", vec![("authorization", as_token)]),
        ("no scheme", vec![("authorization", key.to_owned())]),
        ("no token", vec![("authorization", "Bearer".to_owned())]),
        ("a token that is unsigned", vec![("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned())]),
        ("an altered bearer", vec![("authorization", format!("Bearer {altered}"))]),
        ("two keys that differ", vec![("X-API-Key", key.to_owned()), ("authorization", two)]),
        (
            "a good key beside a bad one",
            vec![("X-API-Key", altered), ("authorization", format!("Bearer {key}"))],
        ),
        ("a key in a cookie", vec![("cookie", format!("x-api-key={key}"))]),
    ]
}

#[tokio::test]
async fn a_credential_that_is_none_of_ours_is_refused_by_every_route() {
    let shop = new_tenant().await;
    let other = new_tenant().await;
    let revoked = with_permissions(&shop, Permission::ALL.iter().copied(), KeyState::Revoked).await;
    let key = shop.tenant.api_key.as_str();
    let cases = wrong_credentials(&shop, &other, &revoked);
    for declared in guarded().await {
        let path = declared.path_with(NOTHING);
        for (what, headers) in &cases {
            let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            if !headers.iter().any(|(name, _)| *name == "X-API-Key") {
                headers.push(("x-api-key", ""));
            }
            let answer = ask(&shop, declared.route.method, &path, &headers).await;
            assert_eq!(answer.refusal(), "401 UNAUTHENTICATED", "{what} {path}: {}", answer.text);
            assert!(
                is_our_error(&answer) && answer.header("www-authenticate") == "Bearer",
                "{}",
                answer.text
            );
        }
        let in_query = format!("{path}?api_key={key}&x-api-key={key}");
        let answer = ask(&shop, declared.route.method, &in_query, &[("x-api-key", "")]).await;
        assert_eq!(answer.refusal(), "401 UNAUTHENTICATED", "{in_query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_key_is_good_in_either_header_and_for_its_own_tenant_only() {
    let (shop, other) = (new_tenant().await, new_tenant().await);
    let (mine, theirs) = (shop.tenant.tenant_id.as_str(), other.tenant.tenant_id.as_str());
    let bearer = format!("bearer  {}", shop.tenant.api_key);
    let upper = mine.to_uppercase();
    for declared in guarded().await {
        let (method, path) = (declared.route.method, declared.path_with(NOTHING));
        let key = shop.tenant.api_key.as_str();
        for headers in [
            vec![("X-API-Key", key)],
            vec![("x-api-key", ""), ("authorization", bearer.as_str())],
            vec![("X-API-Key", key), ("authorization", bearer.as_str())],
            vec![("X-API-Key", key), ("x-tenant-id", mine)],
        ] {
            let answer = ask(&shop, method, &path, &headers).await;
            assert!(![401, 403].contains(&answer.status), "{path} {headers:?}: {}", answer.text);
        }
        for name in [theirs, "nobody", "*", "demo", upper.as_str(), "T#demo"] {
            let answer = ask(&shop, method, &path, &[("x-tenant-id", name)]).await;
            assert_eq!(answer.refusal(), "403 TENANT_MISMATCH", "{path} {name}: {}", answer.text);
            assert!(is_our_error(&answer), "{}", answer.text);
        }
        let both = ask(&shop, method, &path, &[("x-tenant-id", mine), ("x-tenant-id", theirs)]).await;
        assert_eq!(both.refusal(), "403 TENANT_MISMATCH", "{path}: {}", both.text);
    }
}

#[tokio::test]
async fn a_key_needs_exactly_the_permission_that_a_route_names() {
    let shop = new_tenant().await;
    let none = with_permissions(&shop, [], KeyState::Active).await;
    for declared in guarded().await {
        let (method, path) = (declared.route.method, declared.path_with(NOTHING));
        let answer = ask(&none, method, &path, &[]).await;
        assert_eq!(answer.refusal(), "403 FORBIDDEN permission", "{path}: {}", answer.text);
        assert!(is_our_error(&answer), "{}", answer.text);
        let problem = answer.body["details"][0]["problem"].as_str().unwrap();
        let needed = Permission::parse(problem.strip_suffix(" is missing").unwrap()).unwrap();
        let others = Permission::ALL.iter().copied().filter(|permission| *permission != needed);
        let others = with_permissions(&shop, others, KeyState::Active).await;
        let answer = ask(&others, method, &path, &[]).await;
        assert_eq!(answer.refusal(), "403 FORBIDDEN permission", "{path}: {}", answer.text);
        let only = with_permissions(&shop, [needed], KeyState::Active).await;
        let answer = ask(&only, method, &path, &[]).await;
        assert!(![401, 403].contains(&answer.status), "{path}: {}", answer.text);
        // Reading is never enough to write.
        let writes = method != "GET";
        assert_eq!(writes, !needed.code().ends_with(".view"), "{method} {path} needs {}", needed.code());
    }
}

#[tokio::test]
async fn the_public_routes_take_no_notice_of_credentials() {
    let shop = new_tenant().await;
    for path in PUBLIC {
        for key in ["", "crk_nobody_x", shop.tenant.api_key.as_str()] {
            let answer =
                shop.send("GET", path, &[("x-api-key", key), ("x-tenant-id", "nobody")], Vec::new()).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text.contains(&shop.tenant.tenant_id), "{path}");
        }
    }
}
