use std::time::{Duration, Instant};

/// Where the environment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// `/next` is outstanding and no invocation is known to run; Lambda may have frozen
    /// us. Managed Instances are always here.
    Waiting,
    /// An invocation runs, and `/next` is held back for its end, at most until `until`.
    /// `patience` ends sooner where that end has never been announced before.
    Held {
        request_id: String,
        until: Instant,
        patience: Option<Instant>,
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
    Lingering {
        until: Instant,
        closing: Instant,
    },
    /// SHUTDOWN: the last flush, tried again while there is time.
    Closing {
        until: Instant,
        retry_at: Option<Instant>,
        pause: Duration,
    },
    Ended,
}

/// How an invocation's end comes to be known.
#[derive(Debug)]
pub(super) struct Ends {
    /// The wrapper has signalled an end before: it will again.
    pub(super) wrapper: bool,
    pub(super) telemetry: Telemetry,
    /// Managed Instances: many invocations at a time, of which none is announced to us.
    pub(super) managed_instances: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telemetry {
    /// Refused, or promised and never delivered.
    Silent,
    /// The subscription was accepted; nothing has come yet.
    Promised,
    Arriving,
    /// It comes, but an end that it should have told was not told: only a
    /// `platform.runtimeDone` shows that it tells ends at all.
    Endless,
}
