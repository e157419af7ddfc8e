//! `crae send` against a running stack.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crae::tenants::{self, TenantCredentials};
use crae::{Options, Stack};
use serde_json::Value;

async fn stack() -> (Stack, Vec<TenantCredentials>) {
    let stack = Stack::start(Options::default()).await.unwrap();
    let tenants = tenants::seed(&stack).await.unwrap();
    (stack, tenants)
}

/// Runs `crae send` with `input` on its standard input.
fn send(url: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
    command.arg("send").args(arguments).args(["--url", url]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // It may end without reading anything.
    drop(process.stdin.take().unwrap().write_all(input.as_bytes()));
    process.wait_with_output().unwrap()
}

#[track_caller]
fn assert_taken(output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.starts_with("202 Accepted\n{\"data\":{\"delivery_id\":\"dlv_"), "{out}{err}");
}

#[track_caller]
fn assert_refused(output: &Output, hint: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(err.starts_with("crae: ") && err.contains(hint), "{err}");
}

/// The call once all of `sections` have told of it.
async fn call(url: &str, tenant: &TenantCredentials, id: &str, sections: usize) -> Value {
    let since = Instant::now();
    loop {
        let read = crae::http_client(url).unwrap().get(format!("{url}/v1/interactions/ext:{id}"));
        let answer = read.header("x-api-key", &tenant.api_key).send().await.unwrap();
        let call = answer.json::<Value>().await.unwrap()["data"].take();
        if call["sections"].as_object().is_some_and(|told| told.len() == sections) {
            return call;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{call}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_examples_of_every_provider_make_one_call_whatever_their_order() {
    let (stack, tenants) = stack().await;
    for name in ["call.intent.detected", "call.transcript.updated", "call.ended", "call.started"] {
        assert_taken(&send(stack.url(), &["convin", name], ""));
        assert_taken(&send(stack.url(), &["telephony", name], ""));
    }
    let call_of = async |id| call(stack.url(), &tenants[0], id, 4).await;
    let convin = call_of("convin:call-12345").await;
    assert_eq!((&convin["agent_id"], &convin["duration_seconds"]), (&"agent-001".into(), &900.into()));
    let telephony = call_of("telephony:pbx-20240118-0042").await;
    assert_eq!(
        (&telephony["outcome"], &telephony["primary_intent"]),
        (&"callback".into(), &"renewal".into())
    );
    stack.stop().await;
}

#[tokio::test]
async fn a_payload_comes_from_a_file_or_the_standard_input_for_any_tenant() {
    let (stack, tenants) = stack().await;
    let payload = |id: &str| {
        format!(r#"{{"event_type":"call.started","call_id":"{id}","timestamp":"2025-03-03T10:00:00Z"}}"#)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("started.json");
    std::fs::write(&path, payload("from-file")).unwrap();
    assert_taken(&send(stack.url(), &["convin", path.to_str().unwrap(), "--tenant", "acme"], ""));
    assert_taken(&send(stack.url(), &["Convin", "-", "--tenant", "acme"], &payload("from-input")));
    for id in ["convin:from-file", "convin:from-input"] {
        call(stack.url(), &tenants[1], id, 1).await;
    }
    stack.stop().await;
}

#[tokio::test]
async fn what_is_refused_ends_with_a_failure_and_a_reason() {
    let (stack, tenants) = stack().await;
    let wrong = send(stack.url(), &["convin", "call.started", "--secret", "wrong"], "");
    assert_refused(&wrong, "another secret");
    assert!(wrong.stdout.starts_with(b"401 Unauthorized\n{"), "{wrong:?}");
    // The guide's example names tenant 3, which is demo.
    assert_refused(&send(stack.url(), &["convin", "call.started", "--tenant", "acme"], ""), "tenant_id");
    let secret = &tenants[0].webhook_secrets["convin"];
    assert_taken(&send(stack.url(), &["convin", "call.started", "--secret", secret], ""));
    stack.stop().await;
}

#[test]
fn what_cannot_be_sent_says_what_to_do() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let free = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let convin = |name, url: &str| send(url, &["convin", name], "");
    assert_refused(&convin("call.started", &free), "is `cargo run` running?");
    assert_refused(&convin("call.started", "ftp://example.com"), "https://");
    assert_refused(&convin("call.begun", &free), "call.started");
    let nobody = send(&free, &["api", "call.started"], "");
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("convin and telephony"), "{nobody:?}");
}
