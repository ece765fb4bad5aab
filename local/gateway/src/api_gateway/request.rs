use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use xray_document::{Timestamp, TraceHeader};
use xray_local_listener::remove_hop_by_hop_headers;

use super::text::header_text;
use super::trace_header::{X_AMZN_TRACE_ID, request_trace_header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A request as it arrived, with the ids and headers that the gateway adds.
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) at: Timestamp,
    pub(crate) method: Method,
    /// Percent-encoded, as the caller sent it.
    pub(crate) path: String,
    /// Without `?`. Empty if the request has no query.
    pub(crate) query: String,
    pub(crate) protocol: &'static str,
    /// The headers of the event, with `X-Forwarded-*` and the trace header.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) source_ip: IpAddr,
    /// The first address of the caller's own `X-Forwarded-For`.
    pub(crate) forwarded_for: Option<String>,
    /// The `Host` header, or else the authority of the request target.
    pub(crate) host: String,
    /// Has a trace id: the caller's, or a new one.
    pub(crate) trace: TraceHeader,
    pub(crate) request_id: String,
    /// Sixteen characters such as `JKJaXmPLvHcESHA=`.
    pub(crate) extended_request_id: String,
}

impl ReceivedRequest {
    /// A request that arrived at `at`, with an empty body. The body is read later, once a
    /// route is found.
    pub(crate) fn new(parts: Parts, at: Timestamp) -> Self {
        let caller = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let source_ip = caller.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(caller)| {
            caller.ip()
        });
        let host = parts.headers.get(header::HOST).map(header_text);
        let host = host.or_else(|| parts.uri.authority().map(ToString::to_string));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let forwarded_for = parts.headers.get(X_FORWARDED_FOR).map(header_text);
        let mut received = Self {
            at,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            protocol: protocol(parts.version),
            headers: parts.headers,
            body: Bytes::new(),
            source_ip,
            forwarded_for: forwarded_for.as_deref().and_then(first_address),
            host,
            trace: TraceHeader::default(),
            request_id: uuid::Uuid::new_v4().to_string(),
            extended_request_id: BASE64_STANDARD.encode(&fastrand::u128(..).to_le_bytes()[..11]),
        };
        received.trace = request_trace_header(&received.headers, at);
        received.add_headers(forwarded_for);
        received
    }

    /// Sets the headers that API Gateway adds to the request for an integration.
    fn add_headers(&mut self, forwarded_for: Option<String>) {
        remove_hop_by_hop_headers(&mut self.headers);
        let forwarded_for = match forwarded_for {
            Some(list) => format!("{list}, {}", self.source_ip),
            None => self.source_ip.to_string(),
        };
        let port = self.host.rsplit_once(':').map(|(_, port)| port.to_owned());
        let port = port
            .filter(|port| port.parse::<u16>().is_ok())
            .unwrap_or_else(|| "80".to_owned());
        let trace = self.trace.to_string();
        let added = [
            (X_FORWARDED_FOR, forwarded_for),
            (X_FORWARDED_PORT, port),
            (X_FORWARDED_PROTO, "http".to_owned()),
            (X_AMZN_TRACE_ID, trace),
        ];
        for (name, value) in added {
            // Fails if the caller's own header is not ASCII. That header then stays as it is.
            if let Ok(value) = HeaderValue::from_str(&value) {
                self.headers.insert(name, value);
            }
        }
        if !self.headers.contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(&self.host)
        {
            self.headers.insert(header::HOST, host);
        }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<String> {
        self.headers.get(name).map(header_text)
    }

    /// The URL without the query.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.host, self.path)
    }
}

/// The first entry of a comma-separated list, if it is not empty.
fn first_address(list: &str) -> Option<String> {
    let first = list.split(',').next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}
