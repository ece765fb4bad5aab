use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use uuid::Uuid;
use xray_local_listener::{AllowedCallers, ForeignCaller, reject_foreign_callers};
use xray_local_store::Store;

use crate::body;
use crate::error::{ApiError, json};
use crate::index_page::index_page;
use crate::operation::{Handler, OPERATIONS, Operation, not_implemented};
use crate::throttled_log::ThrottledLog;

/// Shared by all routers of the process, because they share its stderr.
static FAILURES: ThrottledLog = ThrottledLog::new();

/// The X-Ray API, for callers on this machine only. It reads and writes `store`.
pub fn loopback_router(store: Arc<Store>) -> Router {
    router(store, AllowedCallers::loopback())
}

/// The X-Ray API, which reads and writes `store`. The response to a caller that is not `allowed`
/// is 403 `AccessDeniedException`.
pub fn router(store: Arc<Store>, allowed: AllowedCallers) -> Router {
    let mut router = Router::new().route("/", get(index_page));
    for operation in &OPERATIONS {
        router = router.route(operation.path, route(operation));
    }
    let router = router
        .fallback(unknown_operation)
        .method_not_allowed_fallback(unknown_operation)
        .with_state(store);
    // A link may open the index page: a GET request changes nothing here.
    reject_foreign_callers(router, allowed.with_links(), reject).layer(from_fn(add_request_id))
}

fn route(operation: &Operation) -> MethodRouter<Arc<Store>> {
    let name = operation.name;
    match operation.handler {
        Some(handler) => post(move |State(store), request| respond(handler, store, request)),
        None => post(move || async move { not_implemented(name) }),
    }
}

async fn respond(
    handler: Handler,
    store: Arc<Store>,
    request: Request,
) -> Result<Response, ApiError> {
    body::check_encoding(request.headers())?;
    let body = body::read(request).await?;
    let permit = body::may_decompress(&body).await;
    // Decompression, JSON and the store's disk would block the async threads.
    let task = tokio::task::spawn_blocking(move || {
        let response = handler(&store, &body::decompress(body)?);
        drop(permit);
        response
    });
    let result = task.await.unwrap_or_else(|_panic| {
        let message = "the operation panicked, which is a bug in xray-local";
        Err(ApiError::internal(message))
    });
    match result {
        Ok(output) => Ok(json(StatusCode::OK, output)),
        Err(error) => {
            if let Some(message) = error.internal_failure() {
                FAILURES.log(Instant::now(), message, &mut std::io::stderr());
            }
            Err(error)
        }
    }
}

fn reject(foreign: &ForeignCaller) -> Response {
    let advice = if foreign.is_host() {
        "to let other machines call the X-Ray API, set this machine's address with --listen \
         (serve) or --xray-listen (start-api, start-lambda)"
    } else {
        "pages of other origins cannot call the X-Ray API"
    };
    let message = format!("{foreign}; {advice}");
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message).into_response()
}

async fn unknown_operation(request: Request) -> ApiError {
    let message = format!(
        "{} {} is not an operation of the X-Ray API: each is a POST to a path such as /TraceSegments",
        request.method(),
        request.uri().path()
    );
    ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message)
}

/// Adds the id that SDKs show as `RequestId`.
async fn add_request_id(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let id = Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
