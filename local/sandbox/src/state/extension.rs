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
    /// The extension runs in the runtime's process.
    pub(crate) internal: bool,
    pub(crate) state: ExtensionState,
    pub(crate) events: RegisteredEvents,
    /// The time at which it last became ready.
    pub(crate) ready_at: Option<Timestamp>,
    /// Events that it has not fetched yet.
    pub(super) inbox: VecDeque<ExtensionEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExtensionState {
    /// The process runs but has not registered.
    Started,
    Registered,
    /// Waits in `/next`.
    Ready,
    /// Works on an event, or has one in its inbox.
    Running,
    /// Called `init/error` with this error type.
    InitError(String),
    /// Called `exit/error` with this error type.
    ExitError(String),
    Exited(Exit),
}

/// The event types for which an extension registered.
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
            .filter_map(|(registered, name)| registered.then_some(name))
            .collect()
    }
}

/// An event for an extension: the response to its `/next`.
#[derive(Debug, Clone)]
pub(crate) enum ExtensionEvent {
    Invoke(Arc<Request>),
    Shutdown {
        reason: ShutdownReason,
        /// Epoch milliseconds.
        deadline_ms: i64,
    },
}

/// `shutdownReason` of SHUTDOWN.
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
