//! The search index in memory: every trace, ordered by time.

mod entry;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use xray_document::limits::MAX_TRACE_BYTES;
use xray_document::{Timestamp, TraceId};

pub(crate) use entry::{DocumentEntry, TraceEntry};

use crate::contract::{PageToken, SummaryQuery, TimeRange, TraceSummary};
use crate::fields::DocumentFields;

/// Maximum number of cached summaries, of one to two kilobytes each. A full cache is cleared,
/// and fills again on demand.
const MAX_CACHED_SUMMARIES: usize = 50_000;

/// Every trace of the data directory.
#[derive(Debug, Default)]
pub(crate) struct Index {
    traces: HashMap<TraceId, TraceEntry>,
    by_time: BTreeSet<(Timestamp, TraceId)>,
    /// The highest sequence number of a loaded or written document.
    pub(crate) last_sequence: i64,
    cached_summaries: usize,
}

/// The decision on an incoming document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Write the document, and delete the one with the sequence number `replaces`.
    Write {
        replaces: Option<i64>,
        revision: u64,
    },
    /// Ignore the document: it is in progress, and the complete one has arrived before.
    Stale,
    /// Reject the document: its trace would grow beyond [`MAX_TRACE_BYTES`].
    TraceTooLarge,
}

/// One page of traces, without their summaries.
#[derive(Debug)]
pub(crate) struct IndexPage {
    pub(crate) ids: Vec<TraceId>,
    pub(crate) processed: u64,
    pub(crate) next: Option<PageToken>,
}

impl Index {
    pub(crate) fn get(&self, id: TraceId) -> Option<&TraceEntry> {
        self.traces.get(&id)
    }

    /// Decides whether to write a document. A complete document replaces any document with
    /// its id; an in-progress one replaces only an in-progress one (X-Ray Developer Guide,
    /// "in-progress segments").
    pub(crate) fn decide(&self, fields: &DocumentFields) -> Decision {
        let Some(trace) = self.traces.get(&fields.trace_id) else {
            return Decision::Write {
                replaces: None,
                revision: 1,
            };
        };
        let present = trace.document(fields.id);
        if present.is_some_and(|present| present.end.is_some()) && fields.end.is_none() {
            return Decision::Stale;
        }
        let freed = present.map_or(0, |present| present.bytes);
        if trace.bytes - freed + fields.bytes > MAX_TRACE_BYTES {
            return Decision::TraceTooLarge;
        }
        let replaces = present.map(|present| present.sequence);
        Decision::Write {
            replaces,
            revision: trace.revision + 1,
        }
    }

    /// Adds a document that is in the database.
    pub(crate) fn insert(
        &mut self,
        sequence: i64,
        revision: u64,
        fields: &DocumentFields,
        received: Timestamp,
    ) {
        self.last_sequence = self.last_sequence.max(sequence);
        let id = fields.trace_id;
        let trace = self.traces.entry(id).or_insert_with(|| TraceEntry::new(id));
        let before = trace.time;
        trace.insert(DocumentEntry::new(sequence, fields, received), revision);
        self.cached_summaries -= usize::from(trace.summary.take().is_some());
        let after = trace.time;
        if before != after {
            if let Some(before) = before {
                self.by_time.remove(&(before, id));
            }
            self.by_time.extend(after.map(|after| (after, id)));
        }
    }

    pub(crate) fn set_limit_exceeded(&mut self, id: TraceId) {
        if let Some(trace) = self.traces.get_mut(&id) {
            trace.limit_exceeded = true;
        }
    }

    /// Returns the traces that match `query`, newest first.
    pub(crate) fn page(&self, query: &SummaryQuery) -> IndexPage {
        let mut page = IndexPage {
            ids: Vec::new(),
            processed: 0,
            next: None,
        };
        if query.start >= query.end {
            return page;
        }
        let first = TraceId::from_u128(0);
        // The set is ordered by the time of `TimeRange::TraceId`. For the other ranges every
        // trace must be examined.
        let (from, mut to) = match query.range {
            TimeRange::TraceId => (
                Bound::Included((query.start, first)),
                Bound::Excluded((query.end, first)),
            ),
            TimeRange::Event | TimeRange::Service => (Bound::Unbounded, Bound::Unbounded),
        };
        if let Some(after) = query.after {
            if query.range == TimeRange::TraceId && after.time < query.start {
                return page;
            }
            let end = (after.time, after.id);
            to = match to {
                Bound::Excluded(to) => Bound::Excluded(to.min(end)),
                _ => Bound::Excluded(end),
            };
        }
        let mut last = None;
        for &(time, id) in self.by_time.range((from, to)).rev() {
            let matches = self
                .traces
                .get(&id)
                .is_some_and(|trace| trace.matches(query));
            if matches && page.ids.len() == query.limit.max(1) {
                page.next = last;
                break;
            }
            page.processed += 1;
            if matches {
                page.ids.push(id);
                last = Some(PageToken { time, id });
            }
        }
        page
    }

    /// Caches a summary, unless the trace has changed since it was derived.
    pub(crate) fn cache_summary(&mut self, summary: &Arc<TraceSummary>) {
        if self.cached_summaries >= MAX_CACHED_SUMMARIES {
            self.traces
                .values_mut()
                .for_each(|trace| trace.summary = None);
            self.cached_summaries = 0;
        }
        let Some(trace) = self.traces.get_mut(&summary.id) else {
            return;
        };
        if trace.revision == summary.revision {
            self.cached_summaries += usize::from(trace.summary.is_none());
            trace.summary = Some(Arc::clone(summary));
        }
    }
}
