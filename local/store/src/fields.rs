use xray_document::{Document, SegmentId, Subsegment, Timestamp, TraceId};

/// The fields of a document that the store indexes, read once on arrival. They are the
/// columns of the document's row and the content of its index entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentFields {
    pub(crate) trace_id: TraceId,
    pub(crate) id: SegmentId,
    /// `false` for an independent subsegment.
    pub(crate) is_segment: bool,
    pub(crate) start: Timestamp,
    /// `None` while the document is in progress.
    pub(crate) end: Option<Timestamp>,
    /// See [`latest_time`].
    pub(crate) latest: Timestamp,
    /// The size of the JSON as received.
    pub(crate) bytes: usize,
}

impl DocumentFields {
    /// Returns `None` if the document has no trace id. [`Document::parse`] rejects such
    /// documents; one that a program built may lack the id.
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

fn latest_in(subsegments: &[Subsegment]) -> Timestamp {
    let times = subsegments.iter().map(|subsegment| {
        let own = subsegment.end_time.unwrap_or(subsegment.start_time);
        own.max(latest_in(&subsegment.subsegments))
    });
    times.max().unwrap_or(Timestamp::from_micros(i64::MIN))
}
