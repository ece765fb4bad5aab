use std::sync::Arc;

use xray_document::limits::RETENTION_SECONDS;
use xray_document::{SegmentId, Timestamp, TraceId};

use crate::contract::{SummaryQuery, TimeRange, TraceSummary};
use crate::fields::DocumentFields;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Maximum gap in microseconds between the time in a trace id and the arrival of the trace. A
/// greater gap means that the id holds no time. X-Ray accepts documents of the last 30 days
/// (X-Ray Developer Guide, "Sending trace data"); we allow a wrong clock the same gap in both
/// directions.
const MAX_ID_ARRIVAL_GAP_MICROS: i64 = RETENTION_SECONDS.cast_signed() * MICROS_PER_SECOND;

/// Maximum gaps in microseconds by which the time in a trace id may lie before or after the
/// start of the trace. Within these limits the id holds a time, even if the trace arrives long
/// after it was recorded. An id made from a W3C one begins with 32 random bits instead.
/// AWS's OpenTelemetry exporter detects X-Ray ids by the same limits, 28 days back and
/// 5 minutes ahead (opentelemetry-collector-contrib, awsxrayexporter).
const MAX_ID_BEFORE_START_MICROS: i64 = 28 * 24 * 60 * 60 * MICROS_PER_SECOND;
const MAX_ID_AFTER_START_MICROS: i64 = 5 * 60 * MICROS_PER_SECOND;

/// The earliest plausible start: 2016-12-01, when X-Ray was announced. A smaller value
/// counts from another origin, such as the boot of the machine, or in another unit.
const EARLIEST_START_MICROS: i64 = 1_480_550_400 * MICROS_PER_SECOND;

/// The index entry of one trace.
#[derive(Debug)]
pub(crate) struct TraceEntry {
    id: TraceId,
    /// See [`trace_time`]; `None` before the first document.
    pub(crate) time: Option<Timestamp>,
    start: Timestamp,
    latest: Timestamp,
    /// The arrival of the first document.
    arrival: Timestamp,
    /// The size of all documents.
    pub(crate) bytes: usize,
    /// Grows with each document that is written.
    pub(crate) revision: u64,
    pub(crate) limit_exceeded: bool,
    pub(crate) documents: Vec<DocumentEntry>,
    /// The cached summary of the current revision.
    pub(crate) summary: Option<Arc<TraceSummary>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentEntry {
    pub(crate) sequence: i64,
    pub(crate) id: SegmentId,
    is_segment: bool,
    start: Timestamp,
    pub(crate) end: Option<Timestamp>,
    latest: Timestamp,
    received: Timestamp,
    pub(crate) bytes: usize,
}

impl DocumentEntry {
    pub(crate) fn new(sequence: i64, fields: &DocumentFields, received: Timestamp) -> Self {
        let &DocumentFields {
            id,
            is_segment,
            start,
            end,
            latest,
            bytes,
            ..
        } = fields;
        Self {
            sequence,
            id,
            is_segment,
            start,
            end,
            latest,
            received,
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
            arrival: Timestamp::default(),
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

    /// Adds a document, or replaces the one with the same id.
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
        self.arrival = documents().map(|d| d.received).min().unwrap_or_default();
        self.start = start;
        self.time = Some(trace_time(self.id, start, self.arrival));
    }

    /// Returns `true` if the trace is in the query's window.
    pub(crate) fn matches(&self, query: &SummaryQuery) -> bool {
        let window = query.start..query.end;
        match query.range {
            TimeRange::TraceId => self.time.is_some_and(|time| window.contains(&time)),
            TimeRange::Event => {
                let active = self.start < window.end && self.latest >= window.start;
                // The times in a document may be wrong. A query for the latest arrivals
                // must find it nevertheless.
                active
                    || self
                        .documents
                        .iter()
                        .any(|document| window.contains(&document.received))
            }
            TimeRange::Service => {
                let segments = self.documents.iter().filter(|document| document.is_segment);
                segments
                    .filter_map(|segment| segment.end)
                    .any(|end| window.contains(&end))
            }
        }
    }
}

/// Returns the time of a trace: its earliest start, clamped to the second in its id. If the
/// id holds no time, it is the earliest start; if that is not plausible, the arrival.
fn trace_time(id: TraceId, start: Timestamp, arrival: Timestamp) -> Timestamp {
    let second = i64::from(id.epoch_seconds()) * MICROS_PER_SECOND;
    let (start, arrival) = (start.as_micros(), arrival.as_micros());
    let is_near = |time: i64, before: i64, after: i64| {
        (time.saturating_sub(before)..=time.saturating_add(after)).contains(&second)
    };
    let time = if is_near(
        arrival,
        MAX_ID_ARRIVAL_GAP_MICROS,
        MAX_ID_ARRIVAL_GAP_MICROS,
    ) || is_near(start, MAX_ID_BEFORE_START_MICROS, MAX_ID_AFTER_START_MICROS)
    {
        start.clamp(second, second + MICROS_PER_SECOND - 1)
    } else if (EARLIEST_START_MICROS..=arrival.saturating_add(MAX_ID_ARRIVAL_GAP_MICROS))
        .contains(&start)
    {
        start
    } else {
        arrival
    };
    Timestamp::from_micros(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_733_337_522;
    const DAY: i64 = 24 * 60 * 60;

    /// The second of a trace that arrived at `NOW`, given the seconds in its id and of its
    /// start.
    fn found_second(id: i64, start: i64) -> i64 {
        let id = TraceId::from_u128(u128::from(id.cast_unsigned()) << 96 | 1);
        let at = |second: i64| Timestamp::from_micros(second.saturating_mul(MICROS_PER_SECOND));
        trace_time(id, at(start), at(NOW))
            .as_micros()
            .div_euclid(MICROS_PER_SECOND)
    }

    #[test]
    fn the_time_in_the_id_wins_over_any_start() {
        for start in [NOW * 1000, -5, 0, NOW - DAY, NOW + DAY, i64::MAX] {
            assert_eq!(found_second(NOW - 3, start), NOW - 3, "{start}");
        }
    }

    #[test]
    fn a_trace_recorded_long_ago_keeps_the_time_in_its_id() {
        assert_eq!(
            found_second(NOW - 700 * DAY, NOW - 700 * DAY),
            NOW - 700 * DAY
        );
    }

    #[test]
    fn without_a_time_in_the_id_the_start_or_else_the_arrival_counts() {
        let no_time = 0xffff_ffff;
        assert_eq!(found_second(no_time, NOW - 2 * DAY), NOW - 2 * DAY);
        for start in [NOW * 1000, -5, 12, NOW * MICROS_PER_SECOND, i64::MAX] {
            assert_eq!(found_second(no_time, start), NOW, "{start}");
        }
    }
}
