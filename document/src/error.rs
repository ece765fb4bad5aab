use std::fmt;

use crate::ids::SegmentId;
use crate::limits::MAX_DOCUMENT_BYTES;

/// A document that X-Ray leaves unprocessed, with the reason.
///
/// `Display` writes the `Message` of an `UnprocessedTraceSegments` entry in the response of
/// `PutTraceSegments`: `Invalid segment. ErrorCode: …, Cause: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// The document's id, or `None` if it cannot be read.
    pub id: Option<SegmentId>,
    /// The rule that the document violates.
    pub code: ErrorCode,
    /// The reason, for example the malformed value.
    pub detail: String,
}

impl DocumentError {
    /// The error of a document of `bytes`, more than [`MAX_DOCUMENT_BYTES`].
    pub(crate) fn too_large(id: Option<SegmentId>, bytes: usize) -> Self {
        Self {
            id,
            code: ErrorCode::SegmentTooLarge,
            detail: format!("the document has {bytes} bytes, the limit is {MAX_DOCUMENT_BYTES}"),
        }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Invalid segment. ErrorCode: {:?}, Cause: {}",
            self.code, self.detail
        )
    }
}

impl std::error::Error for DocumentError {}

/// `ErrorCode` of an unprocessed document.
///
/// Public sources confirm `MissingId` (humanmade/aws-xray#29), `InvalidTraceId`,
/// `InvalidName` (aws-xray-daemon#184) and `InvalidSegment`. The others are our choice in the
/// same form (docs/fidelity.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The text is not a JSON object.
    ParseError,
    /// `id` is missing or `null`, or the document is an array.
    MissingId,
    /// `id` is not 16 hex digits.
    InvalidId,
    /// `trace_id` is missing or `null`.
    MissingTraceId,
    /// `trace_id` does not have the form of a [`TraceId`](crate::TraceId).
    InvalidTraceId,
    /// `name` is missing or `null`.
    MissingName,
    /// `name` is empty, too long, or has characters that X-Ray does not accept; see
    /// [`sanitize_name`](crate::sanitize_name).
    InvalidName,
    /// An independent subsegment has no `parent_id`.
    MissingParentId,
    /// The `parent_id` of an independent subsegment is not 16 hex digits.
    InvalidParentId,
    /// `start_time` is missing or `null`.
    MissingStartTime,
    /// `start_time` is not a [`Timestamp`](crate::Timestamp).
    InvalidTime,
    /// The document violates another rule: for example, an embedded subsegment is malformed
    /// or nested too deeply, or its trace is too large.
    InvalidSegment,
    /// The document has more than [`MAX_DOCUMENT_BYTES`].
    SegmentTooLarge,
}

/// The first 80 characters of a value, to quote it in an error.
pub(crate) fn excerpt(value: &str) -> String {
    value.chars().take(80).collect()
}
