use std::time::Instant;

/// An action that [`FlushControl`](super::FlushControl) asks for. Batches must end by `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Call `/next`.
    Next,
    /// Start to send all buffered documents.
    Send { until: Instant },
    /// Start to send full batches.
    SendFull { until: Instant },
    /// Start to send all buffered documents, and report [`Input::Idle`](super::Input::Idle)
    /// when nothing is in flight any more.
    Flush { until: Instant },
    /// End the process.
    Exit,
}
