//! `crae tenant` and `crae keys` against a running stack.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crae::{Data, Options, Stack, tenants};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// A stack with a data directory, and that.
async fn stack() -> (Stack, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::Dir(folder.path().to_owned());
    let stack = Stack::start(Options { data, ..Options::default() }).await.unwrap();
    tenants::seed(&stack).await.unwrap();
    (stack, folder)
}

fn crae(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
    command.args(arguments).arg("--data-dir").arg(folder).output().unwrap()
}

/// What a command said, which must have done it.
#[track_caller]
fn done(folder: &tempfile::TempDir, arguments: &[&str]) -> String {
    let output = crae(folder.path(), arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(folder: &tempfile::TempDir, arguments: &[&str], hint: &str) {
    let output = crae(folder.path(), arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(hint), "{arguments:?}: {errors}");
    assert!(output.stdout.is_empty());
}

async fn get(stack: &Stack, path: &str, key: &str) -> (u16, Value) {
    let request = crae::http_client(stack.url())
        .unwrap()
        .get(format!("{}{path}", stack.url()))
        .header("x-api-key", key);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_tenant_is_created_given_a_key_and_takes_webhooks() {
    let (stack, folder) = stack().await;
    let said = done(&folder, &["tenant", "create", "zoo", "currency=eur", "time_zone=Europe/Berlin"]);
    assert_eq!(done(&folder, &["tenant", "list"]), "acme\ndemo\nzoo\n");
    let key = done(&folder, &["keys", "create", "--tenant", "zoo"]);
    let (status, shown) = get(&stack, "/v1/tenant", key.trim()).await;
    assert_eq!((status, &shown["data"]["tenant_id"]), (200, &json!("zoo")), "{shown}");
    assert_eq!(
        (&shown["data"]["currency"], &shown["data"]["time_zone"]),
        (&json!("EUR"), &json!("Europe/Berlin"))
    );
    assert_eq!(deliver(&stack, secret_in(&said)).await, 202);
    refused(&folder, &["tenant", "create", "zoo"], "there is a tenant zoo already");
    stack.stop().await;
}

/// The secret that a command shows.
fn secret_in(said: &str) -> &str {
    said.lines().find_map(|line| line.strip_prefix("convin webhook secret ")).unwrap()
}

/// Delivers a call to the tenant `zoo`.
async fn deliver(stack: &Stack, secret: &str) -> u16 {
    let body = r#"{"event_type":"call.started","call_id":"c","timestamp":"2026-03-02T10:00:00Z","data":{}}"#;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let webhook = crae::http_client(stack.url()).unwrap();
    let webhook = webhook.post(format!("{}/v1/webhooks/convin/zoo", stack.url())).body(body);
    webhook.header("x-webhook-signature", signature).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_webhook_secret_is_changed_while_the_one_before_stays_valid_until_it_is_ended() {
    let (stack, folder) = stack().await;
    let said = done(&folder, &["tenant", "create", "zoo"]);
    let key = done(&folder, &["keys", "create", "--tenant", "zoo"]);
    let change = ["tenant", "secret", "convin", "--tenant", "zoo"];
    let lost = done(&folder, &change);
    refused(&folder, &change, "two secrets are valid already");
    let newer = done(&folder, &[&change[..], &["--again"]].concat());
    let active = async || {
        get(&stack, "/v1/tenant", key.trim()).await.1["data"]["webhooks"]["convin"]["active_secrets"].clone()
    };
    assert_eq!(active().await, 2);
    for (said, status) in [(&said, 202), (&newer, 202), (&lost, 401)] {
        assert_eq!(deliver(&stack, secret_in(said)).await, status);
    }
    done(&folder, &[&change[..], &["--end-old"]].concat());
    assert_eq!(active().await, 1);
    refused(&folder, &["tenant", "secret", "convin", "--tenant", "nobody"], "there is no tenant nobody");
    refused(&folder, &["tenant", "secret", "fax"], "the providers are convin and telephony");
    stack.stop().await;
}

#[tokio::test]
async fn a_key_may_what_it_was_given_until_it_is_revoked() {
    let (stack, folder) = stack().await;
    let create = ["keys", "create", "--permission", "interactions.view", "--permission", "tenants.view"];
    let (kept, revoked) = (done(&folder, &create), done(&folder, &create));
    assert_eq!(get(&stack, "/v1/interactions", kept.trim()).await.0, 200);
    assert_eq!(get(&stack, "/v1/conversions", kept.trim()).await.0, 403);
    let id = revoked.trim().strip_prefix("crk_").unwrap().rsplit_once('_').unwrap().0;
    assert_eq!(done(&folder, &["keys", "revoke", id]), format!("{id} is revoked\n"));
    assert_eq!(get(&stack, "/v1/interactions", revoked.trim()).await.0, 401);
    let listed = done(&folder, &["keys", "list"]);
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("local-demo  active ") && lines[0].ends_with("everything"), "{listed}");
    assert!(lines[1].contains("active ") && lines[1].ends_with("tenants.view interactions.view"), "{listed}");
    assert!(lines[2].starts_with(id) && lines[2].contains("revoked"), "{listed}");
    // Of a key that was shown once, nothing can be shown again.
    assert!(!listed.contains(kept.trim().rsplit_once('_').unwrap().1));
    refused(&folder, &["keys", "revoke", "key_none"], "there is no key key_none");
    refused(&folder, &["keys", "create", "--permission", "fly"], "interactions.view");
    refused(&folder, &["keys", "create", "--tenant", "nobody"], "there is no tenant nobody");
    stack.stop().await;
}

#[tokio::test]
async fn settings_are_changed_where_they_can_be() {
    let (stack, folder) = stack().await;
    let shown =
        done(&folder, &["tenant", "set", "time_zone=Asia/Kolkata", "shared_limit=7", "aliases=3,demo shop"]);
    assert!(shown.contains("time_zone=Asia/Kolkata\n") && shown.contains("shared_limit=7\n"), "{shown}");
    assert_eq!(done(&folder, &["tenant", "show"]), shown);
    // What is shown can be set as it is.
    let again: Vec<_> = shown.lines().collect();
    assert_eq!(done(&folder, &[&["tenant", "set"], again.as_slice()].concat()), shown);
    refused(&folder, &["tenant", "set", "time_zone=Mars"], "time_zone must be a zone of IANA");
    refused(&folder, &["tenant", "set", "colour=red"], "the settings are region, time_zone");
    refused(&folder, &["tenant", "set", "currency"], "KEY=VALUE");
    // An alias has one tenant, and is free once that gives it up.
    for alias in ["3", "demo"] {
        let taken = format!("aliases=mine,{alias}");
        refused(&folder, &["tenant", "set", "--tenant", "acme", &taken], "means another tenant");
    }
    done(&folder, &["tenant", "set", "aliases=mine"]);
    done(&folder, &["tenant", "set", "--tenant", "acme", "aliases=3"]);
    // Facts are counted by the hours of the zone.
    let key = tenants::TenantCredentials::of(&domain::ids::TenantId::parse("demo").unwrap()).api_key;
    let order = json!({
        "external_event_id": "order-1", "event_type": "purchase", "amount_decimal": 1, "currency": "USD",
        "occurred_at": "2026-03-02T10:00:00Z", "event_source": "billing",
        "customer_identifiers": [{"type": "email", "value": "maya@example.com"}],
    });
    let sold = crae::http_client(stack.url())
        .unwrap()
        .post(format!("{}/v1/conversions", stack.url()))
        .header("x-api-key", key);
    let sold = sold.header("content-type", "application/json").body(order.to_string()).send().await.unwrap();
    assert_eq!(sold.status(), 201);
    refused(&folder, &["tenant", "set", "time_zone=UTC"], "TIME_ZONE_FIXED");
    done(&folder, &["tenant", "set", "time_zone=Asia/Kolkata", "currency=INR"]);
    stack.stop().await;
}

#[tokio::test]
async fn where_nothing_runs_the_commands_say_so() {
    let nowhere = tempfile::tempdir().unwrap();
    for arguments in [&["tenant", "list"][..], &["keys", "list"]] {
        refused(&nowhere, arguments, "start it with `crae serve`, or name a deployed table with --table");
    }
    let (stack, folder) = stack().await;
    done(&folder, &["tenant", "list"]);
    stack.stop().await;
    refused(&folder, &["tenant", "list"], "no crae serves the data directory");
}

#[test]
fn a_deployed_table_is_reached_through_the_proxy_that_the_environment_names() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
    command.args(["tenant", "list", "--table", "crae"]);
    let credentials = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    command.envs(credentials.map(|name| (name, "us-east-1"))).env_remove("NO_PROXY").env_remove("no_proxy");
    command.env("HTTPS_PROXY", format!("http://{}", proxy.local_addr().unwrap()));
    let mut asking = command.stderr(Stdio::null()).spawn().unwrap();
    let mut asked = String::new();
    BufReader::new(proxy.accept().unwrap().0).read_line(&mut asked).unwrap();
    assert_eq!(asked.trim_end(), "CONNECT dynamodb.us-east-1.amazonaws.com:443 HTTP/1.1");
    // It need not despair of the proxy by itself.
    asking.kill().unwrap();
    asking.wait().unwrap();
}
