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
        let (is_segment, start, end, subsegments) = match document {
            Document::Segment(segment) => (
                true,
                segment.start_time,
                segment.end_time,
                &segment.subsegments,
            ),
            Document::Subsegment(subsegment) => (
                false,
                subsegment.start_time,
                subsegment.end_time,
                &subsegment.subsegments,
            ),
        };
        let own = end.unwrap_or(start).max(start);
        let latest = own.max(latest_time(subsegments));
        Some(Self {
            trace_id,
            id,
            is_segment,
            start,
            end,
            latest,
            bytes,
        })
    }
}

/// The latest time in the trees of `subsegments`.
pub(crate) fn latest_time(subsegments: &[Subsegment]) -> Timestamp {
    let times = subsegments.iter().map(|subsegment| {
        let own = subsegment.end_time.unwrap_or(subsegment.start_time);
        own.max(latest_time(&subsegment.subsegments))
    });
    times.max().unwrap_or(Timestamp::from_micros(i64::MIN))
}
