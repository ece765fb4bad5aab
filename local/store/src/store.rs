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

/// Maximum number of attempts to read a trace whose documents are replaced in the meantime.
const READ_ATTEMPTS: usize = 4;

/// The traces of one data directory.
///
/// It is `Send` and `Sync`; share it in an [`Arc`]. Calls block on the disk, usually for
/// about a millisecond. A write waits up to 10 s while another process writes.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// Lock order: the database first, then the index.
    index: RwLock<Index>,
    /// The database version that each connection last saw.
    writer_version: DataVersion,
    reader_version: DataVersion,
}

/// A valid document, before the size of its trace is checked.
struct IncomingDocument<'a> {
    fields: DocumentFields,
    json: Cow<'a, str>,
}

impl Store {
    /// Opens the database `traces.sqlite` in `directory`. It creates the directory and
    /// the file if they are missing, both readable by their owner only (0700 and 0600), and
    /// restricts them if they exist. A directory that holds other files keeps its mode.
    ///
    /// Opening removes traces whose last document arrived more than 30 days ago
    /// ([`RETENTION_SECONDS`](xray_document::limits::RETENTION_SECONDS)). Other processes
    /// may have the same directory open. While one of them writes, the removal waits up to
    /// 10 s; after that, the next opening removes the traces.
    ///
    /// # Errors
    /// The directory cannot be created or read, the file cannot be opened or is not a database,
    /// or a newer version of `xray-local` created it. The message names the path.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::new(Database::open(directory)?)
    }

    /// Creates a store in memory, without a file. Its traces are lost when it is dropped.
    ///
    /// # Errors
    /// SQLite cannot allocate the database.
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

    /// Stores documents as `PutTraceSegments` does: unchanged, in one transaction. Returns
    /// one result for each document, in the same order.
    ///
    /// A document replaces an earlier one with the same id. Only an in-progress document
    /// does not replace a complete one; it is accepted and ignored (X-Ray Developer Guide,
    /// "in-progress segments").
    ///
    /// A document is rejected if it is invalid ([`Document::parse`]), or if its trace
    /// would grow beyond [`MAX_TRACE_BYTES`](xray_document::limits::MAX_TRACE_BYTES)
    /// ([`TRACE_SIZE_EXCEEDED`]).
    ///
    /// # Errors
    /// The database cannot be written, for example because the disk is full. Then no
    /// document is stored.
    pub fn put_json(&self, documents: &[&str]) -> Result<Vec<PutResult>, StoreError> {
        let incoming = documents.iter().map(|&json| {
            let document = Document::parse(json)?;
            validate(&document, Cow::Borrowed(json))
        });
        self.write(incoming.collect())
    }

    /// Stores documents that the caller has built, by the rules of
    /// [`put_json`](Self::put_json). A document that [`Document::to_json`] cannot write is
    /// rejected.
    ///
    /// # Errors
    /// The same as for [`put_json`](Self::put_json).
    pub fn put(&self, documents: &[Document]) -> Result<Vec<PutResult>, StoreError> {
        let incoming = documents.iter().map(|document| {
            let json = document.to_json()?;
            validate(document, Cow::Owned(json))
        });
        self.write(incoming.collect())
    }

    /// Stores one record of `PutTelemetryRecords`, unchanged.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_telemetry(&self, record_json: &str) -> Result<(), StoreError> {
        write_telemetry(&self.database.writer(), record_json, Timestamp::now())
            .map_err(|source| self.database.write_error(source))
    }

    /// Compiles the traces with these ids, in the order of `ids`. Unknown ids are left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn traces(&self, ids: &[TraceId]) -> Result<Vec<Trace>, StoreError> {
        self.refresh_index()?;
        let mut traces = Vec::with_capacity(ids.len());
        for &id in ids {
            traces.extend(self.load_trace(id)?.map(|(trace, _)| trace));
        }
        Ok(traces)
    }

    /// Returns the summaries of one page of traces, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
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

    /// Returns the summary of one trace; `None` if the store does not have the trace.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn summary(&self, id: TraceId) -> Result<Option<TraceSummary>, StoreError> {
        self.refresh_index()?;
        self.load_summary(id)
    }

    /// Returns the cached summary if it is current, else derives it.
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

    /// Compiles one trace. Also returns the revision that was compiled.
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
                // A document was replaced after the index was read.
                self.refresh_index()?;
                continue;
            }
            // Another process has purged the trace.
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
            // The index may contain documents that were rolled back; rebuild it.
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
        // Lock at once: no process may write between our read and our write.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Lock the index only now, so that readers do not wait for another process.
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

    /// Adds documents of other processes to the index. A write by this process also
    /// changes the reader's version; the query then finds nothing new.
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
        detail: "trace_id is missing".to_owned(),
    })?;
    Ok(IncomingDocument { fields, json })
}

/// Writes one document to the database and the index, unless a rule forbids it.
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
