use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// Step `n` migrates a database from version `n` to version `n + 1`. Never change or
/// remove a step; existing data directories must stay readable.
const STEPS: [&str; 1] = [
    // `documents` holds only short columns, so that a process rebuilds its index with one
    // short scan. `bodies` holds the JSON under the same sequence number. Sequence numbers
    // only grow, and a replacement gets a new one: a process finds all changes by reading
    // from the last number that it knows. Times are epoch microseconds.
    "CREATE TABLE documents (
         sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
         trace_id   BLOB    NOT NULL,
         id         INTEGER NOT NULL,
         segment    INTEGER NOT NULL,
         start_time INTEGER NOT NULL,
         end_time   INTEGER,
         latest     INTEGER NOT NULL,
         bytes      INTEGER NOT NULL,
         revision   INTEGER NOT NULL,
         received   INTEGER NOT NULL
     );
     CREATE UNIQUE INDEX documents_of_trace ON documents (trace_id, id);
     CREATE TABLE bodies (sequence INTEGER PRIMARY KEY, json TEXT NOT NULL);
     CREATE TABLE limit_exceeded (trace_id BLOB PRIMARY KEY) WITHOUT ROWID;
     CREATE TABLE telemetry (
         sequence INTEGER PRIMARY KEY,
         received INTEGER NOT NULL,
         json     TEXT    NOT NULL
     );",
];

/// Migrates the database to the newest version. `label` names it in error
/// messages.
pub(super) fn migrate(connection: &mut Connection, label: &str) -> Result<(), StoreError> {
    let error = |source| StoreError::database(format!("open {label}"), source);
    if version(connection).map_err(error)? == STEPS.len() as i64 {
        return Ok(());
    }
    // Another process may migrate at the same time; read the version again under the lock.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error)?;
    let found = version(&transaction).map_err(error)?;
    let Some(steps) = usize::try_from(found)
        .ok()
        .and_then(|found| STEPS.get(found..))
    else {
        return Err(StoreError::newer_schema(label, found));
    };
    for step in steps {
        transaction.execute_batch(step).map_err(error)?;
    }
    transaction
        .pragma_update(None, "user_version", STEPS.len() as i64)
        .map_err(error)?;
    transaction.commit().map_err(error)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
