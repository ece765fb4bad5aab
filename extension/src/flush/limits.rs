use std::time::Duration;

/// The durations that [`FlushControl`](super::FlushControl) uses.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest flush after an invocation (`XRAY_LAMBDA_FLUSH_TIMEOUT_MS`).
    pub(super) flush_timeout: Duration,
    /// The longest time for a batch that delays nothing.
    pub(super) send_timeout: Duration,
    /// The time between the end of sending and the deadline, for the request to `/next`.
    pub(super) deadline_margin: Duration,
    /// The time that documents wait for a batch to become full while an invocation runs.
    pub(super) linger: Duration,
    /// The time that the first invocation is held until telemetry arrives.
    pub(super) first_telemetry: Duration,
    /// The time that SHUTDOWN waits for the last report: four times 25 ms, the shortest
    /// buffering that Lambda allows.
    pub(super) last_report: Duration,
    /// First retry delay at SHUTDOWN, the last chance to send.
    pub(super) first_retry_delay: Duration,
}

impl Limits {
    /// The defaults, with this flush timeout.
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
