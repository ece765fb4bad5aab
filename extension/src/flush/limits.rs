use std::time::Duration;

/// The durations that the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most that sending may take after an invocation (`XRAY_LAMBDA_FLUSH_TIMEOUT_MS`).
    pub(super) flush_timeout: Duration,
    /// The most that a batch may take that goes beside other work and holds nothing.
    pub(super) send_timeout: Duration,
    /// Left between the end of sending and the deadline: `/next` must still be on its way.
    pub(super) deadline_margin: Duration,
    /// How long documents wait for company while an invocation runs.
    pub(super) linger: Duration,
    /// How long the first invocation is held for telemetry that was promised and has
    /// never come.
    pub(super) first_telemetry: Duration,
    /// How long SHUTDOWN waits for telemetry that is on its way: four times the least
    /// buffering that Lambda takes, 25 ms.
    pub(super) last_report: Duration,
    /// First retry delay at SHUTDOWN, the last chance to send.
    pub(super) first_retry_delay: Duration,
}

impl Limits {
    /// The defaults around a flush timeout.
    pub const fn with_flush_timeout(flush_timeout: Duration) -> Self {
        Self {
            flush_timeout,
            send_timeout: Duration::from_secs(5),
            deadline_margin: Duration::from_millis(100),
            linger: Duration::from_secs(1),
            first_telemetry: Duration::from_millis(100),
            last_report: Duration::from_millis(100),
            first_retry_delay: Duration::from_millis(100),
        }
    }
}
