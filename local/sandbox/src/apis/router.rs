//! The HTTP server of one environment: Runtime, Extensions and Telemetry APIs.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::Response;
use axum::routing::{get, post, put};
use bytes::Bytes;
use serde_json::json;

use super::payload::Payload;
use super::{extensions, runtime, telemetry};
use crate::state::{Refusal, Shared};

/// Bytes of a request body that is not a function's response.
const MAX_SMALL_BODY_BYTES: usize = 1024 * 1024;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/ping", get(|| async { "pong" }))
        .route("/2018-06-01/runtime/invocation/next", get(runtime::next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(runtime::response),
        )
        .route(
            "/2018-06-01/runtime/invocation/{id}/error",
            post(runtime::error),
        )
        .route("/2018-06-01/runtime/init/error", post(runtime::init_error))
        .route("/2020-01-01/extension/register", post(extensions::register))
        .route("/2020-01-01/extension/event/next", get(extensions::next))
        .route(
            "/2020-01-01/extension/init/error",
            post(extensions::init_error),
        )
        .route(
            "/2020-01-01/extension/exit/error",
            post(extensions::exit_error),
        )
        .route("/2022-07-01/telemetry", put(telemetry::subscribe))
        .with_state(shared)
}

/// A JSON answer.
pub(crate) fn answer(status: u16, json: impl Into<Body>) -> Response {
    let mut response = Response::new(json.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        CONTENT_TYPE,
        axum::http::HeaderValue::from_static("application/json"),
    );
    response
}

/// 202 `{"status":"OK"}`, which both APIs answer to what needs no other answer.
pub(crate) fn accepted() -> Response {
    answer(202, r#"{"status":"OK"}"#)
}

pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let body = json!({"errorMessage": refusal.message, "errorType": refusal.error_type});
    answer(refusal.status, body.to_string())
}

pub(crate) async fn read_small(body: Body) -> Result<Bytes, String> {
    let read = Payload::read(body, MAX_SMALL_BODY_BYTES).await?;
    if read.is_too_large() {
        return Err(format!(
            "the body has {} bytes, which is over {MAX_SMALL_BODY_BYTES}",
            read.total
        ));
    }
    Ok(read.bytes.freeze())
}
