use std::time::Instant;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input<'a> {
    Invoke {
        request_id: &'a str,
        deadline: Instant,
    },
    Shutdown {
        deadline: Instant,
    },
    /// The wrapper's signal: this invocation's documents have all been sent.
    Done {
        request_id: &'a str,
    },
    /// `platform.runtimeDone`.
    RuntimeDone {
        request_id: &'a str,
    },
    /// `platform.report`: no more is to be told of this invocation.
    Report {
        request_id: &'a str,
    },
    /// Telemetry came, whatever it told.
    Telemetry,
    /// A document was put into the buffer.
    Buffered,
    /// The buffer holds a batch that no later document would make fuller.
    BatchFull,
    /// Nothing is on the wire any more. `has_waiting`: documents wait; `is_failing`: X-Ray did not
    /// take the last batch, so that it is too early for them.
    Idle {
        has_waiting: bool,
        is_failing: bool,
    },
    /// The time of [`FlushControl::due`] has come.
    Tick,
}
