use std::time::Instant;

/// An input of [`FlushControl`](super::FlushControl).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    /// The event INVOKE.
    Invoke {
        request_id: &'a str,
        deadline: Instant,
    },
    /// The event SHUTDOWN, or the loss of the Runtime API.
    Shutdown { deadline: Instant },
    /// The wrapper's signal that it has sent all documents of this invocation.
    Done { request_id: &'a str },
    /// `platform.runtimeDone`.
    RuntimeDone { request_id: &'a str },
    /// `platform.report`, the last telemetry of this invocation.
    Report { request_id: &'a str },
    /// Any batch of telemetry, before its events.
    Telemetry,
    /// A document was buffered.
    Buffered,
    /// A full batch waits.
    BatchFull,
    /// Nothing is in flight any more.
    Idle {
        /// True if documents wait.
        has_waiting: bool,
        /// True if the last batch failed, so that sending again at once would fail too.
        is_failing: bool,
    },
    /// The time of [`FlushControl::due`](super::FlushControl::due) has come.
    Tick,
}
