use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// Each step takes a database from the version that is its index to the next. Steps are
/// only ever added: a data directory of any earlier version opens.
const STEPS: [&str; 1] = [
    // `documents` is narrow so that the index is read back in one short scan; the JSON
    // itself is in `bodies`, under the same sequence. The sequence only grows, and a
    // replaced document gets a new one: whoever reads beyond the last one it knows has
    // seen every change. Times are epoch microseconds.
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

/// Brings the database to the newest version. `name` is for errors.
pub(super) fn migrate(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    let error = |source| StoreError::database(format!("open {name}"), source);
    if version(connection).map_err(error)? == STEPS.len() as i64 {
        return Ok(());
    }
    // Another process may be doing the same: the version counts once the lock is held.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error)?;
    let found = version(&transaction).map_err(error)?;
    let Some(steps) = usize::try_from(found)
        .ok()
        .and_then(|found| STEPS.get(found..))
    else {
        return Err(StoreError::newer_schema(name, found));
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
