use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use axum::response::Response;
use serde_json::json;

use crate::state::Rejection;

/// A response with a JSON body.
pub(super) fn json_response(status: u16, json: impl Into<Body>) -> Response {
    let mut response = Response::new(json.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 202 `{"status":"OK"}`, as the Runtime and the Extensions API confirm a call.
pub(super) fn accepted() -> Response {
    json_response(202, r#"{"status":"OK"}"#)
}

pub(super) fn rejected(rejection: &Rejection) -> Response {
    let body = json!({"errorMessage": rejection.message, "errorType": rejection.error_type});
    json_response(rejection.status, body.to_string())
}
