use std::time::{Duration, Instant};

/// Where the environment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// `/next` is outstanding and no invocation is known to run; Lambda may have frozen
    /// us. Managed Instances are always here.
    Waiting,
    /// An invocation runs, and `/next` is held back for its end, at most until `until`.
    /// `telemetry_due` ends sooner where that end has never been announced before.
    Held {
        request_id: String,
        until: Instant,
        telemetry_due: Option<Instant>,
    },
    /// An invocation runs whose end nobody announces in time: `/next` is outstanding.
    Released {
        request_id: String,
    },
    /// The invocation is over; what is left is being sent, then `/next`.
    Flushing {
        until: Instant,
    },
    /// SHUTDOWN: telemetry of the last invocation may still be on its way.
    AwaitingReport {
        until: Instant,
        flush_until: Instant,
    },
    /// SHUTDOWN: the last flush, tried again while there is time.
    FinalFlush {
        until: Instant,
        retry_at: Option<Instant>,
        retry_delay: Duration,
    },
    Ended,
}

/// Whether telemetry reports the ends of invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TelemetryState {
    /// Refused, or promised and never delivered.
    Unavailable,
    /// The subscription was accepted; nothing has come yet.
    Subscribed,
    Arriving,
    /// It comes, but an end that it should have told was not told: only a
    /// `platform.runtimeDone` shows that it tells ends at all.
    WithoutEnds,
}
