//! Lambda's `Invoke` API, for SDKs, the AWS CLI and clients of `sam local start-lambda`.

mod error;
mod invocation;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use crate::invoke::Invoke;
pub(crate) use error::ApiError;
use invocation::InvokeRequest;

/// Serves `POST /2015-03-31/functions/{name}/invocations` at `/` (Lambda API reference,
/// `Invoke`).
///
/// A payload may have 6,291,456 bytes, or 1 MiB if the invocation is asynchronous. Every version
/// and alias runs `$LATEST`.
pub fn lambda_router(invoke: Arc<dyn Invoke>) -> Router {
    let queue = Arc::new(Semaphore::new(MAX_QUEUED_EVENTS));
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(handle))
        .fallback(unknown_operation)
        .method_not_allowed_fallback(unknown_operation)
        .with_state((invoke, queue))
}

/// Asynchronous invocations that wait or run. Further ones are rejected, because the events of
/// all are in memory, also after their callers are gone.
const MAX_QUEUED_EVENTS: usize = 1_000;

/// One permit for each asynchronous invocation that can be accepted.
type EventQueue = Arc<Semaphore>;

async fn handle(
    State((invoke, queue)): State<(Arc<dyn Invoke>, EventQueue)>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    // A task of its own, so that the function runs even if the caller disconnects.
    let response = tokio::spawn(async move {
        let request = InvokeRequest::read(&name, request).await?;
        request.run(invoke, queue).await
    });
    let response = response.await.unwrap_or_else(|_panicked| {
        let message = "a bug in this program: the invocation's task panicked";
        Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            message,
        ))
    });
    with_request_id(response.unwrap_or_else(ApiError::into_response))
}

async fn unknown_operation(request: Request) -> Response {
    let message = format!(
        "{} {} is not supported; only POST /2015-03-31/functions/NAME/invocations is",
        request.method(),
        request.uri().path(),
    );
    with_request_id(
        ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message).into_response(),
    )
}

/// Adds a request id, unless the response has the one of an invocation.
fn with_request_id(mut response: Response) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .entry("x-amzn-requestid")
            .or_insert(id);
    }
    response
}
