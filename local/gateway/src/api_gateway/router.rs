use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

use super::api::ApiKind;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::gateway::ApiGateway;
use super::gateway_response::GatewayResponse;

impl ApiGateway {
    /// The API, to be mounted at `/`.
    pub fn router(self) -> Router {
        serve(vec![self])
    }

    /// Several APIs at one address, as `sam local start-api` serves a template that has
    /// several. What none of them routes is answered by the first.
    ///
    /// # Errors
    /// A route that two of them have.
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
    // A task of its own: a caller that hangs up does not stop the function, and what it did
    // is traced and logged all the same.
    let exchange = tokio::spawn(async move { Exchange::new(&apis, request).run().await });
    exchange.await.unwrap_or_else(|_panicked| {
        GatewayResponse::panicked(ApiKind::Rest)
            .response
            .into_http()
    })
}
