use std::fmt;
use std::path::Path;

/// Why the store could not do what it was asked: the disk, never a document (a document
/// that is refused is a [`PutResult`](crate::PutResult)).
#[derive(Debug)]
pub struct StoreError {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    pub(crate) fn directory(directory: &Path, source: std::io::Error) -> Self {
        let what = format!(
            "cannot create the data directory {}: {source}; name another with --data",
            directory.display()
        );
        Self {
            what,
            source: Some(Box::new(source)),
        }
    }

    /// `what` says what was being done, such as `write to …/traces.sqlite`.
    pub(crate) fn database(what: impl fmt::Display, source: rusqlite::Error) -> Self {
        let what = format!("cannot {what}: {source}");
        Self {
            what,
            source: Some(Box::new(source)),
        }
    }

    pub(crate) fn newer_schema(name: &str, version: i64) -> Self {
        let what = format!(
            "{name} was written by a newer xray-local (schema {version}): \
             use that version, or name another directory with --data"
        );
        Self { what, source: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
