use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};

use super::ca_bundle::CaBundle;
use super::endpoint;
use super::network_error::reason;

/// The HTTP client, replaced if the connections in its pool are probably dead.
///
/// Connections may die in a freeze. The pool cannot notice it by the monotonic clock, which
/// may stop in a freeze. The client is therefore replaced after a pause by the wall clock, or
/// after the first failure of a connection. TLS sessions are kept, so the next handshake is
/// short.
#[derive(Debug)]
pub(super) struct Connections {
    endpoint_is_loopback: bool,
    ca_bundle: Option<CaBundle>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tls: Option<ClientConfig>,
    client: Option<Client>,
    used: Option<SystemTime>,
}

/// A client with its pool of connections.
#[derive(Debug)]
pub(super) struct PooledClient {
    pub(super) client: Client,
    /// True if the pool may contain a connection that died in a freeze.
    pub(super) may_be_stale: bool,
}

/// The pause after which kept connections are not used: NAT gateways, proxies and load
/// balancers may have dropped them silently, which only a timeout would show.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The longest time to connect, TLS included: the default of the AWS SDK for Rust. If the first
/// packet is lost, Linux sends it again after one and after three seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

impl Connections {
    /// Connections to `endpoint`, a base URL. The roots are those of `ca_bundle`, or Mozilla's.
    pub(super) fn new(endpoint: Option<&str>, ca_bundle: Option<CaBundle>) -> Self {
        Self {
            endpoint_is_loopback: endpoint.is_some_and(endpoint::is_loopback),
            ca_bundle,
            state: Mutex::default(),
        }
    }

    /// Returns the client, which may have kept connections.
    ///
    /// # Errors
    /// The client cannot be built, for example because of a malformed proxy variable, or because
    /// the CA bundle cannot be read.
    pub(super) fn pooled(&self) -> Result<PooledClient, String> {
        let now = SystemTime::now();
        let mut state = self.lock();
        let fresh_enough = state
            .used
            .is_some_and(|used| now.duration_since(used).is_ok_and(|pause| pause < MAX_IDLE));
        if state.used.is_some() && !fresh_enough {
            state.client = None;
        }
        let may_be_stale = state.client.is_some() && state.used.is_some();
        let client = self.client(&mut state)?;
        state.used = Some(now);
        Ok(PooledClient {
            client,
            may_be_stale,
        })
    }

    /// Returns a new client, without kept connections.
    ///
    /// # Errors
    /// Those of [`pooled`](Self::pooled).
    pub(super) fn fresh(&self) -> Result<Client, String> {
        let mut state = self.lock();
        state.client = None;
        state.used = Some(SystemTime::now());
        self.client(&mut state)
    }

    /// Builds the client before its first use.
    pub(super) fn warm(&self) {
        // The first use returns the same error.
        let _ = self.client(&mut self.lock());
    }

    fn client(&self, state: &mut State) -> Result<Client, String> {
        if let Some(client) = &state.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("xray-lambda-extension/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true);
        if self.endpoint_is_loopback {
            // A proxy cannot reach the loopback interface of this sandbox.
            builder = builder.no_proxy();
        }
        let tls = match &state.tls {
            Some(tls) => tls.clone(),
            None => state.tls.insert(self.tls()?).clone(),
        };
        let client = builder.tls_backend_preconfigured(tls).build();
        let client = client.map_err(|error| reason("AWS", error))?;
        state.client = Some(client.clone());
        Ok(client)
    }

    /// Names the TLS provider, because rustls panics if the build contains two providers and none
    /// is named.
    fn tls(&self) -> Result<ClientConfig, String> {
        let roots = match &self.ca_bundle {
            Some(bundle) => bundle.read()?,
            None => RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            },
        };
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("ring supports the default versions of TLS"));
        Ok(versions.with_root_certificates(roots).with_no_client_auth())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic cannot leave the state inconsistent: each field is set in one step.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
