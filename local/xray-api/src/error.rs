use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use xray_local_listener::RETRY_AFTER_SECONDS;
use xray_local_store::StoreError;

/// The error response of an AWS rest-json service: the error's name in the header
/// `x-amzn-ErrorType` and in `__type`, and a sentence in `Message`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            name,
            message: message.into(),
        }
    }

    /// The request is JSON, but the operation does not accept its values.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
    }

    /// The body is not JSON, or a member has the wrong type.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "SerializationException", message)
    }

    /// The service itself failed, for example because the disk is full.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            message,
        )
    }

    /// The listener has no memory for the body, for this reason. The response has `Retry-After`.
    pub(crate) fn no_memory(reason: String) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "ServiceUnavailableException", reason)
    }

    /// The message of an [`internal`](Self::internal) failure.
    pub(crate) fn internal_failure(&self) -> Option<&str> {
        (self.status == StatusCode::INTERNAL_SERVER_ERROR).then_some(&self.message)
    }

    /// The request lacks a required member.
    pub(crate) fn missing(member: &str) -> Self {
        Self::invalid_request(format!("the request has no {member}, which is required"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(format!("{error:#}"))
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    name: &'a str,
    #[serde(rename = "Message")]
    message: &'a str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let body = ErrorBody {
            name: self.name,
            message: &self.message,
        };
        let mut response = json(
            self.status,
            serde_json::to_string(&body).unwrap_or_default(),
        );
        response
            .headers_mut()
            .insert("x-amzn-errortype", HeaderValue::from_static(self.name));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let retry_after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
            response.headers_mut().insert(RETRY_AFTER, retry_after);
        }
        response
    }
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
