use hyper::body::Bytes;
use reqwest::Client;

use super::assume_role::Role;
use super::ca_bundle::CaBundle;
use super::clock::Clock;
use super::connections::Connections;
use super::credentials::{CredentialSources, CredentialsCache};
use super::endpoint::Service;
use super::request::{Failure, Request, Response};

/// The settings of [`XRayApi`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct XRaySettings {
    /// The base URL; `None` if neither an endpoint nor a Region is set. Nothing is then sent.
    pub endpoint: Option<String>,
    /// The Region that requests are signed for; by default `us-east-1`.
    pub region: Option<String>,
    /// The credentials of the function.
    pub credentials: CredentialSources,
    /// The role to send as, instead of the function's own.
    pub role: Option<Role>,
    /// The roots of TLS; by default Mozilla's.
    pub ca_bundle: Option<CaBundle>,
}

/// Calls the operations of X-Ray: signs requests with credentials that are valid, and by AWS's
/// clock.
#[derive(Debug)]
pub struct XRayApi {
    endpoint: Option<String>,
    region: String,
    credentials: CredentialsCache,
    clock: Clock,
    pub(super) connections: Connections,
}

/// The content type of X-Ray's operations.
const CONTENT_TYPE: &str = "application/json";

/// The Region of signatures if none is set, as for a service on this machine.
const DEFAULT_REGION: &str = "us-east-1";

impl XRayApi {
    /// Sends nothing yet, and reads no file.
    pub fn new(settings: XRaySettings) -> Self {
        let region = settings.region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let endpoint = settings.endpoint.as_deref();
        Self {
            connections: Connections::new(endpoint, settings.ca_bundle.clone()),
            credentials: CredentialsCache::new(
                settings.credentials,
                settings.role,
                &region,
                settings.ca_bundle,
            ),
            endpoint: endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            region,
            clock: Clock::default(),
        }
    }

    /// Sends one request. If X-Ray rejects its credentials or its time, and there are others
    /// now, sends it once more.
    ///
    /// # Errors
    /// There is no complete response. The reasons contain no secret.
    pub(super) async fn post(
        &self,
        client: &Client,
        path: &str,
        body: &Bytes,
    ) -> Result<Response, Failure> {
        let Some(endpoint) = &self.endpoint else {
            return Err(Failure::Other(
                "there is no usable endpoint; correct or remove AWS_ENDPOINT_URL_XRAY and AWS_ENDPOINT_URL if they are set, and set AWS_REGION".to_owned(),
            ));
        };
        let url = format!("{endpoint}{path}");
        let request = Request {
            service: Service::XRay,
            region: &self.region,
            url: &url,
            content_type: CONTENT_TYPE,
            body,
        };
        let credentials = self.credentials().await?;
        let response = request.send(client, &credentials, &self.clock).await?;
        let is_other_possible = response.rejects_time()
            || (response.rejects_credentials() && self.credentials.replace(&credentials).await);
        if !is_other_possible {
            return Ok(response);
        }
        let credentials = self.credentials().await?;
        request.send(client, &credentials, &self.clock).await
    }

    /// Sends one request on a kept connection, or on a new one if that is dead.
    ///
    /// # Errors
    /// Those of [`post`](Self::post).
    pub(crate) async fn call(&self, path: &str, body: &Bytes) -> Result<Response, String> {
        let reason = |failure| match failure {
            Failure::BeforeResponse(reason) | Failure::Other(reason) => reason,
        };
        let pooled = self.connections.pooled()?;
        match self.post(&pooled.client, path, body).await {
            Err(Failure::BeforeResponse(_)) if pooled.may_be_stale => {
                let fresh = self.connections.fresh()?;
                self.post(&fresh, path, body).await.map_err(reason)
            }
            result => result.map_err(reason),
        }
    }

    async fn credentials(&self) -> Result<super::Credentials, Failure> {
        let credentials = self.credentials.get(&self.clock).await;
        credentials.map_err(Failure::Other)
    }
}
