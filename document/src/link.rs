use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::annotations::AnnotationValue;
use crate::ids::{SegmentId, TraceId};
use crate::tolerant;

/// Another trace that led to this segment, such as the producer of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Link {
    pub trace_id: TraceId,
    pub id: SegmentId,
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "tolerant::entries"
    )]
    pub attributes: BTreeMap<String, AnnotationValue>,
}
