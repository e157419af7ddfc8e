//! Deliveries whose sender is not who they say: 401, and nothing stored.

use e2e::{Answer, Client, kept_deliveries, new_tenant};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{started, with};

const SIGNATURE: &str = "x-webhook-signature";

fn mac(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Sends a delivery as a stranger would: with no API key, and only these headers.
async fn send(shop: &Client, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [headers, &[("x-api-key", ""), ("content-type", "application/json")]].concat();
    shop.send("POST", path, &headers, body.as_bytes().to_vec()).await
}

/// Delivers something right, and sees that it is all there is.
async fn only_what_is_signed_is_stored(shop: &Client) {
    let answer = shop.deliver("convin", &started("signed-1").to_string()).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    shop.get_until("/v1/interactions/ext:convin:signed-1", |answer| answer.status == 200).await;
    e2e::deliveries_done().await;
    assert_eq!(shop.list("/v1/interactions").await.len(), 1);
    assert_eq!(shop.get("/v1/interactions/ext:convin:hostile-1").await.status, 404);
    assert!(kept_deliveries(shop).await.is_empty());
}

fn own_path(shop: &Client) -> String {
    format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id)
}

#[tokio::test]
async fn a_signature_that_is_missing_wrong_or_not_this_bodys_is_refused() {
    let (shop, other) = (new_tenant().await, new_tenant().await);
    let body = started("hostile-1").to_string();
    let right = shop.signature("convin", body.as_bytes());
    let (first, rest) = right.split_at(1);
    let altered = format!("{}{rest}", if first == "0" { "1" } else { "0" });
    let secret = shop.tenant.webhook_secrets["convin"].clone();
    for (what, signature) in [
        ("none", String::new()),
        ("an empty one", " ".to_owned()),
        ("a prefix alone", "sha256=".to_owned()),
        ("an altered one", altered.clone()),
        ("a shorter one", right[..62].to_owned()),
        ("a longer one", format!("{right}00")),
        ("another algorithm's name", format!("sha1={right}")),
        ("zeros", "0".repeat(64)),
        ("no hex", "z".repeat(64)),
        ("the secret itself", secret.clone()),
        ("with an empty secret", mac("", &body)),
        ("with the API key", mac(&shop.tenant.api_key, &body)),
        ("with the tenant's name", mac(&shop.tenant.tenant_id, &body)),
        ("another tenant's", other.signature("convin", body.as_bytes())),
        ("another provider's", shop.signature("telephony", body.as_bytes())),
        ("of another body", mac(&secret, &body.replace("hostile-1", "hostile-2"))),
        ("of a body with a line end", mac(&secret, &format!("{body}\n"))),
        ("of no body", mac(&secret, "")),
        ("the right one after a wrong one", format!("{altered},{right}")),
        ("the right one before a wrong one", format!("{right}, {altered}")),
    ] {
        let answer = send(&shop, &own_path(&shop), &[(SIGNATURE, &signature)], &body).await;
        assert_eq!(answer.refusal(), "401 INVALID_SIGNATURE", "{what}: {}", answer.text);
    }
    let twice = [(SIGNATURE, right.as_str()), (SIGNATURE, altered.as_str())];
    let answer = send(&shop, &own_path(&shop), &twice, &body).await;
    assert_eq!(answer.refusal(), "401 INVALID_SIGNATURE", "two headers: {}", answer.text);
    only_what_is_signed_is_stored(&shop).await;
}

#[tokio::test]
async fn no_spelling_lets_an_unsigned_delivery_in() {
    let shop = new_tenant().await;
    let body = started("hostile-1").to_string();
    let right = shop.signature("convin", body.as_bytes());
    let key = shop.tenant.api_key.clone();
    let bearer = format!("Bearer {key}");
    let mut attempts: Vec<(String, Vec<(&str, &str)>)> = Vec::new();
    for word in
        ["none", "null", "undefined", "false", "0", "unsigned", "skip", "test", "*", "sha256", "local-"]
    {
        attempts.push((own_path(&shop), vec![(SIGNATURE, word)]));
    }
    for query in ["verify=false", "unsigned=true", "skip_signature=1", &format!("signature={right}")] {
        attempts.push((format!("{}?{query}", own_path(&shop)), Vec::new()));
    }
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("X-API-Key", key.as_str())],
        vec![("X-API-Key", key.as_str()), (SIGNATURE, "")],
        vec![("x-webhook-verified", "true")],
        vec![("x-signature", right.as_str())],
        vec![("x-hub-signature-256", right.as_str())],
        vec![("x-webhook-signature-256", right.as_str())],
        vec![("authorization", right.as_str())],
        vec![("cookie", "x-webhook-signature=x")],
        vec![("x-forwarded-for", "127.0.0.1"), ("host", "localhost")],
    ] {
        attempts.push((own_path(&shop), headers));
    }
    for (path, headers) in attempts {
        let answer = shop
            .send("POST", &path, &[&headers[..], &key_unless(&headers)].concat(), body.clone().into())
            .await;
        assert_eq!(answer.refusal(), "401 INVALID_SIGNATURE", "{path} {headers:?}: {}", answer.text);
    }
    only_what_is_signed_is_stored(&shop).await;
}

/// No API key is added where the attempt has none of its own.
fn key_unless(headers: &[(&str, &str)]) -> Vec<(&'static str, &'static str)> {
    let own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-api-key"));
    if own { Vec::new() } else { vec![("x-api-key", "")] }
}

#[tokio::test]
async fn a_delivery_that_names_another_tenant_anywhere_is_refused() {
    let (shop, other) = (new_tenant().await, new_tenant().await);
    let (mine, theirs) = (shop.tenant.tenant_id.clone(), other.tenant.tenant_id.clone());
    let bare = "/v1/webhooks/convin".to_owned();
    let right = started("hostile-1");
    let plain = right.to_string();
    let saying = |tenant: Value| with(right.clone(), "/tenant_id", tenant).to_string();
    let twice = |first: &str, second: &str| {
        format!("{{\"tenant_id\":\"{first}\",\"tenant_id\":\"{second}\",{}", &plain[1..])
    };
    let escaped = format!("{{\"tenant\\u005fid\":\"{theirs}\",{}", &plain[1..]);
    for (path, header, body) in [
        // Mine signed it, and it is sent to, or speaks of, somebody else.
        (format!("{bare}/{theirs}"), "", plain.clone()),
        (format!("{bare}/{mine}?tenant_id={theirs}"), "", plain.clone()),
        (format!("{bare}/{mine}?tenant_id={mine}&tenant_id={theirs}"), "", plain.clone()),
        (format!("{bare}/{mine}"), theirs.as_str(), plain.clone()),
        (format!("{bare}/{mine}"), "", saying(json!(theirs))),
        (format!("{bare}/{mine}"), "", escaped),
        (format!("{bare}?tenant_id={mine}"), "", saying(json!(theirs))),
        (format!("{bare}?tenant_id={theirs}"), "", plain.clone()),
        (bare.clone(), mine.as_str(), saying(json!(theirs))),
        (bare.clone(), theirs.as_str(), saying(json!(mine))),
        (bare.clone(), "", saying(json!(theirs))),
        // Nobody is called so.
        (format!("{bare}/nobody"), "", plain.clone()),
        (format!("{bare}/{mine}?tenant_id=nobody"), "", plain.clone()),
        (format!("{bare}/{mine}"), "nobody", plain.clone()),
        (format!("{bare}/{mine}"), "", saying(json!(987_654_321))),
        (format!("{bare}/{}", mine.to_uppercase()), "", plain.clone()),
        (format!("{bare}/{mine}%23x"), "", plain.clone()),
        (format!("{bare}/..%2f{mine}"), "", plain.clone()),
        // Unclear, even if all of it means mine.
        (format!("{bare}/{mine}"), "", twice(&mine, &mine)),
        (format!("{bare}/{mine}"), "", twice(&mine, &theirs)),
        (format!("{bare}/{mine}"), "", saying(json!({"id": mine}))),
        (format!("{bare}/{mine}"), "", saying(json!(true))),
        // Named by nobody, it is the default tenant's, whose secret this is not.
        (bare.clone(), "", plain.clone()),
    ] {
        let signature = shop.signature("convin", body.as_bytes());
        let headers = [(SIGNATURE, signature.as_str()), ("x-tenant-id", header)];
        let answer = send(&shop, &path, &headers, &body).await;
        let refused = ["401 INVALID_SIGNATURE", "404 NOT_FOUND"].contains(&answer.refusal().as_str());
        assert!(refused, "{path} {header} {body}: {}", answer.text);
        assert!(answer.status == 401 || path.contains("%2f"), "{path}: {}", answer.text);
    }
    only_what_is_signed_is_stored(&shop).await;
    only_what_is_signed_is_stored(&other).await;
}

#[tokio::test]
async fn a_delivery_may_name_its_tenant_everywhere_or_anywhere() {
    let shop = new_tenant().await;
    let mine = shop.tenant.tenant_id.clone();
    let bare = "/v1/webhooks/convin";
    for (index, (path, header, said)) in [
        (format!("{bare}/{mine}?tenant_id={mine}"), mine.as_str(), json!(mine)),
        (format!("{bare}/{mine}"), "", Value::Null),
        (format!("{bare}?tenant_id={mine}"), "", Value::Null),
        (bare.to_owned(), mine.as_str(), Value::Null),
        (bare.to_owned(), "", json!(mine)),
        (format!("{bare}?tenant_id="), "", json!(format!(" {mine} "))),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("named-{index}");
        let body = with(started(&id), "/tenant_id", said).to_string();
        let signature = format!("sha256={}", shop.signature("convin", body.as_bytes()).to_uppercase());
        let answer = send(&shop, &path, &[(SIGNATURE, &signature), ("x-tenant-id", header)], &body).await;
        assert_eq!(answer.status, 202, "{path}: {}", answer.text);
        shop.get_until(&format!("/v1/interactions/ext:convin:{id}"), |answer| answer.status == 200).await;
    }
}
