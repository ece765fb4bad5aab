use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use xray_document::{Timestamp, TraceId};

use crate::common_log_time::common_log_time;

/// One request to an API, once it is answered. Displays as one line, like `sam local`'s.
#[derive(Debug, Clone)]
pub struct Access {
    /// When the request came.
    pub time: Timestamp,
    pub source_ip: IpAddr,
    pub method: String,
    /// As the caller sent it, without the query, which may hold secrets.
    pub path: String,
    /// `HTTP/1.1`
    pub protocol: &'static str,
    pub status: u16,
    /// Bytes of the response's body.
    pub response_bytes: usize,
    pub duration: Duration,
    /// The function that the route leads to.
    pub function: Option<String>,
    pub trace_id: Option<TraceId>,
    /// Why the gateway itself answered, where the caller's message does not say: the
    /// routes there are, or what is wrong with the function's response.
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

/// Where requests are logged. Must not block.
pub trait AccessLog: Send + Sync + 'static {
    /// Called once for each request.
    fn access(&self, access: &Access);
}
