//! The stack as a process of its own, which can be killed.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crae::tenants::TenantCredentials;
use serde_json::Value;

use crate::Client;

use super::CrashError;

/// How long a start may take, also on a busy machine.
const MOST_START: Duration = Duration::from_secs(60);

/// How long a polite stop may take.
const MOST_STOP: Duration = Duration::from_secs(10);

/// Where the stack runs, life after life.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) crae: PathBuf,
    pub(super) folder: PathBuf,
}

impl Place {
    /// The file in which the embedded SQS keeps its queues.
    pub(super) fn queues(&self) -> PathBuf {
        self.folder.join("data/sqs.sqlite")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn ready_file(&self) -> PathBuf {
        self.folder.join("ready.json")
    }
}

/// One life of the stack; it ends with this at the latest.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    ready_file: PathBuf,
}

impl Server {
    /// `more` is what is asked for besides what every life is.
    pub(super) fn start(place: &Place, more: &[&str]) -> Result<Self, CrashError> {
        let ready_file = place.ready_file();
        match std::fs::remove_file(&ready_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let log: File = OpenOptions::new().create(true).append(true).open(place.log())?;
        let process = Command::new(&place.crae)
            .args(["serve", "--port", "0", "--empty", "--data-dir"])
            .arg(place.folder.join("data"))
            .args(more)
            .arg("--ready-file")
            .arg(&ready_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|source| CrashError::NoServer { path: place.crae.clone(), source })?;
        Ok(Self { process, ready_file })
    }

    /// Waits until it serves; answers a client of each tenant.
    pub(super) async fn ready(&mut self) -> Result<Vec<Client>, CrashError> {
        let since = Instant::now();
        while !self.ready_file.exists() {
            if let Some(status) = self.process.try_wait()? {
                return Err(CrashError::DiedByItself(status.to_string()));
            }
            if since.elapsed() > MOST_START {
                return Err(CrashError::NotReady(MOST_START));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        clients(&self.ready_file)
    }

    /// As `kill -9` does; an error if it was dead already.
    pub(super) fn kill(mut self) -> Result<(), CrashError> {
        if let Some(status) = self.process.try_wait()? {
            return Err(CrashError::DiedByItself(status.to_string()));
        }
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// As an operator stops it.
    pub(super) async fn stop(mut self) -> Result<(), CrashError> {
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        let since = Instant::now();
        while told.success() && since.elapsed() < MOST_STOP {
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(CrashError::DiedByItself(status.to_string())),
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        Err(CrashError::NotStopped)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn clients(ready_file: &Path) -> Result<Vec<Client>, CrashError> {
    let ready: Value = serde_json::from_slice(&std::fs::read(ready_file)?).unwrap_or_default();
    let url = ready["url"].as_str().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tenants = ready["tenants"].as_array().into_iter().flatten();
    let clients = tenants.map(|tenant| {
        let secrets = tenant["webhook_secrets"].as_object().into_iter().flatten();
        let credentials = TenantCredentials {
            tenant_id: text(&tenant["tenant_id"]),
            api_key: text(&tenant["api_key"]),
            webhook_secrets: secrets.map(|(provider, secret)| (provider.clone(), text(secret))).collect(),
        };
        Client::new(url, credentials)
    });
    Ok(clients.collect())
}
