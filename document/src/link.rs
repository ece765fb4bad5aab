use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::annotations::AnnotationValue;
use crate::ids::{SegmentId, TraceId};
use crate::tolerant;

/// Link to another trace that led to this segment, for example to the producer of a message
/// (OpenTelemetry's X-Ray exporter). A segment has up to
/// [`MAX_LINKS_PER_SEGMENT`](crate::limits::MAX_LINKS_PER_SEGMENT).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    /// The other trace.
    pub trace_id: TraceId,
    /// The segment or subsegment in the other trace.
    pub id: SegmentId,
    /// Properties of the link. Values of other types than annotations have are left out.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "tolerant::entries"
    )]
    pub attributes: BTreeMap<String, AnnotationValue>,
}
