use std::borrow::Cow;
use std::sync::Arc;

use crate::emit::Emitter;

/// Settings of an [`XRayLayer`](super::XRayLayer), shared by its services.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// The subsegment's name. The default is `## ` and the function's name.
    pub(super) name: Option<Cow<'static, str>>,
    /// The annotation `Service`. Without it, there is no such annotation.
    pub(super) service: Option<Cow<'static, str>>,
    /// `None` if recording is disabled.
    pub(super) emitter: Option<Arc<Emitter>>,
}
