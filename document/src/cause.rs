use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::ids::SegmentId;
use crate::tolerant;

/// The `cause` field: the exceptions that made a segment or subsegment fail, or the id of an
/// exception that another segment or subsegment of the trace records (X-Ray Developer Guide,
/// segment documents).
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Cause {
    /// Id of an exception that is recorded elsewhere in the trace: 64 bits, in the form of a
    /// segment id.
    Reference(SegmentId),
    /// The exceptions.
    Exceptions(Exceptions),
}

// Not derived: an untagged enum reads a buffered copy, from which the tolerant fields of
// `Exceptions` cannot borrow their raw JSON.
impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let cause = if json.starts_with('"') {
            serde_json::from_str(json).map(Self::Reference)
        } else {
            serde_json::from_str(json).map(Self::Exceptions)
        };
        cause.map_err(D::Error::custom)
    }
}

/// Exceptions and the process in which they occurred.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exceptions {
    /// Working directory of the process when the exception occurred.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub working_directory: Option<String>,
    /// Paths of the libraries or modules in use when the exception occurred.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "tolerant::elements"
    )]
    pub paths: Vec<String>,
    /// The exceptions. [`Exception::cause`] connects them. Reading leaves out an exception
    /// without a valid id.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "tolerant::elements"
    )]
    pub exceptions: Vec<Exception>,
}

/// One exception. Only its id is mandatory (X-Ray Developer Guide, segment documents).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exception {
    /// Id of the exception, unique in its trace: 64 bits, in the form of a segment id.
    pub id: SegmentId,
    /// Message of the exception.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub message: Option<String>,
    /// Type of the exception, for example `TimeoutError`. Documents call this field `type`.
    #[serde(
        default,
        rename = "type",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub kind: Option<String>,
    /// `Some(true)` if a downstream service returned the error that caused the exception. Only
    /// `true` is written.
    #[serde(
        default,
        skip_serializing_if = "is_not_true",
        deserialize_with = "tolerant::optional"
    )]
    pub remote: Option<bool>,
    /// Number of frames that are left out of `stack`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub truncated: Option<i64>,
    /// Number of exceptions that are left out between this one and its child, the exception
    /// that it caused.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub skipped: Option<i64>,
    /// Id of this exception's parent, the exception that caused it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub cause: Option<SegmentId>,
    /// Stack trace. SDKs keep up to [`MAX_STACK_FRAMES`](crate::limits::MAX_STACK_FRAMES).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "tolerant::elements"
    )]
    pub stack: Vec<StackFrame>,
}

impl Exception {
    /// Creates an exception with a random id, without a stack.
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

/// One frame of a stack trace. All fields are optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StackFrame {
    /// Path of the source file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub path: Option<String>,
    /// Line in the source file. Node.js has frames without one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub line: Option<i64>,
    /// Name of the function or method.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub label: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_not_true(value: &Option<bool>) -> bool {
    value != &Some(true)
}
