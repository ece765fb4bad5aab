use bytes::Bytes;
use xray_document::Timestamp;

/// One request as runtime and extensions see it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: i64,
    pub(crate) trace_header: String,
    pub(crate) client_context: Option<String>,
}

/// What the runtime said to a request.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeResponse {
    pub(crate) payload: Bytes,
    /// `Lambda-Runtime-Function-Error-Type`, where it is an error.
    pub(crate) error_type: Option<String>,
    /// `Lambda-Runtime-Function-XRay-Error-Cause`.
    pub(crate) xray_cause: Option<String>,
    pub(crate) first_byte: Timestamp,
    pub(crate) complete: Timestamp,
}

/// Why an API call was refused.
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
