#[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
use std::fmt::Write as _;

use xray_document::{Sampled, SegmentId, TraceHeader, TraceId};

/// The trace of an invocation, from the header in the invocation's context.
#[derive(Debug)]
pub(crate) struct Trace {
    header: TraceHeader,
}

impl Trace {
    /// Reads the header of the invocation's context, which is the only safe source: on Managed
    /// Instances `_X_AMZN_TRACE_ID` is unset or belongs to another invocation.
    pub(crate) fn new(header: Option<&str>) -> Self {
        let header = TraceHeader::parse(header.unwrap_or_default());
        Self { header }
    }

    /// Returns whether Lambda records this trace: the header has a root, a parent and `Sampled=1`
    /// (aws-xray-sdk-node). In PassThrough it has only a root.
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

    /// The header for a call by the subsegment `parent`. Without a parent, the header of the
    /// invocation.
    pub(crate) fn header(&self, parent: Option<SegmentId>) -> TraceHeader {
        TraceHeader {
            parent: parent.or(self.header.parent),
            ..self.header.clone()
        }
    }

    /// [`header`](Self::header) as text. `None` if the invocation has no trace.
    #[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
    pub(crate) fn header_text(&self, parent: Option<SegmentId>) -> Option<String> {
        let root = self.header.root?;
        let Some(parent) = parent else {
            return Some(self.header.to_string());
        };
        let mut text = String::with_capacity(128);
        // Writing to a string never fails.
        let _ = write!(text, "Root={root};Parent={parent};Sampled=1");
        for (key, value) in &self.header.extra {
            let _ = write!(text, ";{key}={value}");
        }
        Some(text)
    }
}
