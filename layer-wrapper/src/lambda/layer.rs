use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use tower_layer::Layer;

use super::config::Config;
use super::service::XRayService;
use crate::emit::{Destination, Emitter};

/// Records each invocation of a handler as one subsegment, the parent of the handler's own
/// subsegments.
///
/// The subsegment has the name `## ` and the function's name, and the annotations
/// `ColdStart` and, if it is configured, `Service`. The handler's `Err` or panic is recorded
/// as a fault, and both are passed on unchanged.
///
/// The layer works with handlers for `lambda_runtime::run` and `run_concurrent` and for the
/// same functions of `lambda_http`; see the [crate's front page](crate). It reads the
/// trace only from the invocation's context, so concurrent invocations do not mix.
#[derive(Debug, Clone)]
pub struct XRayLayer {
    config: Arc<Config>,
}

impl XRayLayer {
    /// Makes a layer that reads its settings from the environment, with the variables of the
    /// official X-Ray SDKs and of Powertools for AWS Lambda:
    ///
    /// | variable | default | effect |
    /// |---|---|---|
    /// | `AWS_XRAY_DAEMON_ADDRESS` | `127.0.0.1:2000` on Lambda; elsewhere nothing is recorded | the address to send to; if the extension is installed, only a loopback address is used |
    /// | `AWS_XRAY_SDK_ENABLED=false` or `AWS_XRAY_SDK_DISABLED=TRUE` | recording is enabled | records nothing |
    /// | `POWERTOOLS_SERVICE_NAME` | no annotation | the annotation `Service`; [`service`](Self::service) overrides it |
    ///
    /// The host of the address is an IP address or `localhost`. Another host name means the
    /// default address, because resolving it would block. To set the address in code, use
    /// [`daemon_address`](Self::daemon_address).
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

    /// Sets the annotation `Service` of each invocation: the service that this function
    /// belongs to. Powertools for AWS Lambda writes the same annotation.
    #[must_use]
    pub fn service(mut self, service: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.config).service = Some(service.into());
        self
    }

    /// Sets the subsegment's name after `## `. The default is the function's name.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.config).name = Some(Cow::Owned(format!("## {}", name.as_ref())));
        self
    }

    /// Sends to this address and enables recording, and ignores the environment variables for
    /// both.
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
