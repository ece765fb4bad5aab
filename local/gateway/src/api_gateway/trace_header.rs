use http::{HeaderMap, HeaderName};
use xray_document::{Sampled, TRACE_HEADER, Timestamp, TraceHeader, TraceId};

use super::text::header_text;

pub(crate) const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The caller's trace header, with a new trace id if it has none. A parent without a trace
/// id is dropped, because it belongs to no trace.
pub(crate) fn request_trace_header(headers: &HeaderMap, at: Timestamp) -> TraceHeader {
    let mut header = headers
        .get(TRACE_HEADER)
        .map(header_text)
        .map(|text| TraceHeader::parse(&text))
        .unwrap_or_default();
    if header.root.is_none() {
        let seconds = u32::try_from(at.as_micros() / 1_000_000).unwrap_or(u32::MAX);
        header.root = Some(TraceId::random(seconds));
        header.parent = None;
    }
    header
}

/// The response's trace header: the trace id, and the sampling decision if there is one.
pub(crate) fn response_trace_header(header: &TraceHeader) -> String {
    let sampled = match header.sampled {
        Sampled::Requested => Sampled::Undecided,
        decided => decided,
    };
    TraceHeader {
        root: header.root,
        parent: None,
        sampled,
        extra: Vec::new(),
    }
    .to_string()
}
