//! The commands, one file each.

pub(crate) mod attribute;
pub(crate) mod keys;
pub(crate) mod reach;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod smoke;
pub(crate) mod tenant;

use std::io::{self, Write};

/// Writes to the standard output. Whoever closed it does not want to know.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
