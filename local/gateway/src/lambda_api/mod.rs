//! Lambda's `Invoke` API, as the SDKs, the AWS CLI and `sam local start-lambda` speak it.

mod error;
mod invocation;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderValue, StatusCode};

use crate::invoke::Invoke;
use error::ApiError;
use invocation::InvokeRequest;

/// `POST /2015-03-31/functions/{name}/invocations`, to be mounted at `/`.
pub fn lambda_router(invoke: Arc<dyn Invoke>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(handle))
        .fallback(unknown_operation)
        .method_not_allowed_fallback(unknown_operation)
        .with_state(invoke)
}

async fn handle(
    State(invoke): State<Arc<dyn Invoke>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    // A task of its own: a caller that hangs up does not stop the function.
    let response = tokio::spawn(async move {
        let request = InvokeRequest::read(&name, request).await?;
        request.run(invoke).await
    });
    let response = response.await.unwrap_or_else(|_panicked| {
        let message = "a bug of this program: the invocation's task ended early";
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
        "{} {} is not served here: only POST /2015-03-31/functions/NAME/invocations is",
        request.method(),
        request.uri().path(),
    );
    with_request_id(
        ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message).into_response(),
    )
}

/// Every answer has a request id; that of an invocation which ran is its own.
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
