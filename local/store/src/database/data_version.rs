use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

/// Detects changes by other connections. It holds the last value of SQLite's `data_version`
/// that one connection has read. SQLite changes the value when another connection commits,
/// in this process or in another one, but not for the connection's own commits (SQLite
/// documentation, "PRAGMA data_version").
#[derive(Debug)]
pub(crate) struct DataVersion(AtomicI64);

/// Differs from every value that SQLite returns.
const UNKNOWN: i64 = -1;

impl Default for DataVersion {
    fn default() -> Self {
        Self(UNKNOWN.into())
    }
}

impl DataVersion {
    /// Returns `true` if another connection has committed since the last call, and on the
    /// first call after [`reset`](Self::reset) or creation. Always pass the same connection:
    /// values of different connections cannot be compared.
    pub(crate) fn has_changed(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        Ok(self.0.swap(version, Ordering::Relaxed) != version)
    }

    /// Makes the next [`has_changed`](Self::has_changed) return `true`.
    pub(crate) fn reset(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }
}
