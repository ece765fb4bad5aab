//! The responses that API Gateway itself gives, without a result of a function.
//!
//! REST and HTTP APIs have different messages for the same failure. Sources: API Gateway
//! Developer Guide, "Gateway response types", for REST APIs; observed responses for HTTP
//! APIs.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use xray_local_lambda_rules::MAX_REQUEST_BYTES;
use xray_local_listener::RETRY_AFTER_SECONDS;
use xray_local_sandbox::InvokeError;

use super::api::ApiKind;
use super::proxy_response::ProxyResponse;

/// A gateway response, with its reason for the access log.
pub(crate) struct GatewayResponse {
    pub(crate) response: ProxyResponse,
    pub(crate) note: String,
}

impl GatewayResponse {
    /// No route matches the request. `routes` lists the existing routes.
    pub(crate) fn no_route(kind: ApiKind, method: &str, path: &str, routes: &str) -> Self {
        let note = match routes {
            "" => format!("no route for {method} {path}; the API has no routes"),
            _ => format!("no route for {method} {path}; the routes are {routes}"),
        };
        match kind {
            ApiKind::Rest => Self::new(
                StatusCode::FORBIDDEN,
                "Missing Authentication Token",
                Some("MissingAuthenticationTokenException"),
                note,
            ),
            ApiKind::Http => Self::new(StatusCode::NOT_FOUND, "Not Found", None, note),
        }
    }

    /// The request body exceeds `limit` bytes.
    pub(crate) fn request_too_large(kind: ApiKind, limit: usize) -> Self {
        let rest_message = format!("HTTP content length exceeded {limit} bytes.");
        let note = format!("the request body exceeds {limit} bytes");
        Self::too_large(kind, &rest_message, note)
    }

    /// The connection ended within the body, so the caller does not see this response.
    pub(crate) fn incomplete_body() -> Self {
        let note = "the request body did not arrive completely".to_owned();
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", None, note)
    }

    /// The listener has no memory for the body. `note` is the reason.
    pub(crate) fn no_memory(note: String) -> Self {
        let mut unavailable = Self::unavailable(note);
        let retry_after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        let headers = &mut unavailable.response.headers;
        headers.insert(header::RETRY_AFTER, retry_after);
        unavailable
    }

    /// The function did not respond within the integration timeout.
    pub(crate) fn timed_out(kind: ApiKind, seconds: u64) -> Self {
        let note =
            format!("the function did not respond within the integration timeout of {seconds} s");
        match kind {
            ApiKind::Rest => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "Endpoint request timed out",
                Some("InternalServerErrorException"),
                note,
            ),
            ApiKind::Http => Self::unavailable(note),
        }
    }

    /// The function failed, or its result is malformed.
    pub(crate) fn bad_result(kind: ApiKind, note: String) -> Self {
        let status = match kind {
            ApiKind::Rest => StatusCode::BAD_GATEWAY,
            ApiKind::Http => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::internal_error(status, kind, note)
    }

    /// The function did not run.
    pub(crate) fn rejected(kind: ApiKind, function: &str, error: &InvokeError) -> Self {
        match error {
            InvokeError::UnknownFunction(_) => {
                let note = format!("the route invokes {function}, but no function has this name");
                Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
            }
            InvokeError::TooManyRequests(reason) => {
                let note = format!("{function} is throttled: {reason}");
                match kind {
                    ApiKind::Rest => {
                        Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
                    }
                    ApiKind::Http => Self::unavailable(note),
                }
            }
            InvokeError::RequestTooLarge(bytes) => {
                let note = format!(
                    "the event for {function} has {bytes} bytes; Lambda accepts at most {MAX_REQUEST_BYTES}"
                );
                Self::too_large(kind, "Request Too Long", note)
            }
            InvokeError::CannotStart(reason) => {
                Self::bad_result(kind, format!("{function} could not be started: {reason}"))
            }
            InvokeError::ShuttingDown => {
                Self::unavailable("xray-local is shutting down".to_owned())
            }
        }
    }

    /// A task of this program panicked.
    pub(crate) fn panicked(kind: ApiKind) -> Self {
        let note = "a bug in this program: the request's task panicked".to_owned();
        Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
    }

    fn too_large(kind: ApiKind, rest_message: &str, note: String) -> Self {
        let (message, error_type) = match kind {
            ApiKind::Rest => (rest_message, Some("RequestTooLargeException")),
            ApiKind::Http => ("Request Entity Too Large", None),
        };
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message, error_type, note)
    }

    fn unavailable(note: String) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Unavailable",
            None,
            note,
        )
    }

    fn internal_error(status: StatusCode, kind: ApiKind, note: String) -> Self {
        let (message, error_type) = match kind {
            ApiKind::Rest => (
                "Internal server error",
                Some("InternalServerErrorException"),
            ),
            ApiKind::Http => ("Internal Server Error", None),
        };
        Self::new(status, message, error_type, note)
    }

    /// `error_type` is the value of `x-amzn-ErrorType`, which only REST APIs send.
    fn new(
        status: StatusCode,
        message: &str,
        error_type: Option<&'static str>,
        note: String,
    ) -> Self {
        let body = serde_json::json!({ "message": message }).to_string();
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(error_type) = error_type {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        }
        Self {
            response: ProxyResponse {
                status,
                headers,
                body: Bytes::from(body),
            },
            note,
        }
    }
}
