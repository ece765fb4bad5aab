use std::borrow::Cow;
use std::sync::Arc;

use crate::emit::Emitter;

/// Settings of an [`XRayLayer`](super::XRayLayer), shared by its services.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// The subsegment's name; the function's name where it is not set.
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) service: Option<Cow<'static, str>>,
    /// `None`: nothing is recorded.
    pub(super) emitter: Option<Arc<Emitter>>,
}
