use xray_document::{Document, SegmentId, Subsegment, Timestamp, TraceId};

/// What is derived from a document once, when it is taken: its columns in the database
/// and its entry in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentFields {
    pub(crate) trace_id: TraceId,
    pub(crate) id: SegmentId,
    /// A segment; else a subsegment that travelled alone.
    pub(crate) is_segment: bool,
    pub(crate) start: Timestamp,
    /// None while in progress.
    pub(crate) end: Option<Timestamp>,
    /// The latest time that the document names, those of its subsegments included.
    pub(crate) latest: Timestamp,
    /// Of the JSON as received.
    pub(crate) bytes: usize,
}

impl DocumentFields {
    /// `None` for a document without a trace id, which [`Document::parse`] never gives.
    pub(crate) fn new(document: &Document, bytes: usize) -> Option<Self> {
        let trace_id = document.trace_id()?;
        let id = document.id();
        let (is_segment, end) = match document {
            Document::Segment(segment) => (true, segment.end_time),
            Document::Subsegment(subsegment) => (false, subsegment.end_time),
        };
        Some(Self {
            trace_id,
            id,
            is_segment,
            start: start_time(document),
            end,
            latest: latest_time(document),
            bytes,
        })
    }
}

pub(crate) fn start_time(document: &Document) -> Timestamp {
    match document {
        Document::Segment(segment) => segment.start_time,
        Document::Subsegment(subsegment) => subsegment.start_time,
    }
}

/// The latest time in a document: its start or end, or that of a subsegment inside it.
pub(crate) fn latest_time(document: &Document) -> Timestamp {
    let (start, end, subsegments) = match document {
        Document::Segment(s) => (s.start_time, s.end_time, &s.subsegments),
        Document::Subsegment(s) => (s.start_time, s.end_time, &s.subsegments),
    };
    let own = end.unwrap_or(start).max(start);
    own.max(latest_in(subsegments))
}

/// The latest time in the trees of `subsegments`.
fn latest_in(subsegments: &[Subsegment]) -> Timestamp {
    let times = subsegments.iter().map(|subsegment| {
        let own = subsegment.end_time.unwrap_or(subsegment.start_time);
        own.max(latest_in(&subsegment.subsegments))
    });
    times.max().unwrap_or(Timestamp::from_micros(i64::MIN))
}
