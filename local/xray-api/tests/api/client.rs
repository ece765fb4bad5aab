//! A client that calls the router without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use xray_local_api::loopback_router;
use xray_local_store::Store;

pub(crate) const TRACE: &str = "1-6750a1b2-00112233445566778899aabb";

/// The second in [`TRACE`].
pub(crate) const EPOCH: u64 = 1_733_337_522;

pub(crate) fn api() -> Router {
    loopback_router(Arc::new(Store::in_memory().unwrap()))
}

pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Status, name and message of an error. Checks that header and body name the same error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.headers["x-amzn-errortype"], text("__type").as_str());
        (self.status.as_u16(), text("__type"), text("Message"))
    }
}

pub(crate) async fn send(api: &Router, request: Request<Body>) -> Response {
    let response = api.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub(crate) async fn post(api: &Router, path: &str, body: impl Into<Body>) -> Response {
    send(api, Request::post(path).body(body.into()).unwrap()).await
}

/// Calls an operation that succeeds, and returns its output.
pub(crate) async fn call(api: &Router, path: &str, input: &Value) -> Value {
    let response = post(api, path, input.to_string()).await;
    assert_eq!(response.status, StatusCode::OK, "{:?}", response.body);
    assert_eq!(response.headers["content-type"], "application/json");
    response.json()
}

/// Puts documents that are all accepted.
pub(crate) async fn put(api: &Router, documents: &[Value]) {
    let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
    let response = call(
        api,
        "/TraceSegments",
        &json!({"TraceSegmentDocuments": documents}),
    )
    .await;
    assert_eq!(response, json!({"UnprocessedTraceSegments": []}));
}

pub(crate) fn segment(id: &str, more: Value) -> Value {
    let mut segment = json!({
        "name": "orders", "id": id, "trace_id": TRACE,
        "start_time": EPOCH as f64 + 0.25, "end_time": EPOCH as f64 + 0.75,
    });
    if let Value::Object(more) = more {
        segment.as_object_mut().unwrap().extend(more);
    }
    segment
}
