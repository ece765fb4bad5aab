use crate::error::{DocumentError, ErrorCode, excerpt};
use crate::head::DocumentHead;
use crate::ids::{SegmentId, TraceId};
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_LINKS_PER_SEGMENT};
use crate::name::is_name;
use crate::segment::{Kind, Segment, Subsegment};

/// One document: a segment with its embedded subsegments, or an independent subsegment. A
/// datagram and a string of `PutTraceSegments` contain one each (X-Ray Developer Guide,
/// segment documents).
#[derive(Debug, Clone)]
pub enum Document {
    /// A segment, complete or in progress.
    Segment(Box<Segment>),
    /// An independent subsegment, sent on its own: `type` is `subsegment`, and `trace_id` and
    /// `parent_id` are mandatory.
    Subsegment(Box<Subsegment>),
}

impl Document {
    /// Reads one document.
    ///
    /// # Errors
    /// The text is not a JSON object or has more than [`MAX_DOCUMENT_BYTES`]; a mandatory field
    /// is missing or malformed, also in an embedded subsegment; `subsegments` is not an array;
    /// or subsegments are nested deeper than about 60 levels, because `serde_json` limits its
    /// recursion. Any other malformed field is left out and is not an error.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let head = DocumentHead::parse(json)?;
        let error = |code, detail| DocumentError {
            id: Some(head.id),
            code,
            detail,
        };
        let document: Self = if head.is_subsegment {
            serde_json::from_str(json).map(Self::Subsegment)
        } else {
            serde_json::from_str(json).map(Self::Segment)
        }
        .map_err(|cause| error(ErrorCode::InvalidSegment, cause.to_string()))?;
        if !is_name(document.name()) {
            return Err(error(ErrorCode::InvalidName, excerpt(document.name())));
        }
        Ok(document)
    }

    /// Id of the segment or subsegment.
    pub fn id(&self) -> SegmentId {
        match self {
            Self::Segment(segment) => segment.id,
            Self::Subsegment(subsegment) => subsegment.id,
        }
    }

    /// Id of the trace. Every document that [`parse`](Self::parse) returns has one; a new
    /// subsegment has none until it is set.
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

    /// Writes the document as X-Ray accepts it (X-Ray Developer Guide, segment documents):
    /// invalid characters of names are replaced ([`sanitize_name`](crate::sanitize_name)),
    /// annotations with invalid keys are left out, exactly one of `end_time` and `in_progress`
    /// is written, and links beyond [`MAX_LINKS_PER_SEGMENT`] are left out.
    ///
    /// # Errors
    /// [`ErrorCode::SegmentTooLarge`] if the document has more than [`MAX_DOCUMENT_BYTES`];
    /// [`ErrorCode::MissingTraceId`] or [`ErrorCode::MissingParentId`] if an independent
    /// subsegment lacks one of them.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        let error = |code, detail: String| DocumentError {
            id: Some(self.id()),
            code,
            detail,
        };
        let mut valid = self.clone();
        match &mut valid {
            Self::Segment(segment) => {
                segment.make_valid();
                segment.links.truncate(MAX_LINKS_PER_SEGMENT);
            }
            Self::Subsegment(subsegment) => {
                if subsegment.trace_id.is_none() {
                    let detail = "trace_id is missing".to_owned();
                    return Err(error(ErrorCode::MissingTraceId, detail));
                }
                if subsegment.parent_id.is_none() {
                    let detail = "parent_id is missing".to_owned();
                    return Err(error(ErrorCode::MissingParentId, detail));
                }
                subsegment.kind = Some(Kind::Subsegment);
                subsegment.make_valid();
            }
        }
        let json = match &valid {
            Self::Segment(segment) => serde_json::to_string(segment),
            Self::Subsegment(subsegment) => serde_json::to_string(subsegment),
        };
        let json = json.map_err(|cause| error(ErrorCode::InvalidSegment, cause.to_string()))?;
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::too_large(Some(self.id()), json.len()));
        }
        Ok(json)
    }
}
