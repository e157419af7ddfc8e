//! The commands, one file each.

pub(crate) mod keys;
pub(crate) mod reach;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod smoke;
pub(crate) mod tenant;

use std::io::{self, Write};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client for what is served at this URL. A proxy would not find this machine's own addresses.
fn http_client(url: &str) -> Result<reqwest::Client, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(PATIENCE);
    let here = ["http://127.0.0.1", "http://localhost"].iter().any(|here| url.starts_with(here));
    if here { client.no_proxy().build() } else { client.build() }
}

/// Writes to the standard output. Whoever closed it does not want to know.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
