use std::time::Duration;

/// The durations that the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most that sending may take after an invocation (`XRAY_LAMBDA_FLUSH_TIMEOUT_MS`).
    pub flush: Duration,
    /// The most that a batch may take that goes beside other work and holds nothing.
    pub attempt: Duration,
    /// Left between the end of sending and the deadline: `/next` must still be on its way.
    pub margin: Duration,
    /// How long documents wait for company while an invocation runs.
    pub linger: Duration,
    /// How long the first invocation is held for telemetry that was promised and has
    /// never come.
    pub patience: Duration,
    /// How long SHUTDOWN waits for telemetry that is on its way: four times the least
    /// buffering that Lambda takes, 25 ms.
    pub telemetry: Duration,
    /// First retry delay at SHUTDOWN, the last chance to send.
    pub retry: Duration,
}

impl Limits {
    /// The defaults around a flush timeout.
    pub const fn with_flush(flush: Duration) -> Self {
        Self {
            flush,
            attempt: Duration::from_secs(5),
            margin: Duration::from_millis(100),
            linger: Duration::from_secs(1),
            patience: Duration::from_millis(100),
            telemetry: Duration::from_millis(100),
            retry: Duration::from_millis(100),
        }
    }
}
