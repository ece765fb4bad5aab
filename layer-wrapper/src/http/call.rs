use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};
use xray_document::{Namespace, TRACE_HEADER};

use crate::context;
use crate::record::{Details, Http};
use crate::subsegment::Subsegment;

/// The settings of a client.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// The callee sends segments of its own.
    pub(super) traced: bool,
    /// Sends W3C's `traceparent` header too.
    pub(super) traceparent: bool,
}

/// The parts of a request that are recorded.
pub(super) struct OutgoingRequest<'a> {
    pub(super) method: &'a str,
    /// `https` or `http`.
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) path: &'a str,
}

/// Begins the subsegment of a request. Returns `None` outside an invocation.
pub(super) fn begin(request: &OutgoingRequest<'_>, options: Options) -> Option<Subsegment> {
    let parent = context::get()?;
    if !parent.is_recording() {
        return Some(Subsegment::unrecorded(Some(parent)));
    }
    // Query and user may hold secrets. The official SDKs leave them out too.
    let OutgoingRequest {
        method,
        scheme,
        host,
        port,
        path,
    } = *request;
    let url = match port {
        Some(port) => format!("{scheme}://{host}:{port}{path}"),
        None => format!("{scheme}://{host}{path}"),
    };
    let http = Http {
        method: method.to_owned(),
        url,
        traced: options.traced,
        ..Http::default()
    };
    let mut details = Details::new(host.to_owned().into());
    details.namespace = Some(Namespace::Remote);
    details.rare().http = Some(http);
    Some(Subsegment::begin(&parent, details))
}

/// Adds the trace headers to a request. Headers that it already has stay.
pub(super) fn inject(subsegment: &Subsegment, headers: &mut HeaderMap, options: Options) {
    let mut insert = |name: &str, value: Option<String>| {
        let name = HeaderName::try_from(name).ok();
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        if let (Some(name), Some(value)) = (name, value)
            && !headers.contains_key(&name)
        {
            // If the map is full, the request is sent without the header.
            let _ = headers.try_insert(name, value);
        }
    };
    insert(TRACE_HEADER, subsegment.header_text());
    if options.traceparent {
        insert(
            "traceparent",
            subsegment
                .trace_header()
                .and_then(|header| header.to_traceparent()),
        );
    }
}

/// Records the response's status and length.
pub(super) fn record_response(subsegment: &Subsegment, status: u16, headers: &HeaderMap) {
    subsegment.edit(|details| {
        details.flags.set_status(status);
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        if let Some(http) = &mut details.rare().http {
            http.status = Some(status);
            http.content_length = length;
        }
    });
}
