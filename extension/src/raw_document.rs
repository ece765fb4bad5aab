use std::sync::Arc;

use xray_document::{SegmentId, TraceId};

/// A document as it was received, with the fields that the stages need. A clone shares the
/// text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Together with `id`, identifies the document in X-Ray.
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) id: SegmentId,
    /// True if a complete version, which replaces this one, will follow.
    pub(crate) in_progress: bool,
    pub(crate) json: Arc<str>,
}

impl RawDocument {
    pub(crate) fn new(
        trace_id: Option<TraceId>,
        id: SegmentId,
        in_progress: bool,
        json: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            trace_id,
            id,
            in_progress,
            json: json.into(),
        }
    }

    /// The memory that the document takes, in bytes, including this struct.
    pub(crate) fn bytes(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }
}
