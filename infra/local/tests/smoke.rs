//! What people do with a deployment, tried on a stack that is reached only as a deployment is: by its URL and by the
//! AWS environment.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::process::{Command, Output};

use crae::tenants::{self, TenantCredentials};
use crae::{Options, Stack};

async fn stack() -> (Stack, TenantCredentials) {
    let stack = Stack::start(Options::default()).await.unwrap();
    let acme = tenants::seed(&stack).await.unwrap().remove(1);
    (stack, acme)
}

/// Runs a command with nothing but the AWS environment that the stack gives functions of other processes.
fn crae(stack: &Stack, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
    command.args(arguments).envs(stack.aws_env()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_and_its_key_are_made_in_a_deployed_table_and_smoke_finds_that_they_work() {
    let (stack, _) = stack().await;
    let at = ["--table", &stack.template().table.name];
    let made = crae(&stack, &[&["tenant", "create", "zoo"][..], &at].concat());
    assert!(made.status.success(), "{}", said(&made));
    let shown = said(&made);
    let secret = shown.lines().find_map(|line| line.strip_prefix("telephony webhook secret ")).unwrap();
    let key = said(&crae(&stack, &[&["keys", "create", "--tenant", "zoo"][..], &at].concat()));
    let credentials = ["--tenant", "zoo", "--key", key.trim(), "--provider", "telephony", "--secret", secret];
    let smoke = crae(&stack, &[&["smoke", "--url", stack.url()][..], &credentials].concat());
    assert!(smoke.status.success(), "{}", said(&smoke));
    for checked in ["GET /ready", "GET /v1/tenant", "POST /v1/webhooks/telephony/zoo", "it works"] {
        assert!(said(&smoke).contains(checked), "{checked}: {}", said(&smoke));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn smoke_says_what_does_not_work() {
    let (stack, acme) = stack().await;
    let smoke =
        |arguments: &[&str]| crae(&stack, &[&["smoke", "--url", stack.url()][..], arguments].concat());
    let public = smoke(&[]);
    assert!(public.status.success(), "{}", said(&public));
    let wrong_key = smoke(&["--tenant", "acme", "--key", "crk_local-acme_0"]);
    assert!(
        !wrong_key.status.success() && said(&wrong_key).contains("GET /v1/tenant answered 401"),
        "{wrong_key:?}"
    );
    let wrong_tenant = smoke(&["--tenant", "demo", "--key", &acme.api_key]);
    assert!(!wrong_tenant.status.success(), "{}", said(&wrong_tenant));
    let wrong_secret = smoke(&["--tenant", "acme", "--key", &acme.api_key, "--secret", "another"]);
    assert!(
        !wrong_secret.status.success() && said(&wrong_secret).contains("INVALID_SIGNATURE"),
        "{wrong_secret:?}"
    );
    let nowhere = crae(&stack, &["smoke", "--url", "http://127.0.0.1:1"]);
    assert!(!nowhere.status.success() && said(&nowhere).contains("was not answered"), "{nowhere:?}");
}
