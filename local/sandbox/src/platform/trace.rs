use xray_document::{SegmentId, TraceHeader, TraceId};

use super::telemetry::Tracing;

/// The trace of an invocation whose segments the platform sends: `Active` and sampled.
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
    /// `tracing` of telemetry: its span is the function segment, its header's parent
    /// the service segment.
    pub(crate) fn telemetry(&self) -> Tracing {
        let value = TraceHeader {
            parent: Some(self.service),
            ..self.header.clone()
        };
        Tracing {
            span_id: self.function,
            value: value.to_string(),
        }
    }
}
