use xray_document::{SegmentId, TraceHeader, TraceId};

/// The trace of a request whose segments the platform sends: `Active` and sampled.
#[derive(Debug, Clone)]
pub(crate) struct SampledTrace {
    pub(crate) root: TraceId,
    /// The caller's segment or subsegment.
    pub(crate) parent: Option<SegmentId>,
    /// The `AWS::Lambda` segment.
    pub(crate) service: SegmentId,
    /// The `AWS::Lambda::Function` segment.
    pub(crate) function: SegmentId,
    /// The header that the runtime and the extensions receive.
    pub(crate) header: TraceHeader,
}

impl SampledTrace {
    /// The header in the Telemetry API's `tracing`: its parent is the service segment.
    pub(crate) fn telemetry_header(&self) -> TraceHeader {
        TraceHeader {
            parent: Some(self.service),
            ..self.header.clone()
        }
    }
}
