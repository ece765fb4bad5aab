use std::time::Duration;

use xray_document::Timestamp;

use crate::state::Failure;

/// The phase in which an init runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InitPhase {
    Init,
    /// Suppressed init: repeated within the invocation, under the function's timeout.
    Invoke,
}

impl InitPhase {
    /// The name in log lines and telemetry.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// The end of an init.
#[derive(Debug, Clone)]
pub(crate) struct InitReport {
    pub(crate) phase: InitPhase,
    pub(crate) start: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) failure: Option<Failure>,
}

impl InitReport {
    /// The duration that REPORT shows and bills. A suppressed init ran within the
    /// invocation, whose duration includes it.
    pub(super) fn billed(&self) -> Option<Duration> {
        (self.phase == InitPhase::Init).then_some(self.duration)
    }
}
