use serde::{Deserialize, Serialize};

use crate::ids::SegmentId;

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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false_option(value: &Option<bool>) -> bool {
    value != &Some(true)
}
