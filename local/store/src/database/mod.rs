//! Opens the database file, migrates it, and shares it with other processes.

mod data_version;
mod permissions;
mod rows;
mod schema;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use xray_document::Timestamp;
use xray_document::limits::RETENTION_SECONDS;

pub(crate) use data_version::DataVersion;
pub(crate) use rows::{
    load_new_documents, read_body, write_document, write_limit_exceeded, write_telemetry,
};

use crate::error::StoreError;

const FILE_NAME: &str = "traces.sqlite";

/// Maximum time that a write waits while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of 4 KiB between checkpoints: 16 MB of write-ahead log. A checkpoint syncs the
/// file, so frequent ones slow down a burst of documents (SQLite's default is 1000 pages).
const CHECKPOINT_PAGES: i64 = 4000;

/// A connection for writing and, if the database is a file, a second one for reading, so
/// that reads do not wait for writes.
#[derive(Debug)]
pub(crate) struct Database {
    writer: Mutex<Connection>,
    reader: Option<Mutex<Connection>>,
    /// The path, or a description of the database in memory, for error messages.
    label: String,
}

impl Database {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        permissions::create_directory(directory)
            .map_err(|source| StoreError::file("create", directory, source))?;
        permissions::restrict_directory(directory, FILE_NAME)
            .map_err(|source| StoreError::file("read", directory, source))?;
        permissions::restrict_files(&path)
            .map_err(|source| StoreError::file("open", &path, source))?;
        let label = path.display().to_string();
        let error = |source| StoreError::database(format!("open {label}"), source);
        let mut writer = Connection::open(&path).map_err(error)?;
        configure(&writer).map_err(error)?;
        schema::migrate(&mut writer, &label)?;
        purge(&mut writer).map_err(error)?;
        let reader = Connection::open(&path).map_err(error)?;
        configure(&reader).map_err(error)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Some(Mutex::new(reader)),
            label,
        })
    }

    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        let label = "a database in memory".to_owned();
        let error = |source| StoreError::database(format!("open {label}"), source);
        let mut writer = Connection::open_in_memory().map_err(error)?;
        schema::migrate(&mut writer, &label)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: None,
            label,
        })
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(self.reader.as_ref().unwrap_or(&self.writer))
    }

    pub(crate) fn write_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(format!("write to {}", self.label), source)
    }

    pub(crate) fn read_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(format!("read {}", self.label), source)
    }
}

/// Ignores poisoning: a transaction rolls back on a panic, so the connection stays usable.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // In WAL mode readers and the writer do not block each other.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode a commit survives a crash of the process. A power failure may lose the
    // last commits, which is acceptable here and saves a sync for each commit.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

/// Removes traces beyond X-Ray's retention. While another process writes, it waits up to
/// [`BUSY_TIMEOUT`]; after that, the next start removes them.
fn purge(connection: &mut Connection) -> rusqlite::Result<()> {
    let now = Timestamp::now().as_micros();
    let cutoff = Timestamp::from_micros(now - RETENTION_SECONDS.cast_signed() * 1_000_000);
    match rows::purge(connection, cutoff) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        done => done,
    }
}
