use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::{MAX_DOCUMENT_BYTES, MAX_LINKS_PER_SEGMENT};
use crate::name::is_name;
use crate::{
    AnnotationValue, Annotations, DocumentError, ErrorCode, SegmentId, Timestamp, TraceId,
    is_annotation_key, sanitize_name, tolerant,
};

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

/// The fields that segments and subsegments share, written once.
macro_rules! entity {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub struct $name {
            pub name: String,
            pub id: SegmentId,
            $($own)*
            pub start_time: Timestamp,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub end_time: Option<Timestamp>,
            #[serde(default, skip_serializing_if = "is_false", deserialize_with = "tolerant::or_default")]
            pub in_progress: bool,
            #[serde(default, skip_serializing_if = "is_false", deserialize_with = "tolerant::or_default")]
            pub error: bool,
            #[serde(default, skip_serializing_if = "is_false", deserialize_with = "tolerant::or_default")]
            pub throttle: bool,
            #[serde(default, skip_serializing_if = "is_false", deserialize_with = "tolerant::or_default")]
            pub fault: bool,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub cause: Option<Cause>,
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
            pub http: Option<Http>,
            #[serde(default, skip_serializing_if = "Aws::is_empty", deserialize_with = "tolerant::or_default")]
            pub aws: Aws,
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::entries")]
            pub annotations: Annotations,
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "tolerant::or_default")]
            pub metadata: Metadata,
            #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
            pub subsegments: Vec<Subsegment>,
        }

        impl $name {
            /// Whether the document is the in-progress one that a complete one will replace.
            pub fn is_in_progress(&self) -> bool {
                self.end_time.is_none()
            }

            fn make_strict(&mut self) {
                self.in_progress = self.end_time.is_none();
                let name = sanitize_name(&self.name);
                if name != self.name {
                    self.name = name.into_owned();
                }
                self.annotations.retain(|key, _| is_annotation_key(key));
                self.subsegments.iter_mut().for_each(Subsegment::make_strict);
            }
        }
    };
}

entity! {
    /// What one service did for one request.
    Segment {
        pub trace_id: TraceId,
        /// The upstream subsegment that made the call.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        /// The AWS resource type that runs the service, such as `AWS::Lambda::Function`.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub origin: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub resource_arn: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub user: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub service: Option<Service>,
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub links: Vec<Link>,
        /// Set by X-Ray on segments that it infers from a caller's subsegment.
        #[serde(default, skip_serializing_if = "is_false", deserialize_with = "tolerant::or_default")]
        pub inferred: bool,
    }
}

entity! {
    /// A part of the work of a segment, or a call that it made.
    Subsegment {
        /// Mandatory on a subsegment of its own; some SDKs repeat it on embedded ones.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub trace_id: Option<TraceId>,
        /// A segment or another subsegment. Mandatory on a subsegment of its own.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub parent_id: Option<SegmentId>,
        #[serde(default, rename = "type", skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub(crate) kind: Option<Kind>,
        /// Absent for local work. (Python's SDK writes `local`, which reads as absent.)
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub namespace: Option<Namespace>,
        /// Siblings that ended before this one began.
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::elements")]
        pub precursor_ids: Vec<SegmentId>,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tolerant::optional")]
        pub sql: Option<Sql>,
    }
}

impl Segment {
    /// A segment in progress, with only its mandatory fields.
    pub fn new(
        name: impl Into<String>,
        trace_id: TraceId,
        id: SegmentId,
        start_time: Timestamp,
    ) -> Self {
        Self {
            name: name.into(),
            id,
            trace_id,
            parent_id: None,
            origin: None,
            resource_arn: None,
            user: None,
            service: None,
            links: Vec::new(),
            inferred: false,
            start_time,
            end_time: None,
            in_progress: true,
            error: false,
            throttle: false,
            fault: false,
            cause: None,
            http: None,
            aws: Aws::default(),
            annotations: Annotations::new(),
            metadata: Metadata::new(),
            subsegments: Vec::new(),
        }
    }
}

impl Subsegment {
    /// A subsegment in progress, with only its mandatory fields: to be embedded, or to
    /// be sent alone once `trace_id` and `parent_id` are set.
    pub fn new(name: impl Into<String>, id: SegmentId, start_time: Timestamp) -> Self {
        Self {
            name: name.into(),
            id,
            trace_id: None,
            parent_id: None,
            kind: None,
            namespace: None,
            precursor_ids: Vec::new(),
            sql: None,
            start_time,
            end_time: None,
            in_progress: true,
            error: false,
            throttle: false,
            fault: false,
            cause: None,
            http: None,
            aws: Aws::default(),
            annotations: Annotations::new(),
            metadata: Metadata::new(),
            subsegments: Vec::new(),
        }
    }

    /// The subsegment as its parent holds it: what only a lone one needs is gone.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.trace_id = None;
        self.parent_id = None;
        self.kind = None;
        self
    }

    /// The subsegment as it travels alone.
    #[must_use]
    pub fn independent(mut self, trace_id: TraceId, parent_id: SegmentId) -> Self {
        self.trace_id = Some(trace_id);
        self.parent_id = Some(parent_id);
        self.kind = Some(Kind::Subsegment);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Subsegment,
}

/// Whether a subsegment is a call to another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// A call through an AWS SDK.
    Aws,
    /// Any other downstream call.
    Remote,
}

/// Namespace → value, usually an object. Not indexed; namespaces that begin with `AWS.`
/// are AWS's own.
pub type Metadata = BTreeMap<String, Box<RawValue>>;

/// The `aws` object: what AWS knows of the resource or the call. Its members depend on
/// the service, so they are kept as they came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aws(pub BTreeMap<String, Box<RawValue>>);

impl Aws {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a member; a value that JSON cannot hold is left out.
    pub fn set(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        if let Ok(value) = serde_json::value::to_raw_value(&value) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// A member that is a string.
    pub fn str(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }

    /// A member as any type that it reads as.
    pub fn get<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Http {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub request: Option<HttpRequest>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub response: Option<HttpResponse>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpRequest {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub method: Option<String>,
    /// Scheme, host and path; SDKs leave the query out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub url: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub user_agent: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub client_ip: Option<String>,
    /// `client_ip` came from `X-Forwarded-For`. Segments only.
    #[serde(
        default,
        skip_serializing_if = "is_false",
        deserialize_with = "tolerant::or_default"
    )]
    pub x_forwarded_for: bool,
    /// The callee will send a segment of its own. Subsegments only.
    #[serde(
        default,
        skip_serializing_if = "is_false",
        deserialize_with = "tolerant::or_default"
    )]
    pub traced: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpResponse {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub status: Option<i64>,
    /// Bytes; -1 where the SDK did not know.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub content_length: Option<i64>,
}

/// Why an entity failed: the exceptions themselves, or the id of one that another
/// entity of the trace recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cause {
    Reference(SegmentId),
    Exceptions(Exceptions),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exceptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exception {
    pub id: SegmentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Caused by an error that a downstream service returned.
    #[serde(default, skip_serializing_if = "is_false_option")]
    pub remote: Option<bool>,
    /// Frames left out of `stack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<i64>,
    /// Exceptions left out between this one and its child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<i64>,
    /// The exception that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<SegmentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<StackFrame>,
}

impl Exception {
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: SegmentId::random(),
            message: Some(message.into()),
            kind: Some(kind.into()),
            remote: None,
            truncated: None,
            skipped: None,
            cause: None,
            stack: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StackFrame {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The program behind a segment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Service {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler_version: Option<String>,
}

/// A call to an SQL database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sql {
    /// Without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
    /// Without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanitized_query: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `call` or `statement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<String>,
}

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

fn null_is_empty<'de, D>(deserializer: D) -> Result<Vec<Subsegment>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false_option(value: &Option<bool>) -> bool {
    value != &Some(true)
}
