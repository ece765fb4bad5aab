use bytes::Bytes;
use xray_document::Timestamp;

/// One request as the runtime and the extensions receive it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    /// The invoked ARN, with the qualifier that the caller gave.
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    /// Epoch milliseconds.
    pub(crate) deadline_ms: i64,
    pub(crate) trace_header: String,
    pub(crate) client_context: Option<String>,
}

/// The runtime's response to a request, or the error that it reported.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeResponse {
    pub(crate) payload: Bytes,
    /// `Lambda-Runtime-Function-Error-Type`, if it is an error.
    pub(crate) error_type: Option<String>,
    /// `Lambda-Runtime-Function-XRay-Error-Cause`.
    pub(crate) xray_cause: Option<String>,
    /// The arrival of its first byte.
    pub(crate) first_byte: Timestamp,
    /// The arrival of its last byte.
    pub(crate) complete: Timestamp,
}

/// An API call that the state does not allow, with Lambda's status and error type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) status: u16,
    pub(crate) error_type: &'static str,
    pub(crate) message: String,
}

impl Rejection {
    pub(crate) fn new(status: u16, error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            error_type,
            message: message.into(),
        }
    }

    pub(crate) fn forbidden(error_type: &'static str, message: impl Into<String>) -> Self {
        Self::new(403, error_type, message)
    }
}
