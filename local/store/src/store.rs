use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, TransactionBehavior};
use xray_document::{Document, DocumentError, ErrorCode, Timestamp, TraceId};

use crate::compile::compile;
use crate::database::{
    Database, load_news, read_body, write_document, write_limit_exceeded, write_telemetry,
};
use crate::facts::Facts;
use crate::index::{Decision, Index};
use crate::summary::summarize;
use crate::{
    StoreError, SummaryPage, SummaryQuery, TRACE_SIZE_EXCEEDED, Taken, Trace, TraceSummary,
};

/// How often a trace is read again when its documents were replaced meanwhile.
const READ_ATTEMPTS: usize = 4;

/// The traces of one data directory. `Send` and `Sync`: share it in an [`Arc`]. Calls
/// block on the disk, for a millisecond or so.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// Locked only after the database, where both are.
    index: RwLock<Index>,
    /// Up to where each connection has looked at the others' changes.
    seen_by_writer: Seen,
    seen_by_reader: Seen,
}

/// A document that may be taken.
struct Incoming<'a> {
    facts: Facts,
    json: Cow<'a, str>,
}

impl Store {
    /// Opens `traces.sqlite` in `directory`, both made where they are not there yet. Traces
    /// beyond X-Ray's retention of 30 days are removed. Another process may have the
    /// directory open too.
    ///
    /// # Errors
    /// The directory cannot be made, or the file is no database, or of a newer version.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::over(Database::open(directory)?)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// No memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(Database::in_memory()?)
    }

    fn over(database: Database) -> Result<Self, StoreError> {
        let store = Self {
            database,
            index: RwLock::default(),
            seen_by_writer: Seen::default(),
            seen_by_reader: Seen::default(),
        };
        store.catch_up()?;
        Ok(store)
    }

    /// Takes documents as `PutTraceSegments` does, kept whole as they are given: one
    /// answer for each, in order. They are in the database when this returns, in one
    /// transaction.
    ///
    /// A document in progress is replaced by the complete one of the same id, whichever
    /// comes first; a complete one by a later complete one.
    ///
    /// # Errors
    /// Nothing was taken: the disk is full or the like.
    pub fn put_json(&self, documents: &[&str]) -> Result<Vec<Taken>, StoreError> {
        let incoming = documents.iter().map(|&json| {
            let document = Document::parse(json)?;
            incoming(&document, Cow::Borrowed(json))
        });
        self.write(incoming.collect())
    }

    /// Like [`put_json`](Self::put_json), for documents of our own.
    ///
    /// # Errors
    /// As [`put_json`](Self::put_json).
    pub fn put(&self, documents: &[Document]) -> Result<Vec<Taken>, StoreError> {
        let incoming = documents.iter().map(|document| {
            let json = document.to_json()?;
            incoming(document, Cow::Owned(json))
        });
        self.write(incoming.collect())
    }

    /// Keeps one record of `PutTelemetryRecords`.
    ///
    /// # Errors
    /// The disk is full or the like.
    pub fn put_telemetry(&self, record_json: &str) -> Result<(), StoreError> {
        write_telemetry(&self.database.writer(), record_json, Timestamp::now())
            .map_err(|source| self.database.write_error(source))
    }

    /// The traces of `ids`, compiled, in the order of `ids`; those that are not there are
    /// left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn traces(&self, ids: &[TraceId]) -> Result<Vec<Trace>, StoreError> {
        self.catch_up()?;
        let mut traces = Vec::with_capacity(ids.len());
        for &id in ids {
            traces.extend(self.trace(id)?.map(|(trace, _)| trace));
        }
        Ok(traces)
    }

    /// One page of traces, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn summaries(&self, query: &SummaryQuery) -> Result<SummaryPage, StoreError> {
        self.catch_up()?;
        let page = self.read_index().page(query);
        let mut summaries = Vec::with_capacity(page.ids.len());
        for id in page.ids {
            summaries.extend(self.summarized(id)?);
        }
        Ok(SummaryPage {
            summaries,
            processed: page.processed,
            next: page.next,
        })
    }

    /// One trace's summary.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn summary(&self, id: TraceId) -> Result<Option<TraceSummary>, StoreError> {
        self.catch_up()?;
        self.summarized(id)
    }

    /// The summary that was derived from the trace's present revision, or a new one.
    fn summarized(&self, id: TraceId) -> Result<Option<TraceSummary>, StoreError> {
        let cached = self
            .read_index()
            .get(id)
            .and_then(|trace| trace.summary.clone());
        if let Some(summary) = cached {
            return Ok(Some(TraceSummary::clone(&summary)));
        }
        let Some((trace, revision)) = self.trace(id)? else {
            return Ok(None);
        };
        let summary = Arc::new(summarize(&trace, revision));
        self.write_index().cache(&summary);
        Ok(Some(Arc::unwrap_or_clone(summary)))
    }

    /// One trace, compiled, and the revision that it is of.
    fn trace(&self, id: TraceId) -> Result<Option<(Trace, u64)>, StoreError> {
        for attempt in 1..=READ_ATTEMPTS {
            let Some((sequences, revision, limit_exceeded)) = self.read_index().get(id).map(|t| {
                let sequences: Vec<i64> = t.documents.iter().map(|d| d.sequence).collect();
                (sequences, t.revision, t.limit_exceeded)
            }) else {
                return Ok(None);
            };
            let bodies = self.bodies(&sequences)?;
            if bodies.len() < sequences.len() && attempt < READ_ATTEMPTS {
                // Replaced since the index was read, here or by another process.
                self.catch_up()?;
                continue;
            }
            // Purged by another process.
            if bodies.is_empty() {
                return Ok(None);
            }
            let documents = bodies
                .iter()
                .filter_map(|json| Document::parse(json).ok())
                .collect();
            return Ok(Some((compile(id, documents, limit_exceeded), revision)));
        }
        Ok(None)
    }

    fn bodies(&self, sequences: &[i64]) -> Result<Vec<String>, StoreError> {
        let connection = self.database.reader();
        let mut bodies = Vec::with_capacity(sequences.len());
        for &sequence in sequences {
            let body = read_body(&connection, sequence);
            bodies.extend(body.map_err(|source| self.database.read_error(source))?);
        }
        Ok(bodies)
    }

    fn write(
        &self,
        incoming: Vec<Result<Incoming<'_>, DocumentError>>,
    ) -> Result<Vec<Taken>, StoreError> {
        if incoming.iter().all(Result::is_err) {
            return Ok(incoming
                .into_iter()
                .map(|incoming| incoming.map(|_| ()))
                .collect());
        }
        let mut connection = self.database.writer();
        let written = self.write_locked(&mut connection, incoming);
        if written.is_err() {
            // The index may hold what was rolled back: it is read anew at the next look.
            *self.write_index() = Index::default();
            self.seen_by_writer.forget();
            self.seen_by_reader.forget();
        }
        written.map_err(|source| self.database.write_error(source))
    }

    fn write_locked(
        &self,
        connection: &mut Connection,
        incoming: Vec<Result<Incoming<'_>, DocumentError>>,
    ) -> rusqlite::Result<Vec<Taken>> {
        let received = Timestamp::now();
        // The lock is taken at once, so that nobody writes between the look and the write.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Only now: another process may have been waited for, and readers are not to wait.
        let mut index = self.write_index();
        if self.seen_by_writer.is_behind(&transaction)? {
            load_news(&transaction, &mut index)?;
        }
        let mut answers = Vec::with_capacity(incoming.len());
        for document in incoming {
            answers.push(match document {
                Ok(document) => take(&transaction, &mut index, &document, received)?,
                Err(error) => Err(error),
            });
        }
        transaction.commit()?;
        Ok(answers)
    }

    /// Takes in what other processes wrote. (What this one wrote is in the index already:
    /// then there is no news, and the look costs little.)
    fn catch_up(&self) -> Result<(), StoreError> {
        let connection = self.database.reader();
        let load = || {
            if self.seen_by_reader.is_behind(&connection)? {
                load_news(&connection, &mut self.write_index())?;
            }
            Ok(())
        };
        load().map_err(|source| {
            self.seen_by_reader.forget();
            self.database.read_error(source)
        })
    }

    fn read_index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_index(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn incoming<'a>(document: &Document, json: Cow<'a, str>) -> Result<Incoming<'a>, DocumentError> {
    let facts = Facts::of(document, json.len()).ok_or_else(|| DocumentError {
        id: Some(document.id()),
        code: ErrorCode::MissingTraceId,
        detail: "no trace_id".to_owned(),
    })?;
    Ok(Incoming { facts, json })
}

/// Takes one document into the database and the index.
fn take(
    connection: &Connection,
    index: &mut Index,
    document: &Incoming<'_>,
    received: Timestamp,
) -> rusqlite::Result<Taken> {
    let facts = &document.facts;
    match index.decide(facts) {
        Decision::Write { replaces, revision } => {
            let sequence = write_document(
                connection,
                facts,
                &document.json,
                replaces,
                revision,
                received,
            )?;
            index.insert(sequence, revision, facts, received);
            Ok(Ok(()))
        }
        Decision::Late => Ok(Ok(())),
        Decision::TraceTooLarge => {
            write_limit_exceeded(connection, facts.trace_id)?;
            index.set_limit_exceeded(facts.trace_id);
            Ok(Err(DocumentError {
                id: Some(facts.id),
                code: ErrorCode::InvalidSegment,
                detail: TRACE_SIZE_EXCEEDED.to_owned(),
            }))
        }
    }
}

/// How far a connection has looked: SQLite's count of the changes that others committed.
#[derive(Debug)]
struct Seen(AtomicI64);

/// No count that SQLite gives.
const NOTHING: i64 = -1;

impl Default for Seen {
    fn default() -> Self {
        Self(NOTHING.into())
    }
}

impl Seen {
    /// Whether another connection has committed since the last time that this was asked.
    fn is_behind(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        Ok(self.0.swap(version, Ordering::Relaxed) != version)
    }

    fn forget(&self) {
        self.0.store(NOTHING, Ordering::Relaxed);
    }
}
