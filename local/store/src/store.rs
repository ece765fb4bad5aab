use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, TransactionBehavior};
use xray_document::{Document, DocumentError, ErrorCode, Timestamp, TraceId};

use crate::compile::compile;
use crate::contract::{
    PutResult, SummaryPage, SummaryQuery, TRACE_SIZE_EXCEEDED, Trace, TraceSummary,
};
use crate::database::{
    DataVersion, Database, load_new_documents, read_body, write_document, write_limit_exceeded,
    write_telemetry,
};
use crate::error::StoreError;
use crate::fields::DocumentFields;
use crate::index::{Decision, Index};
use crate::summary::summarize;

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
    writer_version: DataVersion,
    reader_version: DataVersion,
}

/// A document that may be taken.
struct IncomingDocument<'a> {
    fields: DocumentFields,
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
        Self::new(Database::open(directory)?)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// No memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::new(Database::in_memory()?)
    }

    fn new(database: Database) -> Result<Self, StoreError> {
        let store = Self {
            database,
            index: RwLock::default(),
            writer_version: DataVersion::default(),
            reader_version: DataVersion::default(),
        };
        store.refresh_index()?;
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
    pub fn put_json(&self, documents: &[&str]) -> Result<Vec<PutResult>, StoreError> {
        let incoming = documents.iter().map(|&json| {
            let document = Document::parse(json)?;
            validate(&document, Cow::Borrowed(json))
        });
        self.write(incoming.collect())
    }

    /// Like [`put_json`](Self::put_json), for documents of our own.
    ///
    /// # Errors
    /// As [`put_json`](Self::put_json).
    pub fn put(&self, documents: &[Document]) -> Result<Vec<PutResult>, StoreError> {
        let incoming = documents.iter().map(|document| {
            let json = document.to_json()?;
            validate(document, Cow::Owned(json))
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
        self.refresh_index()?;
        let mut traces = Vec::with_capacity(ids.len());
        for &id in ids {
            traces.extend(self.load_trace(id)?.map(|(trace, _)| trace));
        }
        Ok(traces)
    }

    /// One page of traces, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn summaries(&self, query: &SummaryQuery) -> Result<SummaryPage, StoreError> {
        self.refresh_index()?;
        let page = self.index_for_reading().page(query);
        let mut summaries = Vec::with_capacity(page.ids.len());
        for id in page.ids {
            summaries.extend(self.load_summary(id)?);
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
        self.refresh_index()?;
        self.load_summary(id)
    }

    /// The summary that was derived from the trace's present revision, or a new one.
    fn load_summary(&self, id: TraceId) -> Result<Option<TraceSummary>, StoreError> {
        let cached = self
            .index_for_reading()
            .get(id)
            .and_then(|trace| trace.summary.clone());
        if let Some(summary) = cached {
            return Ok(Some(TraceSummary::clone(&summary)));
        }
        let Some((trace, revision)) = self.load_trace(id)? else {
            return Ok(None);
        };
        let summary = Arc::new(summarize(&trace, revision));
        self.index_for_writing().cache_summary(&summary);
        Ok(Some(Arc::unwrap_or_clone(summary)))
    }

    /// One trace, compiled, and the revision that it is of.
    fn load_trace(&self, id: TraceId) -> Result<Option<(Trace, u64)>, StoreError> {
        for attempt in 1..=READ_ATTEMPTS {
            let Some((sequences, revision, limit_exceeded)) =
                self.index_for_reading().get(id).map(|t| {
                    let sequences: Vec<i64> = t.documents.iter().map(|d| d.sequence).collect();
                    (sequences, t.revision, t.limit_exceeded)
                })
            else {
                return Ok(None);
            };
            let bodies = self.read_bodies(&sequences)?;
            if bodies.len() < sequences.len() && attempt < READ_ATTEMPTS {
                // Replaced since the index was read, here or by another process.
                self.refresh_index()?;
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

    fn read_bodies(&self, sequences: &[i64]) -> Result<Vec<String>, StoreError> {
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
        incoming: Vec<Result<IncomingDocument<'_>, DocumentError>>,
    ) -> Result<Vec<PutResult>, StoreError> {
        if incoming.iter().all(Result::is_err) {
            return Ok(incoming
                .into_iter()
                .map(|incoming| incoming.map(|_| ()))
                .collect());
        }
        let mut connection = self.database.writer();
        let written = self.write_in_transaction(&mut connection, incoming);
        if written.is_err() {
            // The index may hold what was rolled back: it is read anew at the next look.
            *self.index_for_writing() = Index::default();
            self.writer_version.reset();
            self.reader_version.reset();
        }
        written.map_err(|source| self.database.write_error(source))
    }

    fn write_in_transaction(
        &self,
        connection: &mut Connection,
        incoming: Vec<Result<IncomingDocument<'_>, DocumentError>>,
    ) -> rusqlite::Result<Vec<PutResult>> {
        let received = Timestamp::now();
        // The lock is taken at once, so that nobody writes between the look and the write.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Only now: another process may have been waited for, and readers are not to wait.
        let mut index = self.index_for_writing();
        if self.writer_version.has_changed(&transaction)? {
            load_new_documents(&transaction, &mut index)?;
        }
        let mut results = Vec::with_capacity(incoming.len());
        for document in incoming {
            results.push(match document {
                Ok(document) => put_document(&transaction, &mut index, &document, received)?,
                Err(error) => Err(error),
            });
        }
        transaction.commit()?;
        Ok(results)
    }

    /// Takes in what other processes wrote. (What this one wrote is in the index already:
    /// then there is no news, and the look costs little.)
    fn refresh_index(&self) -> Result<(), StoreError> {
        let connection = self.database.reader();
        let load = || {
            if self.reader_version.has_changed(&connection)? {
                load_new_documents(&connection, &mut self.index_for_writing())?;
            }
            Ok(())
        };
        load().map_err(|source| {
            self.reader_version.reset();
            self.database.read_error(source)
        })
    }

    fn index_for_reading(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_for_writing(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn validate<'a>(
    document: &Document,
    json: Cow<'a, str>,
) -> Result<IncomingDocument<'a>, DocumentError> {
    let fields = DocumentFields::new(document, json.len()).ok_or_else(|| DocumentError {
        id: Some(document.id()),
        code: ErrorCode::MissingTraceId,
        detail: "no trace_id".to_owned(),
    })?;
    Ok(IncomingDocument { fields, json })
}

/// Takes one document into the database and the index.
fn put_document(
    connection: &Connection,
    index: &mut Index,
    document: &IncomingDocument<'_>,
    received: Timestamp,
) -> rusqlite::Result<PutResult> {
    let fields = &document.fields;
    match index.decide(fields) {
        Decision::Write { replaces, revision } => {
            let sequence = write_document(
                connection,
                fields,
                &document.json,
                replaces,
                revision,
                received,
            )?;
            index.insert(sequence, revision, fields, received);
            Ok(Ok(()))
        }
        Decision::Stale => Ok(Ok(())),
        Decision::TraceTooLarge => {
            write_limit_exceeded(connection, fields.trace_id)?;
            index.set_limit_exceeded(fields.trace_id);
            Ok(Err(DocumentError {
                id: Some(fields.id),
                code: ErrorCode::InvalidSegment,
                detail: TRACE_SIZE_EXCEEDED.to_owned(),
            }))
        }
    }
}
