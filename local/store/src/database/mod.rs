//! The database file: opened, migrated, shared with other processes.

mod data_version;
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

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages between checkpoints: 16 MB of write-ahead log, so that a burst of documents is
/// not held up by syncs of the file.
const CHECKPOINT_PAGES: i64 = 4000;

/// One connection that writes, and, for a file, one that reads meanwhile.
#[derive(Debug)]
pub(crate) struct Database {
    writer: Mutex<Connection>,
    reader: Option<Mutex<Connection>>,
    /// For errors.
    name: String,
}

impl Database {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::directory(directory, source))?;
        let path = directory.join("traces.sqlite");
        let name = path.display().to_string();
        let error = |source| StoreError::database(format!("open {name}"), source);
        let mut writer = Connection::open(&path).map_err(error)?;
        configure(&writer).map_err(error)?;
        schema::migrate(&mut writer, &name)?;
        purge(&mut writer).map_err(error)?;
        let reader = Connection::open(&path).map_err(error)?;
        configure(&reader).map_err(error)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Some(Mutex::new(reader)),
            name,
        })
    }

    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        let name = "a database in memory".to_owned();
        let error = |source| StoreError::database(format!("open {name}"), source);
        let mut writer = Connection::open_in_memory().map_err(error)?;
        schema::migrate(&mut writer, &name)?;
        Ok(Self {
            writer: Mutex::new(writer),
            reader: None,
            name,
        })
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(self.reader.as_ref().unwrap_or(&self.writer))
    }

    pub(crate) fn write_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(format!("write to {}", self.name), source)
    }

    pub(crate) fn read_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::database(format!("read {}", self.name), source)
    }
}

/// A panic elsewhere rolled its transaction back: the connection is sound.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Readers and a writer of other processes do not stop each other.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode a commit outlives the process, and only a power cut may take the last ones.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

/// Removes what X-Ray would no longer have. Left to the next time where another process
/// is writing.
fn purge(connection: &mut Connection) -> rusqlite::Result<()> {
    let now = Timestamp::now().as_micros();
    let cutoff = Timestamp::from_micros(now - RETENTION_SECONDS.cast_signed() * 1_000_000);
    match rows::purge(connection, cutoff) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        done => done,
    }
}
