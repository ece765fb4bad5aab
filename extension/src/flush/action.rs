use std::time::Instant;

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Call `/next`.
    Next,
    /// Start to send what is buffered, beside whatever runs.
    Send { until: Instant },
    /// Start to send the batches that are full.
    SendFull { until: Instant },
    /// Send everything that is buffered and tell when that is [`Input::Idle`](super::Input::Idle).
    Flush { until: Instant },
    /// End the process.
    Exit,
}
