use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{DocumentError, ErrorCode, excerpt};
use crate::ids::{SegmentId, TraceId};
use crate::limits::MAX_DOCUMENT_BYTES;
use crate::timestamp::Timestamp;

/// The mandatory fields of a document, read in one pass without copying the others: enough for a
/// receiver to identify the document and to check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentHead {
    /// Id of the trace.
    pub trace_id: TraceId,
    /// Id of the segment or subsegment, unique in its trace.
    pub id: SegmentId,
    /// `true` for an independent subsegment (`"type": "subsegment"`).
    pub is_subsegment: bool,
    /// `true` if the complete version of the document follows later and replaces this one.
    pub in_progress: bool,
}

impl DocumentHead {
    /// Reads the fields that X-Ray requires (X-Ray Developer Guide, segment documents). The
    /// characters and the length of the name are not checked.
    ///
    /// # Errors
    /// The text is not a JSON object or has more than [`MAX_DOCUMENT_BYTES`], or a mandatory
    /// field is missing or malformed. The error's detail quotes the malformed value.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let error = |code, detail| DocumentError {
            id: None,
            code,
            detail,
        };
        if json.trim_start().starts_with('[') {
            // The service answers a bare array with MissingId (humanmade/aws-xray#29).
            let detail = "the document is an array, not an object".to_owned();
            return Err(error(ErrorCode::MissingId, detail));
        }
        let fields: Mandatory<'_> = serde_json::from_str(json)
            .map_err(|cause| error(ErrorCode::ParseError, cause.to_string()))?;
        fields.check(json.len())
    }
}

/// The mandatory fields as raw JSON. Each is parsed on its own, so that an error names it.
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
            return Err(DocumentError::too_large(self.readable_id(), bytes));
        }
        let id = self.parse(self.id, ErrorCode::MissingId, ErrorCode::InvalidId)?;
        let trace_id = self.parse(
            self.trace_id,
            ErrorCode::MissingTraceId,
            ErrorCode::InvalidTraceId,
        )?;
        let name = self.require(self.name, ErrorCode::MissingName)?;
        // A string that is not empty: both quotes and at least one byte between them.
        if !(name.get().starts_with('"') && name.get().len() > 2) {
            return Err(self.error(ErrorCode::InvalidName, excerpt(name.get())));
        }
        self.parse::<Timestamp>(
            self.start_time,
            ErrorCode::MissingStartTime,
            ErrorCode::InvalidTime,
        )?;
        let is_subsegment = self.kind.is_some_and(|kind| kind.get() == "\"subsegment\"");
        if is_subsegment {
            self.parse::<SegmentId>(
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

    fn parse<T: DeserializeOwned>(
        &self,
        field: Option<&'a RawValue>,
        missing: ErrorCode,
        invalid: ErrorCode,
    ) -> Result<T, DocumentError> {
        let value = self.require(field, missing)?;
        serde_json::from_str(value.get()).map_err(|_| self.error(invalid, excerpt(value.get())))
    }

    fn require(
        &self,
        field: Option<&'a RawValue>,
        missing: ErrorCode,
    ) -> Result<&'a RawValue, DocumentError> {
        field.ok_or_else(|| self.error(missing, "the field is missing".to_owned()))
    }

    fn error(&self, code: ErrorCode, detail: String) -> DocumentError {
        DocumentError {
            id: self.readable_id(),
            code,
            detail,
        }
    }

    fn readable_id(&self) -> Option<SegmentId> {
        serde_json::from_str(self.id?.get()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"{"id":"53995c3f42cd8ad8","name":"a","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1.5E9,"type":"subsegment","parent_id":"53995c3f42cd8ad9","end_time":1500000001.5,"annotations":{"k":[1]}}"#;

    fn code(json: &str) -> Option<ErrorCode> {
        DocumentHead::parse(json).err().map(|error| error.code)
    }

    #[test]
    fn a_valid_document_yields_its_ids_and_whether_it_is_in_progress() {
        let mut head = DocumentHead {
            trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap(),
            id: "53995c3f42cd8ad8".parse().unwrap(),
            is_subsegment: true,
            in_progress: false,
        };
        assert_eq!(DocumentHead::parse(VALID), Ok(head));
        head.in_progress = true;
        let in_progress = VALID.replace(r#""end_time":1500000001.5"#, r#""in_progress":true"#);
        assert_eq!(DocumentHead::parse(&in_progress), Ok(head));
    }

    #[test]
    fn the_error_code_names_the_invalid_field() {
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
            assert_eq!(code(&VALID.replacen(from, to, 1)), Some(expected), "{to}");
        }
        let padded = format!("{VALID}{}", " ".repeat(MAX_DOCUMENT_BYTES));
        assert_eq!(code(&padded), Some(ErrorCode::SegmentTooLarge));
    }

    #[test]
    fn a_segment_needs_no_parent_id() {
        let segment = VALID
            .replace("subsegment", "segment")
            .replace("parent_id", "other");
        assert_eq!(code(&segment), None);
    }
}
