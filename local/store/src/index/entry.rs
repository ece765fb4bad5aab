use std::sync::Arc;

use xray_document::{SegmentId, Timestamp, TraceId};

use crate::facts::Facts;
use crate::{SummaryQuery, TimeRange, TraceSummary};

const SECOND: i64 = 1_000_000;

/// How far the time in a trace's id may be from the trace's start and still be meant as a
/// time. An id that was made from a W3C one begins with 32 random bits. The bounds are
/// those within which AWS's OpenTelemetry exporter takes an id for X-Ray's own
/// (opentelemetry-collector-contrib, awsxrayexporter: 28 days back, 5 minutes ahead).
const MAX_ID_BEFORE_START: i64 = 28 * 24 * 60 * 60 * SECOND;
const MAX_ID_AFTER_START: i64 = 5 * 60 * SECOND;

/// What the index holds of a trace.
#[derive(Debug)]
pub(crate) struct TraceEntry {
    id: TraceId,
    /// When the trace is said to be; `None` before its first document.
    pub(crate) time: Option<Timestamp>,
    start: Timestamp,
    latest: Timestamp,
    /// Of all its documents.
    pub(crate) bytes: usize,
    /// Grows with each document that is taken.
    pub(crate) revision: u64,
    pub(crate) limit_exceeded: bool,
    pub(crate) documents: Vec<DocumentEntry>,
    /// Derived from this revision.
    pub(crate) summary: Option<Arc<TraceSummary>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentEntry {
    pub(crate) sequence: i64,
    pub(crate) id: SegmentId,
    segment: bool,
    start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    latest: Timestamp,
    pub(crate) bytes: usize,
}

impl DocumentEntry {
    pub(crate) fn new(sequence: i64, facts: &Facts) -> Self {
        let &Facts {
            id,
            segment,
            start,
            end,
            latest,
            bytes,
            ..
        } = facts;
        Self {
            sequence,
            id,
            segment,
            start,
            end,
            latest,
            bytes,
        }
    }
}

impl TraceEntry {
    pub(crate) fn new(id: TraceId) -> Self {
        Self {
            id,
            time: None,
            start: Timestamp::default(),
            latest: Timestamp::default(),
            bytes: 0,
            revision: 0,
            limit_exceeded: false,
            documents: Vec::new(),
            summary: None,
        }
    }

    pub(crate) fn document(&self, id: SegmentId) -> Option<&DocumentEntry> {
        self.documents.iter().find(|document| document.id == id)
    }

    /// Takes in a document, in place of the one with its id.
    pub(crate) fn insert(&mut self, document: DocumentEntry, revision: u64) {
        self.revision = self.revision.max(revision);
        let present = self
            .documents
            .iter_mut()
            .find(|present| present.id == document.id);
        match present {
            Some(present) => *present = document,
            None => self.documents.push(document),
        }
        let documents = || self.documents.iter();
        let start = documents().map(|d| d.start).min().unwrap_or_default();
        self.latest = documents().map(|d| d.latest).max().unwrap_or_default();
        self.bytes = documents().map(|d| d.bytes).sum();
        self.start = start;
        self.time = Some(time(self.id, start));
    }

    /// Whether the trace is in the query's window, as its range has it.
    pub(crate) fn is_in(&self, query: &SummaryQuery) -> bool {
        let window = query.start..query.end;
        match query.range {
            TimeRange::TraceId => self.time.is_some_and(|time| window.contains(&time)),
            TimeRange::Event => self.start < window.end && self.latest >= window.start,
            TimeRange::Service => {
                let segments = self.documents.iter().filter(|document| document.segment);
                segments
                    .filter_map(|segment| segment.end)
                    .any(|end| window.contains(&end))
            }
        }
    }
}

/// The time of a trace: the second in its id, made finer by its earliest start within that
/// second; or its earliest start alone, where the id holds no time.
fn time(id: TraceId, start: Timestamp) -> Timestamp {
    let second = i64::from(id.epoch_seconds()) * SECOND;
    let start = start.as_micros();
    if second < start.saturating_sub(MAX_ID_BEFORE_START)
        || second > start.saturating_add(MAX_ID_AFTER_START)
    {
        return Timestamp::from_micros(start);
    }
    Timestamp::from_micros(start.clamp(second, second + SECOND - 1))
}
