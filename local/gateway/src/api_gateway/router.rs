use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

use super::api::ApiKind;
use super::error::GatewayError;
use super::exchange;
use super::gateway::ApiGateway;
use super::gateway_response::GatewayResponse;

impl ApiGateway {
    /// Serves the API at `/`.
    pub fn router(self) -> Router {
        serve(vec![self])
    }

    /// Serves several APIs at one address, as `sam local start-api` does. The first API
    /// answers requests that have no route.
    ///
    /// # Errors
    /// Two APIs have the same route. The error names both routes.
    pub fn router_of(apis: Vec<Self>) -> Result<Router, GatewayError> {
        for (index, second) in apis.iter().enumerate() {
            for first in &apis[..index] {
                first.routes.check_conflict(&second.routes)?;
            }
        }
        Ok(serve(apis))
    }
}

fn serve(apis: Vec<ApiGateway>) -> Router {
    Router::new().fallback(handle).with_state(Arc::new(apis))
}

async fn handle(State(apis): State<Arc<Vec<ApiGateway>>>, request: Request) -> Response {
    // A task of its own, so that the function runs, and is traced and logged, even if the
    // caller disconnects.
    let response = tokio::spawn(async move { exchange::handle(&apis, request).await });
    response.await.unwrap_or_else(|_panicked| {
        GatewayResponse::panicked(ApiKind::Rest)
            .response
            .into_http()
    })
}
