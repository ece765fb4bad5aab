use std::fmt;
use std::path::Path;

/// The database could not be opened, read or written.
///
/// The message names the file or directory. The cause is in [`source`](std::error::Error::source);
/// the alternate form, `{error:#}`, adds it to the message. A rejected document is not a
/// `StoreError` but a [`PutResult`](crate::PutResult).
#[derive(Debug)]
pub struct StoreError {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// `action` is the failed action on the file or directory `path`, such as `create`.
    pub(crate) fn file(action: &str, path: &Path, source: std::io::Error) -> Self {
        let message = format!(
            "cannot {action} {} (choose another directory with --data)",
            path.display()
        );
        Self {
            message,
            source: Some(Box::new(source)),
        }
    }

    /// `action` names the failed action, such as `write to …/traces.sqlite`.
    pub(crate) fn database(action: impl fmt::Display, source: rusqlite::Error) -> Self {
        Self {
            message: format!("cannot {action}"),
            source: Some(Box::new(source)),
        }
    }

    /// `label` names the database, as in [`database`](Self::database).
    pub(crate) fn newer_schema(label: &str, version: i64) -> Self {
        let message = format!(
            "{label} was written by a newer xray-local (schema {version}); \
             update xray-local, or choose another directory with --data"
        );
        Self {
            message,
            source: None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) if f.alternate() => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
