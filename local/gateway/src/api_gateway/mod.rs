//! API Gateway: REST and HTTP APIs with Lambda proxy integrations.

mod answer;
mod api;
mod error;
mod event;
mod exchange;
mod integration;
mod proxy_result;
mod request;
mod routing;
mod segment;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use xray_local_sandbox::SegmentSink;

use crate::{AccessLog, Invoke};
pub use api::{Api, ApiKind, Route};
pub use error::GatewayError;
use exchange::Exchange;
use routing::RoutingTable;
use stage::Stage;

/// How long a REST API waits for a function (API Gateway quotas: 29 s by default).
const REST_INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// How long an HTTP API waits for a function (API Gateway quotas: 30 s).
const HTTP_INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's body (API Gateway quotas, payload size: 10 MB).
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// One API of a template, served as API Gateway serves it, but at `/`: the stage is no part
/// of the path, as under `sam local` and under a domain of one's own.
pub struct ApiGateway {
    stage: Stage,
    routes: RoutingTable,
    integration_timeout: Duration,
    invoke: Arc<dyn Invoke>,
    segments: Arc<dyn SegmentSink>,
    access: Arc<dyn AccessLog>,
}

impl ApiGateway {
    /// Prepares an API to be served.
    ///
    /// # Errors
    /// A route that API Gateway would not deploy, and two routes between which it could not
    /// decide, both named.
    pub fn new(
        api: Api,
        invoke: Arc<dyn Invoke>,
        segments: Arc<dyn SegmentSink>,
        access: Arc<dyn AccessLog>,
    ) -> Result<Self, GatewayError> {
        let stage = Stage::new(&api);
        let routes = RoutingTable::new(api.kind, api.routes)?;
        let integration_timeout = match api.kind {
            ApiKind::Rest => REST_INTEGRATION_TIMEOUT,
            ApiKind::Http => HTTP_INTEGRATION_TIMEOUT,
        };
        Ok(Self {
            stage,
            routes,
            integration_timeout,
            invoke,
            segments,
            access,
        })
    }

    /// Another integration timeout than API Gateway's default (29 s for REST APIs, which an
    /// account may have raised, and 30 s for HTTP APIs).
    #[must_use]
    pub fn with_integration_timeout(mut self, timeout: Duration) -> Self {
        self.integration_timeout = timeout;
        self
    }

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
                first.routes.check_against(&second.routes)?;
            }
        }
        Ok(serve(apis))
    }
}

impl std::fmt::Debug for ApiGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiGateway")
            .field("stage", &self.stage)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

fn serve(apis: Vec<ApiGateway>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(apis))
}

async fn answer(State(apis): State<Arc<Vec<ApiGateway>>>, request: Request) -> Response {
    // A task of its own: a caller that hangs up does not stop the function, and what it did
    // is traced and logged all the same.
    let exchange = tokio::spawn(async move { Exchange::new(&apis, request).run().await });
    exchange
        .await
        .unwrap_or_else(|_panicked| exchange::bare(answer::Answer::broken(ApiKind::Rest).response))
}

/// Percent-decoded text; what is not UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
