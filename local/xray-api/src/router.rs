use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use xray_local_listener::{AllowedHosts, ForeignCaller, host_check};
use xray_local_store::Store;

use crate::complaints::Complaints;
use crate::error::{ApiError, json};
use crate::{body, operation, welcome};

/// Of all routers together: they share one terminal.
static COMPLAINTS: Complaints = Complaints::new();

/// The X-Ray API in front of `store`, for callers on this machine.
pub fn router(store: Arc<Store>) -> Router {
    router_for(store, AllowedHosts::Loopback)
}

/// The X-Ray API in front of `store`, for the `allowed` hosts.
pub fn router_for(store: Arc<Store>, allowed: AllowedHosts) -> Router {
    let mut router = Router::new()
        .route("/", get(welcome::welcome))
        .route("/TraceSegments", answered_by(operation::put_trace_segments))
        .route(
            "/TelemetryRecords",
            answered_by(operation::put_telemetry_records),
        )
        .route("/Traces", answered_by(operation::batch_get_traces))
        .route(
            "/TraceSummaries",
            answered_by(operation::get_trace_summaries),
        );
    for (path, name) in operation::LATER {
        router = router.route(path, post(move || async move { operation::not_yet(name) }));
    }
    let router = router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(store);
    host_check(router, allowed, reject).layer(from_fn(name_request))
}

fn reject(foreign: &ForeignCaller) -> Response {
    let message = format!(
        "{foreign}; to let other machines call the X-Ray API, start `serve` with --listen, \
         other commands with --xray-listen, and this machine's address"
    );
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message).into_response()
}

/// The route of an operation that is a function of the store and the request's JSON.
/// Reading it, the store's disk and writing the answer are kept off the async threads.
fn answered_by<I, O>(run: fn(&Store, I) -> Result<O, ApiError>) -> MethodRouter<Arc<Store>>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    post(
        move |State(store): State<Arc<Store>>, request: Request| async move {
            if let Err(error) = body::check_encoding(request.headers()) {
                return error.into_response();
            }
            let body = match body::read(request.into_body()).await {
                Ok(body) => body,
                Err(error) => return error.into_response(),
            };
            let answer = tokio::task::spawn_blocking(move || {
                let body = body::decompress(body)?;
                // The CLI may send nothing for an operation without required members.
                let body = if body.is_empty() { b"{}" } else { &body[..] };
                let input = serde_json::from_slice(body).map_err(|error| {
                    ApiError::serialization(format!(
                        "the request is not the JSON expected: {error}"
                    ))
                })?;
                let output = run(&store, input)?;
                serde_json::to_string(&output).map_err(|error| internal(&error.to_string()))
            });
            match answer.await {
                Ok(Ok(answer)) => json(StatusCode::OK, answer),
                Ok(Err(error)) => {
                    if let Some(message) = error.is_ours() {
                        COMPLAINTS.say(Instant::now(), message, &mut std::io::stderr());
                    }
                    error.into_response()
                }
                Err(_) => {
                    internal("the operation panicked, which is a bug of xray-local").into_response()
                }
            }
        },
    )
}

fn internal(message: &str) -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalFailure",
        message,
    )
}

async fn unknown(request: Request) -> ApiError {
    let message = format!(
        "{} {} is no operation of the X-Ray API: each is a POST to a path such as /TraceSegments",
        request.method(),
        request.uri().path()
    );
    ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message)
}

/// Gives each answer the id that SDKs show as `RequestId`.
async fn name_request(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let bits = fastrand::u128(..);
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        bits as u32,
        (bits >> 32) as u16,
        (bits >> 48) as u16 & 0xfff,
        (bits >> 64) as u16 & 0x3fff | 0x8000,
        bits >> 80
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
