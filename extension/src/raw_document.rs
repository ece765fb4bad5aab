use std::sync::Arc;

use xray_document::{SegmentId, TraceId};

/// A document on its way through the stages, as it was received. Cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawDocument {
    /// Its trace; X-Ray identifies a document by trace and id.
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) id: SegmentId,
    /// Whether a complete version is to follow, which replaces this one.
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

    /// Bytes of memory: an empty document is not free.
    pub(crate) fn bytes(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }
}
