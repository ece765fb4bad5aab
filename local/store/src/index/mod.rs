//! What is searched, in memory: every trace by its time.

mod entry;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use xray_document::limits::MAX_TRACE_BYTES;
use xray_document::{Timestamp, TraceId};

pub(crate) use entry::{DocumentEntry, TraceEntry};

use crate::contract::{PageToken, SummaryQuery, TimeRange, TraceSummary};
use crate::fields::DocumentFields;

/// Summaries that are kept once derived; beyond, all are dropped and derived again as
/// they are asked for. At a kilobyte or two each.
const MAX_CACHED_SUMMARIES: usize = 50_000;

/// Every trace of the data directory.
#[derive(Debug, Default)]
pub(crate) struct Index {
    traces: HashMap<TraceId, TraceEntry>,
    by_time: BTreeSet<(Timestamp, TraceId)>,
    /// Sequence of the last document that was loaded or written.
    pub(crate) last_sequence: i64,
    cached_summaries: usize,
}

/// What becomes of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// To be written, in place of the document with this sequence.
    Write {
        replaces: Option<i64>,
        revision: u64,
    },
    /// In progress, where the complete one has come already.
    Stale,
    /// The trace would grow over [`MAX_TRACE_BYTES`].
    TraceTooLarge,
}

/// One page of traces, not yet summarized.
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

    /// The rule for a document of a trace: a complete one replaces any with its id, one in
    /// progress replaces one in progress (X-Ray Developer Guide, "in-progress segments").
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

    /// Takes in a document that is in the database.
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

    /// The traces that `query` wants, newest first.
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
        // Only the time in the id bounds the search; the other ranges look at every trace.
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
            let wanted = self
                .traces
                .get(&id)
                .is_some_and(|trace| trace.matches(query));
            if wanted && page.ids.len() == query.limit.max(1) {
                page.next = last;
                break;
            }
            page.processed += 1;
            if wanted {
                page.ids.push(id);
                last = Some(PageToken { time, id });
            }
        }
        page
    }

    /// Keeps a summary, unless the trace has changed since it was derived.
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
