use std::time::Duration;

use xray_document::Timestamp;

use crate::state::Failure;

/// When init runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    /// Suppressed init: again within the invocation, under the function's timeout.
    Invoke,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// How init went.
#[derive(Debug, Clone)]
pub(crate) struct Init {
    pub(crate) phase: Phase,
    pub(crate) start: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) failure: Option<Failure>,
}
