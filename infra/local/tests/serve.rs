//! The program as its users start and stop it.
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crae::tenants::TenantCredentials;
use domain::ids::TenantId;
use domain::model::ModelCode;
use serde_json::Value;

/// A running `crae`, killed with the test.
struct Crae {
    process: Child,
    ready_file: PathBuf,
}

impl Crae {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let ready_file = folder.join("ready.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_crae"));
        command.args(arguments).arg("--ready-file").arg(&ready_file);
        let command = command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { process: command.spawn().unwrap(), ready_file }
    }

    /// Waits for the ready file; answers the URL.
    fn url(&mut self) -> String {
        self.url_within(Duration::from_secs(30))
    }

    fn url_within(&mut self, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        while !self.ready_file.exists() {
            assert!(self.process.try_wait().unwrap().is_none(), "{}", self.errors());
            assert!(Instant::now() < deadline, "not ready within {patience:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let ready: Value = serde_json::from_slice(&fs::read(&self.ready_file).unwrap()).unwrap();
        assert!(ready["tenants"].is_array(), "{ready}");
        ready["url"].as_str().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let killed = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(killed.success());
    }

    /// Whether it ended well, and how long that took.
    fn end(&mut self) -> (bool, Duration) {
        let begun = Instant::now();
        let status = self.process.wait().unwrap();
        (status.success(), begun.elapsed())
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn output(&mut self) -> String {
        let mut text = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Crae {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn crae_serves_says_where_and_ends_well_when_told_to() {
    for (signal, arguments) in [
        ("TERM", &["--port", "0", "--empty"][..]),
        ("INT", &["serve", "--port", "0", "--ephemeral", "--empty"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut crae = Crae::start(folder.path(), arguments);
        let url = crae.url();
        assert_eq!(get(format!("{url}/none")).await.unwrap().status(), 404);
        assert_eq!(folder.path().join(".crae").exists(), signal == "TERM");
        crae.signal(signal);
        let (well, took) = crae.end();
        assert!(well && took < Duration::from_secs(5), "{took:?}: {}", crae.errors());
        let output = crae.output();
        assert!(output.contains(&url) && output.contains("curl"), "{output}");
    }
}

#[tokio::test]
async fn a_first_start_tells_the_example_data_and_a_later_one_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Crae::start(folder.path(), &["--port", "0"]);
    let url = first.url_within(Duration::from_mins(5));
    let asked = |url: &str, path: &str| {
        let demo = TenantCredentials::of(&TenantId::parse("demo").unwrap());
        crae::http_client(url).unwrap().get(format!("{url}{path}")).header("x-api-key", demo.api_key)
    };
    let runs: Value = asked(&url, "/v1/attribution/runs").send().await.unwrap().json().await.unwrap();
    let runs = runs["data"].as_array().unwrap();
    let told = runs.iter().filter(|run| run["name"] == "demo" && run["conversions_processed"] == 400);
    let models = told.filter(|run| run["status"] == "completed").flat_map(|run| run["models"].as_array());
    assert_eq!(models.map(Vec::len).sum::<usize>(), ModelCode::ALL.len(), "{runs:?}");
    first.signal("TERM");
    assert!(first.end().0, "{}", first.errors());
    let output = first.output();
    assert!(output.contains("1,500 calls") && output.contains("yuki"), "{output}");
    fs::remove_file(folder.path().join("ready.json")).unwrap();
    let mut second = Crae::start(folder.path(), &["--port", "0"]);
    let url = second.url();
    let order = asked(&url, "/v1/conversions/ext:demo-order-0400").send().await.unwrap();
    assert_eq!(order.status(), 200);
    second.signal("TERM");
    assert!(second.end().0, "{}", second.errors());
    assert!(!second.output().contains("1,500 calls"), "it is told once");
}

#[test]
fn crae_ends_even_though_a_client_holds_on_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut crae = Crae::start(folder.path(), &["--port", "0", "--ephemeral", "--empty"]);
    let url = crae.url();
    let mut client = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    client.write_all(b"POST /v1/interactions HTTP/1.1\r\nhost: crae\r\ncontent-length: 10\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    crae.signal("TERM");
    let (well, took) = crae.end();
    assert!(well && took < Duration::from_secs(5), "{took:?}: {}", crae.errors());
}

#[test]
fn the_ready_file_of_an_earlier_run_is_gone_before_anything_serves() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ready.json"), "{}").unwrap();
    let mut first = Crae::start(folder.path(), &["--port", "0", "--empty"]);
    while fs::read(&first.ready_file).is_ok_and(|content| content == b"{}") {
        std::thread::sleep(Duration::from_millis(1));
    }
    first.url();
    let mut second = Crae::start(folder.path(), &["--port", "0", "--empty"]);
    assert!(!second.end().0);
    assert!(!second.ready_file.exists());
    let errors = second.errors();
    assert!(errors.contains("--data-dir"), "{errors}");
}

#[test]
fn a_port_in_use_ends_crae_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut crae = Crae::start(folder.path(), &["--ephemeral", "--empty", "--port", &port]);
    assert!(!crae.end().0);
    let errors = crae.errors();
    assert!(errors.contains(&format!("port {port} is in use")) && errors.contains("--port"), "{errors}");
}

#[tokio::test]
async fn crae_that_was_killed_starts_again_on_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Crae::start(folder.path(), &["--port", "0", "--empty", "--data-dir", "data"]);
    first.url();
    first.signal("KILL");
    assert!(!first.end().0);
    fs::remove_file(&first.ready_file).unwrap();
    let mut second = Crae::start(folder.path(), &["--port", "0", "--empty", "--data-dir", "data"]);
    let url = second.url();
    assert_eq!(get(format!("{url}/none")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_rate_limit_is_of_each_tenant_and_not_of_webhooks() {
    let folder = tempfile::tempdir().unwrap();
    let mut crae =
        Crae::start(folder.path(), &["--port", "0", "--ephemeral", "--empty", "--rate-limit", "5"]);
    let url = crae.url();
    let ready: Value = serde_json::from_slice(&fs::read(&crae.ready_file).unwrap()).unwrap();
    let client = crae::http_client(&url).unwrap();
    let mut limited = None;
    for _ in 0..100 {
        let request = client.get(format!("{url}/v1/tenant"));
        let request = request.header("x-api-key", ready["tenants"][0]["api_key"].as_str().unwrap());
        let answer = request.send().await.unwrap();
        if answer.status() == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("a hundred requests at once are more than ten");
    assert_eq!(limited.headers()["retry-after"], "1");
    let body: Value = serde_json::from_str(&limited.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], "RATE_LIMITED", "{body}");
    let other = client.get(format!("{url}/v1/tenant"));
    let other = other.header("x-api-key", ready["tenants"][1]["api_key"].as_str().unwrap());
    assert_eq!(other.send().await.unwrap().status(), 200);
    for _ in 0..30 {
        let webhook = client.post(format!("{url}/v1/webhooks/convin/demo")).body("{}");
        assert_eq!(webhook.send().await.unwrap().status(), 401);
    }
}

async fn get(url: impl AsRef<str>) -> reqwest::Result<reqwest::Response> {
    crae::http_client(url.as_ref())?.get(url.as_ref()).send().await
}
