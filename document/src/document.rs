use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limits::{MAX_DOCUMENT_BYTES, MAX_LINKS_PER_SEGMENT};
use crate::name::is_name;
use crate::segment::Kind;
use crate::{DocumentError, ErrorCode, Segment, SegmentId, Subsegment, Timestamp, TraceId};

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
        let probe = Probe::parse(json)?;
        let read = if probe.is_subsegment() {
            serde_json::from_str(json).map(Self::Subsegment)
        } else {
            serde_json::from_str(json).map(Self::Segment)
        };
        read.map_err(|error| probe.error(ErrorCode::InvalidSegment, error.to_string()))
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

/// The mandatory fields before they are trusted, so that a refusal names the one at fault.
#[derive(Deserialize)]
struct Probe<'a> {
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
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

impl<'a> Probe<'a> {
    fn parse(json: &'a str) -> Result<Self, DocumentError> {
        let refuse = |code, detail| DocumentError {
            id: None,
            code,
            detail,
        };
        if json.trim_start().starts_with('[') {
            // A bare array is answered with MissingId by the service (humanmade/aws-xray#29).
            return Err(refuse(
                ErrorCode::MissingId,
                "an array, not a document".to_owned(),
            ));
        }
        let probe: Self = serde_json::from_str(json)
            .map_err(|error| refuse(ErrorCode::ParseError, error.to_string()))?;
        probe.check(json.len())?;
        Ok(probe)
    }

    fn is_subsegment(&self) -> bool {
        self.kind.is_some_and(|kind| kind.get() == "\"subsegment\"")
    }

    fn check(&self, bytes: usize) -> Result<(), DocumentError> {
        if bytes > MAX_DOCUMENT_BYTES {
            let detail = format!("{bytes} bytes, the limit is {MAX_DOCUMENT_BYTES}");
            return Err(self.error(ErrorCode::SegmentTooLarge, detail));
        }
        let fields = [
            (
                self.id,
                ErrorCode::MissingId,
                ErrorCode::InvalidId,
                is_a::<SegmentId> as fn(&str) -> bool,
            ),
            (
                self.trace_id,
                ErrorCode::MissingTraceId,
                ErrorCode::InvalidTraceId,
                is_a::<TraceId>,
            ),
            (
                self.name,
                ErrorCode::MissingName,
                ErrorCode::InvalidName,
                is_a_name,
            ),
            (
                self.start_time,
                ErrorCode::MissingStartTime,
                ErrorCode::InvalidTime,
                is_a::<Timestamp>,
            ),
        ];
        for (value, missing, invalid, valid) in fields {
            let Some(value) = value else {
                return Err(self.error(missing, "the field is missing".to_owned()));
            };
            if !valid(value.get()) {
                return Err(self.error(invalid, excerpt(value.get())));
            }
        }
        match self.parent_id {
            None if self.is_subsegment() => Err(self.error(
                ErrorCode::MissingParentId,
                "the field is missing".to_owned(),
            )),
            Some(id) if self.is_subsegment() && !is_a::<SegmentId>(id.get()) => {
                Err(self.error(ErrorCode::InvalidParentId, excerpt(id.get())))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, code: ErrorCode, detail: String) -> DocumentError {
        let id = self.id.and_then(|id| serde_json::from_str(id.get()).ok());
        DocumentError { id, code, detail }
    }
}

fn is_a<T: serde::de::DeserializeOwned>(json: &str) -> bool {
    serde_json::from_str::<T>(json).is_ok()
}

fn is_a_name(json: &str) -> bool {
    serde_json::from_str::<String>(json).is_ok_and(|name| is_name(&name))
}

/// The start of a value, for an error message.
fn excerpt(value: &str) -> String {
    value.chars().take(80).collect()
}
