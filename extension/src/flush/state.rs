use std::time::{Duration, Instant};

/// The state of an environment, as far as [`FlushControl`](super::FlushControl) needs it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// `/next` is outstanding and no invocation is known to run, so the sandbox may be frozen.
    /// On Managed Instances the state is always this one until SHUTDOWN.
    Waiting,
    /// An invocation runs, and `/next` is delayed until its end.
    Held {
        request_id: String,
        /// The latest time of `/next`: the deadline minus a margin.
        until: Instant,
        /// An earlier latest time of `/next`, if no telemetry has ever arrived.
        telemetry_due: Option<Instant>,
    },
    /// An invocation runs that is not held, and `/next` is outstanding.
    Released { request_id: String },
    /// The invocation has ended. `/next` follows when its documents are sent, or at `until`.
    Flushing { until: Instant },
    /// After SHUTDOWN: the last report may still arrive.
    AwaitingReport {
        /// The time when the final flush starts without the report.
        until: Instant,
        /// The time when the final flush ends.
        flush_until: Instant,
    },
    /// After SHUTDOWN: the last flush, repeated after a failure.
    FinalFlush {
        until: Instant,
        retry_at: Option<Instant>,
        /// The pause after the next failure.
        retry_delay: Duration,
    },
    /// The process ends.
    Ended,
}

/// The state of the telemetry subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TelemetryState {
    /// The subscription was rejected, or no telemetry arrived in time.
    Unavailable,
    /// The subscription was accepted, and no telemetry has arrived yet.
    Subscribed,
    /// Telemetry arrives.
    Arriving,
    /// Telemetry arrives, but the end of an invocation was not reported. Only a
    /// `platform.runtimeDone` shows that ends are reported again.
    WithoutEnds,
}
