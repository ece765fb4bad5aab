use std::time::{Instant, SystemTime};

/// An input of [`FlushControl`](super::FlushControl).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    /// The event INVOKE.
    Invoke {
        request_id: &'a str,
        deadline: Instant,
        /// The time by the wall clock, which also runs in a freeze.
        received: SystemTime,
        /// True if the invocation may make documents that are worth a delay: it is sampled, or
        /// the extension records its function segment.
        may_trace: bool,
        /// True if a sink is expected to accept documents now.
        can_delay: bool,
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
    Buffered {
        /// True if the function sent it or the configuration asks for it. Subsegments of the
        /// platform are false: an invocation is not held for these alone.
        is_awaited: bool,
    },
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
