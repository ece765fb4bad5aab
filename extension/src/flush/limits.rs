use std::time::Duration;

/// The durations that [`FlushControl`](super::FlushControl) uses. Each but the last bounds a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The longest flush after an invocation (`XRAY_LAMBDA_FLUSH_TIMEOUT_MS`). If it is zero,
    /// nothing is held.
    pub(super) flush_timeout: Duration,
    /// The time between the end of sending and the deadline, for the request to `/next`.
    pub(super) deadline_margin: Duration,
    /// The time between the end of the last flush and the deadline of SHUTDOWN, to log what was
    /// not sent and to exit. Lambda kills the process at the deadline.
    pub(super) shutdown_margin: Duration,
    /// The time that documents wait for a batch to become full while an invocation runs, and
    /// before failed documents are sent again.
    pub(super) linger: Duration,
    /// The same in dense traffic, and the time between two batches there. One request then
    /// carries the documents of several invocations, so that the CPU time for requests does not
    /// grow with the traffic. The documents that wait when dense traffic ends are those of its
    /// last 200 ms.
    pub(super) dense_linger: Duration,
    /// The time that the first invocation is held until telemetry arrives.
    pub(super) first_telemetry: Duration,
    /// The time that SHUTDOWN waits for the last report: four times 25 ms, the shortest
    /// buffering that Lambda allows.
    pub(super) last_report: Duration,
    /// First retry delay at SHUTDOWN, the last chance to send.
    pub(super) first_retry_delay: Duration,
    /// The number of invocations held without a document of the function, after which none is
    /// held. A document that arrives later still shows that holding is of use.
    pub(super) holds_without_documents: u32,
}

impl Limits {
    /// The defaults, with this flush timeout.
    pub const fn with_flush_timeout(flush_timeout: Duration) -> Self {
        Self {
            flush_timeout,
            deadline_margin: Duration::from_millis(100),
            shutdown_margin: Duration::from_millis(200),
            linger: Duration::from_secs(1),
            dense_linger: Duration::from_millis(200),
            first_telemetry: Duration::from_millis(100),
            last_report: Duration::from_millis(100),
            first_retry_delay: Duration::from_millis(100),
            holds_without_documents: 5,
        }
    }
}
