#[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
use std::fmt::Write as _;

use xray_document::{Sampled, SegmentId, TraceHeader, TraceId};

/// The trace that an invocation belongs to, from the header in its context.
#[derive(Debug)]
pub(crate) struct Trace {
    header: TraceHeader,
}

impl Trace {
    /// Reads the header of the invocation's context. There is no other source: on Managed
    /// Instances `_X_AMZN_TRACE_ID` is not set, and before that it was another's.
    pub(crate) fn new(header: Option<&str>) -> Self {
        let header = TraceHeader::parse(header.unwrap_or_default());
        Self { header }
    }

    /// Whether Lambda records this trace. In PassThrough the header has a root only; what
    /// has less than root, parent and `Sampled=1` is not recorded (aws-xray-sdk-node).
    pub(crate) const fn is_sampled(&self) -> bool {
        self.header.root.is_some()
            && self.header.parent.is_some()
            && matches!(self.header.sampled, Sampled::Yes)
    }

    pub(crate) const fn root(&self) -> Option<TraceId> {
        self.header.root
    }

    pub(crate) const fn parent(&self) -> Option<SegmentId> {
        self.header.parent
    }

    /// The header for a call that the subsegment `parent` makes; without one, the header
    /// of the invocation itself.
    pub(crate) fn header(&self, parent: Option<SegmentId>) -> TraceHeader {
        TraceHeader {
            parent: parent.or(self.header.parent),
            ..self.header.clone()
        }
    }

    /// [`header`](Self::header) as the text that is sent. `None` where no trace came in.
    #[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
    pub(crate) fn header_text(&self, parent: Option<SegmentId>) -> Option<String> {
        let root = self.header.root?;
        let Some(parent) = parent else {
            return Some(self.header.to_string());
        };
        let mut text = String::with_capacity(128);
        // Writing to a string does not fail.
        let _ = write!(text, "Root={root};Parent={parent};Sampled=1");
        for (key, value) in &self.header.extra {
            let _ = write!(text, ";{key}={value}");
        }
        Some(text)
    }
}
