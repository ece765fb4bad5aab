use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use tower_layer::Layer;

use super::config::Config;
use super::service::XRayService;
use crate::emit::{Destination, Emitter};

/// The layer around a handler: one subsegment for each invocation, named after the
/// function, with the annotations `ColdStart` and `Service`, the parent of everything that
/// the handler does.
///
/// It fits a handler for `lambda_runtime::run` and `run_concurrent`, and one for
/// `lambda_http`'s; see the [crate's front page](crate). Everything that the layer needs
/// comes from the invocation's own context, so concurrent invocations do not mix.
#[derive(Debug, Clone)]
pub struct XRayLayer {
    config: Arc<Config>,
}

impl XRayLayer {
    /// A layer that is set up by the environment, as Lambda's own SDKs are:
    ///
    /// | variable | says |
    /// |---|---|
    /// | `AWS_XRAY_DAEMON_ADDRESS` | where to send, if it is loopback or no extension is installed |
    /// | `AWS_XRAY_SDK_ENABLED=false` or `AWS_XRAY_SDK_DISABLED=TRUE` | record nothing |
    /// | `POWERTOOLS_SERVICE_NAME` | the `Service` annotation, unless [`service`](Self::service) is called |
    ///
    /// Outside Lambda nothing is recorded unless `AWS_XRAY_DAEMON_ADDRESS` is set. Its host
    /// is an IP address or `localhost`: no name is looked up, and one that would have to be
    /// is taken for the default, 127.0.0.1:2000. See [`daemon_address`](Self::daemon_address).
    pub fn new() -> Self {
        let service = std::env::var("POWERTOOLS_SERVICE_NAME")
            .ok()
            .filter(|name| !name.is_empty());
        let emitter = Destination::from_env().map(|to| Arc::new(Emitter::new(to)));
        Self {
            config: Arc::new(Config {
                name: None,
                service: service.map(Cow::Owned),
                emitter,
            }),
        }
    }

    /// The annotation `Service` on each invocation: the service that this function is a
    /// part of. Powertools for AWS Lambda writes the same.
    #[must_use]
    pub fn service(mut self, service: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.config).service = Some(service.into());
        self
    }

    /// The subsegment's name after `## `, instead of the function's.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.config).name = Some(Cow::Owned(format!("## {}", name.as_ref())));
        self
    }

    /// Sends to this address, whatever the environment says.
    #[must_use]
    pub fn daemon_address(mut self, address: SocketAddr) -> Self {
        let emitter = Emitter::new(Destination::new(address));
        Arc::make_mut(&mut self.config).emitter = Some(Arc::new(emitter));
        self
    }
}

impl Default for XRayLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for XRayLayer {
    type Service = XRayService<S>;

    fn layer(&self, inner: S) -> XRayService<S> {
        XRayService::new(inner, Arc::clone(&self.config))
    }
}
