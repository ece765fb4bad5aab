use std::fmt;

use crate::ids::SegmentId;

/// Why a document cannot be taken: what X-Ray answers in `UnprocessedTraceSegments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// The document's id, where it could be read.
    pub id: Option<SegmentId>,
    pub code: ErrorCode,
    /// What is wrong, and where.
    pub detail: String,
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

/// `ErrorCode` of an unprocessed segment. Confirmed in public material:
/// `MissingId`, `InvalidTraceId`, `InvalidName`, `InvalidSegment`; the others are
/// our choice in the same form (docs/fidelity.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    ParseError,
    MissingId,
    InvalidId,
    MissingTraceId,
    InvalidTraceId,
    MissingName,
    InvalidName,
    MissingParentId,
    InvalidParentId,
    MissingStartTime,
    InvalidTime,
    InvalidSegment,
    SegmentTooLarge,
}
