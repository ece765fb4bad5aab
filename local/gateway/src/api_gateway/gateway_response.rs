//! What the gateway itself answers, where no function's response can be had.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use xray_local_sandbox::InvokeError;

use super::api::ApiKind;
use super::proxy_response::ProxyResponse;

/// A gateway response, and the reason for the log.
pub(crate) struct GatewayResponse {
    pub(crate) response: ProxyResponse,
    pub(crate) note: String,
}

/// The two kinds of API tell the same failures in different words (API Gateway Developer
/// Guide, "Gateway response types", for REST APIs; those of HTTP APIs are as observed).
impl GatewayResponse {
    pub(crate) fn no_route(kind: ApiKind, method: &str, path: &str, routes: &str) -> Self {
        let note = match routes {
            "" => format!("no route for {method} {path}; the API has none"),
            _ => format!("no route for {method} {path}; the routes are {routes}"),
        };
        match kind {
            ApiKind::Rest => {
                let code = "MissingAuthenticationTokenException";
                Self::new(
                    StatusCode::FORBIDDEN,
                    "Missing Authentication Token",
                    Some(code),
                    note,
                )
            }
            ApiKind::Http => Self::new(StatusCode::NOT_FOUND, "Not Found", None, note),
        }
    }

    /// The request's body is over `limit` bytes.
    pub(crate) fn request_too_large(kind: ApiKind, limit: usize) -> Self {
        let note = format!("the request's body is over {limit} bytes");
        match kind {
            ApiKind::Rest => {
                let message = format!("HTTP content length exceeded {limit} bytes.");
                Self::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    &message,
                    Some("RequestTooLargeException"),
                    note,
                )
            }
            ApiKind::Http => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Request Entity Too Large",
                None,
                note,
            ),
        }
    }

    /// The connection broke within the body: nobody reads this.
    pub(crate) fn incomplete_body() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            None,
            "the request's body did not arrive whole".to_owned(),
        )
    }

    pub(crate) fn timed_out(kind: ApiKind, seconds: u64) -> Self {
        let note =
            format!("the function did not answer within the integration timeout of {seconds} s");
        match kind {
            ApiKind::Rest => {
                let code = "InternalServerErrorException";
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "Endpoint request timed out",
                    Some(code),
                    note,
                )
            }
            ApiKind::Http => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
                None,
                note,
            ),
        }
    }

    /// The function failed, or what it returned is no response.
    pub(crate) fn bad_result(kind: ApiKind, note: String) -> Self {
        match kind {
            ApiKind::Rest => Self::internal_error(StatusCode::BAD_GATEWAY, kind, note),
            ApiKind::Http => Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note),
        }
    }

    /// The function could not be run.
    pub(crate) fn rejected(kind: ApiKind, function: &str, error: &InvokeError) -> Self {
        match error {
            InvokeError::UnknownFunction(_) => {
                let note =
                    format!("the route leads to {function}, which is no function of the template");
                Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
            }
            InvokeError::TooManyRequests(why) => {
                let note = format!("{function} is throttled: {why}");
                match kind {
                    ApiKind::Rest => {
                        Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
                    }
                    ApiKind::Http => Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "Service Unavailable",
                        None,
                        note,
                    ),
                }
            }
            InvokeError::RequestTooLarge(bytes) => {
                let note = format!(
                    "the event for {function} has {bytes} bytes, which is over Lambda's 6 MB"
                );
                match kind {
                    ApiKind::Rest => {
                        let code = "RequestTooLargeException";
                        Self::new(
                            StatusCode::PAYLOAD_TOO_LARGE,
                            "Request Too Long",
                            Some(code),
                            note,
                        )
                    }
                    ApiKind::Http => Self::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "Request Entity Too Large",
                        None,
                        note,
                    ),
                }
            }
            InvokeError::CannotStart(why) => {
                Self::bad_result(kind, format!("{function} could not be started: {why}"))
            }
            InvokeError::ShuttingDown => {
                let note = "this program is shutting down".to_owned();
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Service Unavailable",
                    None,
                    note,
                )
            }
        }
    }

    pub(crate) fn panicked(kind: ApiKind) -> Self {
        let note = "a bug of this program: the request's task ended early".to_owned();
        Self::internal_error(StatusCode::INTERNAL_SERVER_ERROR, kind, note)
    }

    fn internal_error(status: StatusCode, kind: ApiKind, note: String) -> Self {
        match kind {
            ApiKind::Rest => Self::new(
                status,
                "Internal server error",
                Some("InternalServerErrorException"),
                note,
            ),
            ApiKind::Http => Self::new(status, "Internal Server Error", None, note),
        }
    }

    fn new(
        status: StatusCode,
        message: &str,
        error_type: Option<&'static str>,
        note: String,
    ) -> Self {
        let body = serde_json::json!({ "message": message }).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
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
