use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use xray_local_sandbox::InvokeError;

use crate::invoke::error_status;

/// An error of Lambda's API, in its shape: the code in `x-amzn-ErrorType`, and
/// `{"Type":…,"Message":…}` (some errors spell it `message`, as AWS's model of them does).
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// For `TooManyRequestsException`.
    reason: Option<&'static str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            reason: None,
        }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn not_found(function: &str) -> Self {
        let message = format!("Function not found: {function}");
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    /// A request over `limit` bytes.
    pub(super) fn too_large(limit: usize) -> Self {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            message,
        )
    }

    pub(super) fn of(error: &InvokeError) -> Self {
        let status = error_status(error);
        match error {
            InvokeError::UnknownFunction(function) => Self::not_found(function),
            InvokeError::TooManyRequests(why) => {
                let reason = Some("ConcurrentInvocationLimitExceeded");
                Self {
                    reason,
                    ..Self::new(
                        status,
                        "TooManyRequestsException",
                        format!("Rate Exceeded. {why}"),
                    )
                }
            }
            InvokeError::RequestTooLarge(_) => {
                Self::too_large(xray_local_lambda_rules::MAX_PAYLOAD_BYTES)
            }
            InvokeError::CannotStart(why) => {
                Self::new(status, "InvalidRuntimeException", why.clone())
            }
            InvokeError::ShuttingDown => {
                Self::new(status, "ServiceException", "this program is shutting down")
            }
        }
    }

    pub(super) fn into_response(self) -> Response {
        let kind = if self.status.is_client_error() {
            "User"
        } else {
            "Service"
        };
        // The members as Lambda's API model names them.
        let message = match self.code {
            "ResourceNotFoundException" | "ServiceException" | "InvalidRuntimeException" => {
                "Message"
            }
            _ => "message",
        };
        let mut body = serde_json::json!({ "Type": kind, message: self.message });
        if let Some(reason) = self.reason {
            body["Reason"] = reason.into();
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.code));
        response
    }
}
