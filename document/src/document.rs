use crate::error::{DocumentError, ErrorCode};
use crate::head::{DocumentHead, excerpt};
use crate::ids::{SegmentId, TraceId};
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_LINKS_PER_SEGMENT};
use crate::name::is_name;
use crate::segment::{Kind, Segment, Subsegment};

/// What one `PutTraceSegments` string or one datagram holds.
#[derive(Debug, Clone)]
pub enum Document {
    Segment(Box<Segment>),
    /// A subsegment on its own: `type` is `subsegment`, with `trace_id` and `parent_id`.
    Subsegment(Box<Subsegment>),
}

impl Document {
    /// Reads one document.
    ///
    /// # Errors
    /// What X-Ray would leave unprocessed: not JSON, over [`MAX_DOCUMENT_BYTES`], a
    /// mandatory field that is missing or malformed.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let head = DocumentHead::parse(json)?;
        let refuse = |code, detail| DocumentError {
            id: Some(head.id),
            code,
            detail,
        };
        let read = if head.is_subsegment {
            serde_json::from_str(json).map(Self::Subsegment)
        } else {
            serde_json::from_str(json).map(Self::Segment)
        };
        let read = read.map_err(|error| refuse(ErrorCode::InvalidSegment, error.to_string()))?;
        if !is_name(read.name()) {
            return Err(refuse(ErrorCode::InvalidName, excerpt(read.name())));
        }
        Ok(read)
    }

    pub fn id(&self) -> SegmentId {
        match self {
            Self::Segment(segment) => segment.id,
            Self::Subsegment(subsegment) => subsegment.id,
        }
    }

    /// The trace; every document that [`parse`](Self::parse) took has one.
    pub fn trace_id(&self) -> Option<TraceId> {
        match self {
            Self::Segment(segment) => Some(segment.trace_id),
            Self::Subsegment(subsegment) => subsegment.trace_id,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Segment(segment) => &segment.name,
            Self::Subsegment(subsegment) => &subsegment.name,
        }
    }

    /// Writes the document as X-Ray takes it: names and annotation keys made valid,
    /// exactly one of `end_time` and `in_progress`, `links` within their limit.
    ///
    /// # Errors
    /// [`ErrorCode::SegmentTooLarge`] over [`MAX_DOCUMENT_BYTES`];
    /// [`ErrorCode::MissingTraceId`] and [`ErrorCode::MissingParentId`] for a lone
    /// subsegment without them.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        let refuse = |code, detail: String| DocumentError {
            id: Some(self.id()),
            code,
            detail,
        };
        let mut strict = self.clone();
        match &mut strict {
            Self::Segment(segment) => {
                segment.make_strict();
                segment.links.truncate(MAX_LINKS_PER_SEGMENT);
            }
            Self::Subsegment(subsegment) => {
                if subsegment.trace_id.is_none() {
                    return Err(refuse(ErrorCode::MissingTraceId, "no trace_id".to_owned()));
                }
                if subsegment.parent_id.is_none() {
                    return Err(refuse(
                        ErrorCode::MissingParentId,
                        "no parent_id".to_owned(),
                    ));
                }
                subsegment.kind = Some(Kind::Subsegment);
                subsegment.make_strict();
            }
        }
        let json = match &strict {
            Self::Segment(segment) => serde_json::to_string(segment),
            Self::Subsegment(subsegment) => serde_json::to_string(subsegment),
        };
        let json = json.map_err(|error| refuse(ErrorCode::InvalidSegment, error.to_string()))?;
        if json.len() > MAX_DOCUMENT_BYTES {
            let detail = format!("{} bytes, the limit is {MAX_DOCUMENT_BYTES}", json.len());
            return Err(refuse(ErrorCode::SegmentTooLarge, detail));
        }
        Ok(json)
    }
}
