use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use xray_document::{Timestamp, TraceHeader};

use super::text::header_text;
use super::trace_header::{X_AMZN_TRACE_ID, request_trace_header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers that belong to one connection; no proxy sends them on (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request as the gateway took it, with what the gateway adds.
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) at: Timestamp,
    pub(crate) method: Method,
    /// As the caller sent it, percent-encoded.
    pub(crate) path: String,
    /// Without `?`; empty where there is none.
    pub(crate) query: String,
    pub(crate) protocol: &'static str,
    /// As sent on to the function: `X-Forwarded-*` and the trace header are in it.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) source_ip: IpAddr,
    /// The first address of the caller's own `X-Forwarded-For`.
    pub(crate) forwarded_for: Option<String>,
    /// The `Host` header.
    pub(crate) host: String,
    /// The trace it belongs to. Has a root.
    pub(crate) trace: TraceHeader,
    pub(crate) request_id: String,
    /// Sixteen characters such as `JKJaXmPLvHcESHA=`.
    pub(crate) extended_request_id: String,
}

impl ReceivedRequest {
    /// Takes a request; its body is read later.
    pub(crate) fn new(parts: Parts, at: Timestamp) -> Self {
        let caller = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let source_ip = caller.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(caller)| {
            caller.ip()
        });
        let host = parts.headers.get(header::HOST).map(header_text);
        let host = host.or_else(|| parts.uri.authority().map(ToString::to_string));
        let host = host.unwrap_or_else(|| "localhost".to_owned());

        let forwarded_for = parts.headers.get(X_FORWARDED_FOR).map(header_text);
        let first = |list: &String| list.split(',').next().map(|first| first.trim().to_owned());
        let mut received = Self {
            at,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            protocol: protocol(parts.version),
            headers: parts.headers,
            body: Bytes::new(),
            source_ip,
            forwarded_for: forwarded_for
                .as_ref()
                .and_then(first)
                .filter(|first| !first.is_empty()),
            host,
            trace: TraceHeader::default(),
            request_id: uuid::Uuid::new_v4().to_string(),
            extended_request_id: BASE64_STANDARD.encode(&fastrand::u128(..).to_le_bytes()[..11]),
        };
        received.trace = request_trace_header(&received.headers, at);
        received.add_headers(forwarded_for);
        received
    }

    /// The headers that API Gateway sets on the way to an integration.
    fn add_headers(&mut self, forwarded_for: Option<String>) {
        for name in HOP_BY_HOP {
            self.headers.remove(name);
        }
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
            // A list of addresses from a caller may have bytes that no header has.
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

    /// The header's first value.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<String> {
        self.headers.get(name).map(header_text)
    }

    /// Scheme, host and path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.host, self.path)
    }
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
