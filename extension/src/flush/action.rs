use std::time::Instant;

/// An action that [`FlushControl`](super::FlushControl) asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Call `/next`.
    Next,
    /// Start to send all buffered documents. Nothing waits for the requests.
    Send,
    /// Start to send full batches. Nothing waits for the requests.
    SendFull,
    /// Start to send all buffered documents, and report [`Input::Idle`](super::Input::Idle)
    /// when nothing is in flight any more. The wait ends at `until`.
    Flush { until: Instant },
    /// End the process.
    Exit,
}
