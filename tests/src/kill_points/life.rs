//! A process that can be aborted at a point, and is started again when it was.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crae::tenants::{self, TenantCredentials};
use crae::{Call, Data, Fault, Faults, Judge, Options, Stack};
use domain::ids::TenantId;
use tempfile::TempDir;
use tokio::time::sleep;

use super::KillError;
use crate::{Answer, Client};

/// Whose story it is.
const TENANT: &str = "demo";

/// How often a request is sent before somebody should look at it.
const MOST_TRIES: usize = 200;

/// The stack on one folder, life after life.
pub(super) struct Life {
    program: PathBuf,
    folder: TempDir,
    process: Process,
    client: Client,
    pub(super) has_died: bool,
}

struct Process {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Life {
    pub(super) async fn begin(program: &Path, point: Option<u64>) -> Result<Self, KillError> {
        let folder = tempfile::Builder::new().prefix("crae-kill-").tempdir()?;
        let mut process = Process::start(program, folder.path(), point)?;
        // It may die before it serves.
        let (url, has_died) = match process.line() {
            Some(url) => (url, false),
            None => {
                process = Process::start(program, folder.path(), None)?;
                (process.line().ok_or(KillError::DiedByItself)?, true)
            }
        };
        Ok(Self { program: program.to_owned(), folder, process, client: client(&url)?, has_died })
    }

    /// Sends until it is answered by something other than a failure.
    pub(super) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, KillError> {
        let mut last = String::new();
        for _ in 0..MOST_TRIES {
            match self.client.try_send(method, path, headers, body.as_bytes().to_vec()).await {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) => last = answer.text,
                Err(error) => {
                    last = error.to_string();
                    self.revive().await?;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(KillError::Unfinished(format!("{method} {path} is not answered: {last}")))
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Answer, KillError> {
        self.send("GET", path, &[], "").await
    }

    /// Delivers a webhook of this tenant's.
    pub(super) async fn deliver(&mut self, provider: &str, body: &str) -> Result<Answer, KillError> {
        let signature = self.client.signature(provider, body.as_bytes());
        let path = format!("/v1/webhooks/{provider}/{TENANT}");
        self.send("POST", &path, &[("x-webhook-signature", &signature)], body).await
    }

    /// How many messages wait in queues, or are being worked on.
    pub(super) async fn waiting(&mut self) -> Result<u64, KillError> {
        self.ask("waiting").await
    }

    /// How many calls the functions have made in this life.
    pub(super) async fn calls(&mut self) -> Result<u64, KillError> {
        self.ask("calls").await
    }

    async fn ask(&mut self, what: &str) -> Result<u64, KillError> {
        loop {
            if let Some(answer) = self.process.ask(what) {
                return Ok(answer);
            }
            self.revive().await?;
        }
    }

    /// Starts it again if it has died, which it may once.
    async fn revive(&mut self) -> Result<(), KillError> {
        // A connection may end a moment before its process does.
        for _ in 0..50 {
            if self.process.child.try_wait()?.is_some() {
                if self.has_died {
                    return Err(KillError::DiedByItself);
                }
                self.has_died = true;
                self.process = Process::start(&self.program, self.folder.path(), None)?;
                let url = self.process.line().ok_or(KillError::DiedByItself)?;
                self.client = client(&url)?;
                return Ok(());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

fn client(url: &str) -> Result<Client, KillError> {
    let tenant = TenantId::parse(TENANT).map_err(|_| KillError::DiedByItself)?;
    Ok(Client::new(url, TenantCredentials::of(&tenant)))
}

impl Process {
    fn start(program: &Path, folder: &Path, point: Option<u64>) -> Result<Self, KillError> {
        let mut command = Command::new(program);
        command.arg("live").arg(folder).args(point.map(|point| point.to_string()));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(KillError::DiedByItself);
        };
        Ok(Self { child, ask, answers: BufReader::new(answers) })
    }

    /// What it says next; None if it has died.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim().to_owned())
    }

    fn ask(&mut self, what: &str) -> Option<u64> {
        writeln!(self.ask, "{what}").ok()?;
        self.line()?.parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Counts the calls of functions that take in and attribute, and aborts the process at one of them.
struct Reaper {
    begun: AtomicU64,
    carried_out: AtomicU64,
    point: Option<u64>,
}

impl Reaper {
    fn is_counted(call: &Call) -> bool {
        // Those answer readers, who ask as often as they like.
        let reads = ["GetItem", "BatchGetItem", "Query"].contains(&call.operation.as_str());
        match call.principal.as_str() {
            "identity-api" | "analytics-api" | "site" => false,
            "attribution-api" | "attribution-scheduler" => !reads,
            _ => true,
        }
    }

    fn die_if(&self, point: u64) {
        if self.point == Some(point) {
            std::process::abort();
        }
    }
}

impl Judge for Reaper {
    fn judge(&self, call: &Call) -> Option<Fault> {
        if Self::is_counted(call) {
            self.die_if(2 * self.begun.fetch_add(1, Ordering::SeqCst) + 1);
        }
        None
    }

    fn carried_out(&self, call: &Call) {
        if Self::is_counted(call) {
            self.die_if(2 * self.carried_out.fetch_add(1, Ordering::SeqCst) + 2);
        }
    }
}

/// What the program does: serves the stack on a folder, says where, and answers what is asked on its standard input
/// until that ends, or until it dies at its point.
#[expect(clippy::print_stdout, reason = "what starts it reads there")]
pub async fn live(folder: &Path, point: Option<u64>) -> Result<(), Box<dyn std::error::Error>> {
    let reaper = Arc::new(Reaper { begun: AtomicU64::new(0), carried_out: AtomicU64::new(0), point });
    let judge: Arc<dyn Judge> = Arc::clone(&reaper) as _;
    let faults = Faults { judge: Some(judge), ..Faults::default() };
    let options = Options { data: Data::Dir(folder.join("data")), faults, ..Options::default() };
    let stack = Stack::start(options).await?;
    tenants::seed(&stack).await?;
    println!("{}", stack.url());
    loop {
        // On a thread where waiting is allowed.
        let line = tokio::task::spawn_blocking(|| std::io::stdin().lines().next()).await?;
        match line.transpose()?.as_deref() {
            Some("waiting") => {
                let mut waiting = 0;
                for queue in ["crae-deliveries", "crae-runs", "crae-rollups"] {
                    let counts = stack.queues().counts(queue).await?;
                    waiting += counts.visible + counts.in_flight + counts.delayed;
                }
                println!("{waiting}");
            }
            Some(_) => println!("{}", reaper.begun.load(Ordering::SeqCst)),
            None => break,
        }
    }
    stack.stop().await;
    Ok(())
}
