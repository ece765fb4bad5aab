use crate::state::Failure;

/// The result of an init or an invocation (Lambda Developer Guide, "Telemetry API Event
/// schema reference", `Status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    /// The runtime reported an error.
    Error,
    /// The environment failed.
    Failure,
    Timeout,
}

impl Status {
    pub(super) fn of(failure: Option<&Failure>) -> Self {
        match failure {
            None => Self::Success,
            Some(Failure::RuntimeInit { .. }) => Self::Error,
            Some(Failure::Timeout) => Self::Timeout,
            Some(
                Failure::RuntimeExit(_)
                | Failure::ExtensionInit { .. }
                | Failure::ExtensionExit { .. }
                | Failure::ExtensionCrash { .. }
                | Failure::Interrupted,
            ) => Self::Failure,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
        }
    }
}
