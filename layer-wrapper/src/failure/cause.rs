use std::borrow::Cow;

use xray_document::SegmentId;

/// The cause of a subsegment's failure.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The exception was recorded in another subsegment of the trace.
    Reference(SegmentId),
    /// The exceptions from the outermost error to the innermost.
    Exceptions(Vec<Exception>),
}

/// One error of a chain.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) id: SegmentId,
    pub(crate) message: String,
    pub(crate) kind: Cow<'static, str>,
    /// A downstream service returned it.
    pub(crate) remote: bool,
    /// The id of the next exception in the chain.
    pub(crate) cause: Option<SegmentId>,
}
