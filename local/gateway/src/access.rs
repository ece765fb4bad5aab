use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use xray_document::{Timestamp, TraceId};

use crate::common_log_time::common_log_time;

/// One request to an API and its response. Displays as one line of an access log.
#[derive(Debug, Clone)]
pub struct Access {
    /// The time of the request's arrival.
    pub time: Timestamp,
    /// The address of the TCP connection.
    pub source_ip: IpAddr,
    /// `GET`, `POST`, …
    pub method: String,
    /// Percent-encoded, as the caller sent it. Without the query, which may hold secrets.
    pub path: String,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    pub protocol: &'static str,
    /// The response's status.
    pub status: u16,
    /// Bytes of the response body.
    pub response_bytes: usize,
    /// From the arrival to the response.
    pub duration: Duration,
    /// The function that the route invokes; `None` without a route.
    pub function: Option<String>,
    /// The trace of the invocation; `None` if no function was called.
    pub trace_id: Option<TraceId>,
    /// The reason, if the gateway itself gave the response: for example the list of existing
    /// routes, or the error in the function's result. The caller does not see it.
    pub note: Option<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source_ip,
            method,
            path,
            protocol,
            status,
            response_bytes,
            ..
        } = self;
        let time = common_log_time(self.time);
        let milliseconds = self.duration.as_secs_f64() * 1e3;
        write!(
            f,
            "{source_ip} - - [{time}] \"{method} {path} {protocol}\" {status} {response_bytes} {milliseconds:.1}ms"
        )?;
        if let Some(function) = &self.function {
            write!(f, " {function}")?;
        }
        if let Some(trace_id) = &self.trace_id {
            write!(f, " {trace_id}")?;
        }
        if let Some(note) = &self.note {
            write!(f, ": {note}")?;
        }
        Ok(())
    }
}

/// Receives the access log. Must not block.
pub trait AccessLog: Send + Sync + 'static {
    /// Records one request. Called once for each.
    fn access(&self, access: &Access);
}
