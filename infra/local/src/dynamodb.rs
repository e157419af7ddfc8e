//! The embedded DynamoDB: one SQLite database, spoken to by the unmodified AWS SDK.

mod changes;
mod direct;
mod layout;
mod replica;

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use dynoxide::{Database, DynoxideError, server};
use rusqlite::Connection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::template::Table;
use crate::threads::{Stop, Threads, stopped};
pub use changes::Changes;
pub use replica::Replica;

/// Its operations run to their end on the thread that took the request, so a few of them may wait at once.
const THREADS: usize = 4;

/// How often items whose time has come are deleted; in the cloud that takes up to two days.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// A running database. It serves until it is stopped or dropped.
pub struct DynamoDb {
    url: String,
    changes: Changes,
    database: Database,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), String>>,
    /// Its own, so that SQLite's synchronous work keeps nothing else waiting.
    threads: Threads,
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    #[error("the embedded DynamoDB cannot be served")]
    Unserved(#[source] io::Error),
    #[error("the database cannot be opened")]
    Unopened(#[source] DynoxideError),
    #[error("the database cannot be made ready")]
    Unready(#[source] rusqlite::Error),
    #[error("no file can be made for the database")]
    NoFile(#[source] io::Error),
    #[error("the table cannot be created")]
    Table(#[source] DynoxideError),
    #[error("the table's stream cannot be read")]
    Stream(#[source] DynoxideError),
    #[error("the table was created by another version of CRAE; choose another data directory")]
    OtherLayout,
}

impl DynamoDb {
    /// Opens the database kept in `file`, or one that lives in memory, and creates the table if it is missing.
    pub fn start(file: Option<&Path>, table: &Table) -> Result<Self, DynamoDbError> {
        let database = match file {
            Some(file) => {
                begin(file).map_err(DynamoDbError::Unready)?;
                in_file(file, table)?
            }
            None => in_memory(table)?,
        };
        let changes = Changes::of(database.clone(), &table.name);
        let listener = listen().map_err(DynamoDbError::Unserved)?;
        let address = listener.local_addr().map_err(DynamoDbError::Unserved)?;
        let threads = Threads::start("dynamodb", THREADS).map_err(DynamoDbError::Unserved)?;
        let (stop, stopped) = watch::channel(false);
        threads.spawn(sweep(database.clone(), stopped.clone()));
        let serving = threads.spawn(serve(listener, database.clone(), stopped));
        Ok(Self { url: format!("http://{address}"), changes, database, stop, serving, threads })
    }

    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers as what listens at [`DynamoDb::url`] does, in fewer steps.
    pub fn router(&self) -> Router {
        direct::router(self.database.clone(), self.threads.handle(), proxy::forward(&self.url))
    }

    /// Finishes what it is doing, for no longer than `patience`.
    pub async fn stop(self, patience: Duration) {
        self.stop.send_replace(true);
        match timeout(patience, self.serving).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(error, "the embedded DynamoDB failed"),
            Ok(Err(error)) => tracing::error!(%error, "the embedded DynamoDB failed"),
            Err(_) => tracing::warn!("the embedded DynamoDB was stopped while it was working"),
        }
    }
}

/// Lays a file out in small pages, unless it is there: each commit writes whole ones. In memory they are larger, as
/// `.cargo/config.toml` says.
fn begin(file: &Path) -> Result<(), rusqlite::Error> {
    if file.exists() {
        return Ok(());
    }
    Connection::open(file)?.execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;")
}

fn in_file(file: &Path, table: &Table) -> Result<Database, DynamoDbError> {
    let database = Database::new(&file.to_string_lossy()).map_err(DynamoDbError::Unopened)?;
    layout::create(&database, table)?;
    changes::tidy(file).map_err(DynamoDbError::Unready)?;
    Ok(database)
}

/// A database in memory can be reached by nobody else, so it begins as a copy of an empty one in a file.
fn in_memory(table: &Table) -> Result<Database, DynamoDbError> {
    let folder = tempfile::tempdir().map_err(DynamoDbError::NoFile)?;
    let file = folder.path().join("empty.sqlite");
    drop(in_file(&file, table)?);
    let database = Database::memory().map_err(DynamoDbError::Unopened)?;
    database.restore_from(&file.to_string_lossy()).map_err(DynamoDbError::Unopened)?;
    Ok(database)
}

fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve(listener: TcpListener, database: Database, stop: Stop) -> Result<(), String> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    server::serve_with_shutdown(listener, database, stopped(stop)).await
}

/// Deletes items whose time has come, as DynamoDB does in the background.
async fn sweep(database: Database, stop: Stop) {
    while timeout(SWEEP_EVERY, stopped(stop.clone())).await.is_err() {
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "expired items could not be deleted");
        }
    }
}
