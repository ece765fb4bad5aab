use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{DocumentError, ErrorCode};
use crate::ids::{SegmentId, TraceId};
use crate::limits::MAX_DOCUMENT_BYTES;
use crate::timestamp::Timestamp;

/// The mandatory fields of a document, read in one pass and without copying the rest: all
/// that a receiver needs to know a document by, and to know that X-Ray will accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentHead {
    /// The trace.
    pub trace_id: TraceId,
    /// The segment or subsegment, unique within its trace.
    pub id: SegmentId,
    /// Whether the document is a subsegment on its own (`"type": "subsegment"`).
    pub is_subsegment: bool,
    /// Whether a complete version of the document is to follow.
    pub in_progress: bool,
}

impl DocumentHead {
    /// Reads the fields without which X-Ray leaves a document unprocessed (X-Ray Developer
    /// Guide, segment documents). The characters of the name are not checked.
    ///
    /// # Errors
    /// The text is not a JSON object or over [`MAX_DOCUMENT_BYTES`], or a mandatory field is
    /// missing or malformed. The error's detail quotes the malformed value.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let refuse = |code, detail| DocumentError {
            id: None,
            code,
            detail,
        };
        if json.trim_start().starts_with('[') {
            // The service answers a bare array with MissingId (humanmade/aws-xray#29).
            let detail = "an array, not a document".to_owned();
            return Err(refuse(ErrorCode::MissingId, detail));
        }
        let fields: Mandatory<'_> = serde_json::from_str(json)
            .map_err(|error| refuse(ErrorCode::ParseError, error.to_string()))?;
        fields.check(json.len())
    }
}

/// The mandatory fields, each unread, so that an error names the one at fault.
#[derive(Deserialize)]
struct Mandatory<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    trace_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    parent_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    start_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    in_progress: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

impl<'a> Mandatory<'a> {
    fn check(&self, bytes: usize) -> Result<DocumentHead, DocumentError> {
        if bytes > MAX_DOCUMENT_BYTES {
            let detail = format!("{bytes} bytes, the limit is {MAX_DOCUMENT_BYTES}");
            return Err(self.error(ErrorCode::SegmentTooLarge, detail));
        }
        let id = self.read(self.id, ErrorCode::MissingId, ErrorCode::InvalidId)?;
        let trace_id = self.read(
            self.trace_id,
            ErrorCode::MissingTraceId,
            ErrorCode::InvalidTraceId,
        )?;
        let name = self.present(self.name, ErrorCode::MissingName)?;
        // Quotes and at least one character: nothing is copied to know that.
        if !(name.get().starts_with('"') && name.get().len() > 2) {
            return Err(self.error(ErrorCode::InvalidName, excerpt(name.get())));
        }
        self.read::<Timestamp>(
            self.start_time,
            ErrorCode::MissingStartTime,
            ErrorCode::InvalidTime,
        )?;
        let is_subsegment = self.kind.is_some_and(|kind| kind.get() == "\"subsegment\"");
        if is_subsegment {
            self.read::<SegmentId>(
                self.parent_id,
                ErrorCode::MissingParentId,
                ErrorCode::InvalidParentId,
            )?;
        }
        Ok(DocumentHead {
            trace_id,
            id,
            is_subsegment,
            in_progress: self
                .in_progress
                .is_some_and(|in_progress| in_progress.get() == "true"),
        })
    }

    fn read<T: DeserializeOwned>(
        &self,
        field: Option<&'a RawValue>,
        missing: ErrorCode,
        invalid: ErrorCode,
    ) -> Result<T, DocumentError> {
        let value = self.present(field, missing)?;
        serde_json::from_str(value.get()).map_err(|_| self.error(invalid, excerpt(value.get())))
    }

    fn present(
        &self,
        field: Option<&'a RawValue>,
        missing: ErrorCode,
    ) -> Result<&'a RawValue, DocumentError> {
        field.ok_or_else(|| self.error(missing, "the field is missing".to_owned()))
    }

    fn error(&self, code: ErrorCode, detail: String) -> DocumentError {
        let id = self.id.and_then(|id| serde_json::from_str(id.get()).ok());
        DocumentError { id, code, detail }
    }
}

/// The start of a value, for an error message.
pub(crate) fn excerpt(value: &str) -> String {
    value.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"53995c3f42cd8ad8","name":"a","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1.5E9,"type":"subsegment","parent_id":"53995c3f42cd8ad9","end_time":1500000001.5,"annotations":{"k":[1]}}"#;

    fn code(json: &str) -> Option<ErrorCode> {
        DocumentHead::parse(json).err().map(|error| error.code)
    }

    #[test]
    fn a_good_document_gives_its_ids_and_whether_it_is_complete() {
        let mut head = DocumentHead {
            trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap(),
            id: "53995c3f42cd8ad8".parse().unwrap(),
            is_subsegment: true,
            in_progress: false,
        };
        assert_eq!(DocumentHead::parse(GOOD), Ok(head));
        head.in_progress = true;
        let in_progress = GOOD.replace(r#""end_time":1500000001.5"#, r#""in_progress":true"#);
        assert_eq!(DocumentHead::parse(&in_progress), Ok(head));
    }

    #[test]
    fn the_mandatory_field_at_fault_is_named() {
        for (from, to, expected) in [
            ("53995c3f42cd8ad8", "x", ErrorCode::InvalidId),
            ("\"id\"", "\"no\"", ErrorCode::MissingId),
            ("1-5759e988-", "1-", ErrorCode::InvalidTraceId),
            ("\"a\"", "\"\"", ErrorCode::InvalidName),
            ("\"a\"", "7", ErrorCode::InvalidName),
            ("1.5E9", "\"now\"", ErrorCode::InvalidTime),
            ("53995c3f42cd8ad9", "", ErrorCode::InvalidParentId),
            ("{", "[", ErrorCode::MissingId),
            ("{", "T1S", ErrorCode::ParseError),
        ] {
            assert_eq!(code(&GOOD.replacen(from, to, 1)), Some(expected), "{to}");
        }
        let padded = format!("{GOOD}{}", " ".repeat(MAX_DOCUMENT_BYTES));
        assert_eq!(code(&padded), Some(ErrorCode::SegmentTooLarge));
    }

    #[test]
    fn a_segment_needs_no_parent() {
        let segment = GOOD
            .replace("subsegment", "segment")
            .replace("parent_id", "other");
        assert_eq!(code(&segment), None);
    }
}
