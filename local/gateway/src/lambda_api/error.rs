use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use xray_local_lambda_rules::MAX_REQUEST_BYTES;
use xray_local_listener::RETRY_AFTER_SECONDS;
use xray_local_sandbox::InvokeError;

use crate::invoke::error_status;

/// An error in the form of Lambda's API: its type in `x-amzn-ErrorType` and
/// `{"Type":…,"Message":…}` in the body. Some errors spell the member `message`, as in AWS's API
/// model.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    error_type: &'static str,
    message: String,
    /// `Reason`, which only `TooManyRequestsException` has.
    reason_member: Option<&'static str>,
    /// The response has `Retry-After`.
    retry: bool,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        error_type: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error_type,
            message: message.into(),
            reason_member: None,
            retry: false,
        }
    }

    pub(super) fn bad_request(error_type: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error_type, message)
    }

    /// Too many asynchronous invocations wait or run.
    pub(super) fn too_many_events() -> Self {
        let message = "Rate Exceeded. Too many asynchronous invocations wait; send fewer at a time";
        Self {
            reason_member: Some("ConcurrentInvocationLimitExceeded"),
            retry: true,
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                message,
            )
        }
    }

    /// The listener has no memory for the payload, for this reason.
    pub(super) fn no_memory(reason: String) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self {
            retry: true,
            ..Self::new(status, "ServiceException", reason)
        }
    }

    /// `function` is the name or ARN that the caller gave.
    pub(super) fn not_found(function: &str) -> Self {
        let message = format!("Function not found: {function}");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    /// The payload exceeds `limit` bytes. Lambda's wording; exactly `limit` bytes are accepted.
    pub(super) fn too_large(limit: usize) -> Self {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            message,
        )
    }

    /// The error for an invocation that did not reach the function.
    pub(super) fn from_invoke_error(error: &InvokeError) -> Self {
        let status = error_status(error);
        match error {
            InvokeError::UnknownFunction(function) => Self::not_found(function),
            InvokeError::TooManyRequests(reason) => {
                let message = format!("Rate Exceeded. {reason}");
                Self {
                    reason_member: Some("ConcurrentInvocationLimitExceeded"),
                    ..Self::new(status, "TooManyRequestsException", message)
                }
            }
            InvokeError::RequestTooLarge(_) => Self::too_large(MAX_REQUEST_BYTES),
            InvokeError::CannotStart(reason) => {
                Self::new(status, "InvalidRuntimeException", reason.clone())
            }
            InvokeError::ShuttingDown => {
                Self::new(status, "ServiceException", "xray-local is shutting down")
            }
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let type_member = if self.status.is_client_error() {
            "User"
        } else {
            "Service"
        };
        // The member's name in Lambda's API model.
        let message_name = match self.error_type {
            "ResourceNotFoundException" | "ServiceException" | "InvalidRuntimeException" => {
                "Message"
            }
            _ => "message",
        };
        let mut body = serde_json::json!({ "Type": type_member, message_name: self.message });
        if let Some(reason) = self.reason_member {
            body["Reason"] = reason.into();
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(
            "x-amzn-errortype",
            HeaderValue::from_static(self.error_type),
        );
        if self.retry {
            let retry_after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
            headers.insert(header::RETRY_AFTER, retry_after);
        }
        response
    }
}
