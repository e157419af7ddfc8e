//! What the functions write into their logs while tests run, and what none of it may hold.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

use crae::tenants::TenantCredentials;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;

/// What the tests' customers, calls and keys are made of.
const PRIVATE: [&str; 6] = ["canary", "@example.com", "1415555", "4155550", "crk_", "of-a-test"];

/// More than is ever switched on in the cloud, where it is `info`. The embedded services have logs of their own.
const FILTER: &str = "debug,dynoxide=off,s3s=off,s3s_fs=off,hyper=info,hyper_util=info,h2=info,reqwest=info,aws=info,\
    aws_config=info,aws_runtime=info,aws_sdk_dynamodb=info,aws_sdk_sqs=info,aws_sdk_s3=info,aws_sigv4=info,\
    aws_smithy_runtime=info,aws_smithy_runtime_api=info,aws_smithy_http_client=info";

/// So many lines are kept for tests to look at; all are watched.
const MOST_LINES: usize = 100_000;

#[derive(Debug)]
struct Log {
    /// Secrets of the tenants that tests have made.
    secrets: Vec<String>,
    lines: Vec<String>,
    /// The first line that holds what it must not.
    leak: Option<String>,
}

static LOG: Mutex<Log> = Mutex::new(Log { secrets: Vec::new(), lines: Vec::new(), leak: None });

fn with<T>(act: impl FnOnce(&mut Log) -> T) -> T {
    act(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes the log as functions do, from now on and for the whole process.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter: Targets = FILTER.parse().unwrap_or_else(|error| panic!("{error}"));
        let logs = runtime::logs(filter, Watched);
        tracing::subscriber::set_global_default(logs).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// From now on the log must not hold them.
pub(crate) fn keep_secret(tenant: &TenantCredentials) {
    with(|log| log.secrets.extend(tenant.webhook_secrets.values().cloned()));
}

/// Ends the test if anything that was written so far holds what it must not.
pub(crate) fn hold() {
    let leak = with(|log| log.leak.clone());
    assert!(leak.is_none(), "the log holds what people entrusted to us: {}", leak.unwrap_or_default());
}

/// What was logged so far.
pub fn logged() -> Vec<String> {
    with(|log| log.lines.clone())
}

struct Watched;

impl Write for Watched {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).into_owned();
        with(|log| {
            let mut private = PRIVATE.into_iter().chain(log.secrets.iter().map(String::as_str));
            if log.leak.is_none() && private.any(|private| text.contains(private)) {
                log.leak = Some(text.clone());
            }
            if log.lines.len() < MOST_LINES {
                log.lines.push(text);
            }
        });
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Watched {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
