use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;
use xray_document::Timestamp;

use super::request::Request;
use crate::process::Exit;

/// One extension, external or internal.
#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Registered from within the runtime's process.
    pub(crate) internal: bool,
    pub(crate) state: ExtensionState,
    pub(crate) events: RegisteredEvents,
    /// When it last called `/next`.
    pub(crate) ready_at: Option<Timestamp>,
    pub(super) inbox: VecDeque<ExtensionEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExtensionState {
    /// Runs and has not registered.
    Started,
    Registered,
    /// Waits in `/next`.
    Ready,
    /// Works on an event, fetched or about to be.
    Running,
    /// Called `init/error`, with this type.
    InitError(String),
    /// Called `exit/error`, with this type.
    ExitError(String),
    Exited(Exit),
}

/// The events for which an extension registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RegisteredEvents {
    pub(crate) invoke: bool,
    pub(crate) shutdown: bool,
}

impl RegisteredEvents {
    pub(crate) fn names(self) -> Vec<&'static str> {
        let named = [(self.invoke, "INVOKE"), (self.shutdown, "SHUTDOWN")];
        named
            .into_iter()
            .filter_map(|(is, name)| is.then_some(name))
            .collect()
    }
}

/// What `/next` of an extension answers.
#[derive(Debug, Clone)]
pub(crate) enum ExtensionEvent {
    Invoke(Arc<Request>),
    Shutdown {
        reason: ShutdownReason,
        deadline_ms: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    Spindown,
    Timeout,
    Failure,
}

impl ShutdownReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Spindown => "SPINDOWN",
            Self::Timeout => "TIMEOUT",
            Self::Failure => "FAILURE",
        }
    }
}
