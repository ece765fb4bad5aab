use axum::Router;
use axum::routing::{get, post, put};

use super::context::ApiContext;
use super::guard::guard;
use super::{extensions, runtime, telemetry};

/// All calls of one environment's APIs, for the processes that know `address` as
/// `AWS_LAMBDA_RUNTIME_API`.
pub(crate) fn router(context: ApiContext, address: &str) -> Router {
    let router = Router::new()
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
        .with_state(context);
    guard(router, address)
}
