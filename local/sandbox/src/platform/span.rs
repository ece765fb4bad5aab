use std::time::Duration;

use xray_document::Timestamp;

/// A part of an invocation's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// The Telemetry API's name, for example `responseLatency`.
    pub(super) name: &'static str,
    pub(super) start: Timestamp,
    pub(super) duration: Duration,
}

impl Span {
    pub(super) fn new(name: &'static str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            name,
            start,
            duration: end.since(start),
        }
    }
}
