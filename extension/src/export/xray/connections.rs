use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};

/// reqwest's client with its pool of connections, and when to trust it.
///
/// Connections die in a freeze, and the monotonic clock, by which a pool would know,
/// may stand still in one. So the pool is thrown away by the wall clock, or at the first
/// sign of death; TLS sessions are kept and make the next handshake short.
#[derive(Debug)]
pub(super) struct Connections {
    endpoint_is_loopback: bool,
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
    /// The pool may hold a connection that died in a freeze.
    pub(super) may_be_stale: bool,
}

/// A pause after which a kept connection is not worth a try: NAT gateways, proxies and
/// load balancers may forget it without a word, and then only a timeout would tell.
const MAX_IDLE: Duration = Duration::from_secs(30);

impl Connections {
    pub(super) fn new(endpoint: Option<&str>) -> Self {
        let host = endpoint.and_then(|url| reqwest::Url::parse(url).ok());
        let host = host.as_ref().and_then(|url| url.host_str());
        let endpoint_is_loopback = host.is_some_and(|host| {
            host == "localhost"
                || host
                    .trim_matches(['[', ']'])
                    .parse()
                    .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        });
        Self {
            endpoint_is_loopback,
            state: Mutex::default(),
        }
    }

    /// # Errors
    /// TLS or a proxy of the environment that cannot be set up.
    pub(super) fn pooled(&self) -> Result<PooledClient, reqwest::Error> {
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

    /// A client without old connections.
    ///
    /// # Errors
    /// As [`pooled`](Self::pooled).
    pub(super) fn fresh(&self) -> Result<Client, reqwest::Error> {
        let mut state = self.lock();
        state.client = None;
        state.used = Some(SystemTime::now());
        self.client(&mut state)
    }

    /// Builds the client ahead of its first use.
    pub(super) fn warm(&self) {
        // The first use meets the same error and reports it.
        let _ = self.client(&mut self.lock());
    }

    fn client(&self, state: &mut State) -> Result<Client, reqwest::Error> {
        if let Some(client) = &state.client {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("xray-lambda-extension/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true);
        if self.endpoint_is_loopback {
            // A proxy cannot reach this sandbox, whatever NO_PROXY forgot to say.
            builder = builder.no_proxy();
        }
        let tls = state.tls.get_or_insert_with(tls);
        let client = builder.tls_backend_preconfigured(tls.clone()).build()?;
        state.client = Some(client.clone());
        Ok(client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // After a panic elsewhere the state is still whole: each field is set at once.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The provider is named, not left to be found: another package of the same build may
/// turn on a second one, and then rustls refuses to choose.
fn tls() -> ClientConfig {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("ring has cipher suites for the default versions of TLS"));
    versions.with_root_certificates(roots).with_no_client_auth()
}
