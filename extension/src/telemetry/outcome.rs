use std::time::Duration;

use xray_document::{Document, TraceId};

use crate::raw_document::RawDocument;

/// The result of recording an event.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The documents that are complete now.
    pub documents: Vec<Document>,
    /// The complete versions of documents that a function left in progress when it timed out or
    /// crashed.
    pub completed: Vec<RawDocument>,
    /// The outcome of the invocation that the event ended; once for each invocation.
    pub outcome: Option<InvocationOutcome>,
}

/// The outcome of an invocation, from `platform.runtimeDone`, or from `platform.report` if the
/// platform does not send that event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationOutcome {
    /// The trace of the invocation's documents.
    pub trace_id: TraceId,
    /// True if `platform.start` reports the invocation as sampled. INVOKE may arrive later.
    pub is_sampled: bool,
    /// True if the function reported an error, timed out or crashed.
    pub fault: bool,
    /// The time that the function needed; `None` if the platform does not report it.
    pub duration: Option<Duration>,
    /// True for the first invocation of an environment. As in the wrapper, it is false with
    /// provisioned concurrency and on Managed Instances, and true after a restore.
    pub cold_start: bool,
}
