use std::sync::Arc;
use std::time::Duration;

use xray_local_sandbox::SegmentSink;

use super::api::{Api, ApiKind, Cors};
use super::error::GatewayError;
use super::routing::RoutingTable;
use super::stage::Stage;
use crate::access::AccessLog;
use crate::invoke::Invoke;

/// The time that a REST API waits for a function (API Gateway quotas: 29 s by default).
const REST_INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The time that an HTTP API waits for a function (API Gateway quotas: 30 s).
const HTTP_INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// One API, served as API Gateway serves it.
///
/// Its paths begin at `/`, without the stage, as under `sam local` and behind a custom
/// domain name. [`router`](Self::router) serves it.
pub struct ApiGateway {
    pub(super) stage: Stage,
    pub(super) routes: RoutingTable,
    pub(super) cors: Option<Cors>,
    pub(super) integration_timeout: Duration,
    pub(super) invoke: Arc<dyn Invoke>,
    pub(super) segments: Arc<dyn SegmentSink>,
    pub(super) access: Arc<dyn AccessLog>,
}

impl ApiGateway {
    /// Checks the API's routes and prepares it to be served.
    ///
    /// `invoke` runs its functions, `segments` receives the stage's segments, and `access`
    /// the access log.
    ///
    /// # Errors
    /// API Gateway would not deploy a route, or two routes side by side. The error names
    /// them.
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
            cors: api.cors,
            integration_timeout,
            invoke,
            segments,
            access,
        })
    }

    /// Sets the time to wait for a function. The default is API Gateway's: 29 s for REST
    /// APIs, which an account can raise, and 30 s for HTTP APIs.
    #[must_use]
    pub fn with_integration_timeout(mut self, timeout: Duration) -> Self {
        self.integration_timeout = timeout;
        self
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
