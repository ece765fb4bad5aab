//! What the sandbox takes and gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use xray_document::{Document, TraceHeader};

/// A function as the sandbox runs it.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: String,
    pub region: String,
    pub account_id: String,
    /// `_HANDLER`; custom runtimes mostly ignore it.
    pub handler: String,
    /// `LAMBDA_TASK_ROOT` and the working directory: the folder of the unpacked code.
    pub task_root: PathBuf,
    /// The executable that is the runtime: a binary, or a script with a `#!` line.
    pub bootstrap: PathBuf,
    /// Executables that a layer would put into `/opt/extensions`, in the order of the layers.
    pub extensions: Vec<PathBuf>,
    /// `Timeout`; Lambda's default is 3 s.
    pub timeout: Duration,
    /// `MemorySize`, MB; Lambda's default is 128.
    pub memory_mb: u32,
    pub tracing: TracingMode,
    /// The function's own variables, resolved.
    pub environment: BTreeMap<String, String>,
}

/// `TracingConfig.Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TracingMode {
    Active,
    #[default]
    PassThrough,
}

/// How the sandbox behaves for every function.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Variables that every function and extension gets beneath its own: credentials,
    /// `AWS_ENDPOINT_URL_XRAY`, `AWS_ENDPOINT_URL_DYNAMODB`.
    pub environment: BTreeMap<String, String>,
    /// Where a function without an extension of ours finds a daemon:
    /// `AWS_XRAY_DAEMON_ADDRESS`, `host:port`. `None` sets a port of loopback on which
    /// nothing listens.
    pub daemon_address: Option<String>,
    pub sampling: SamplingMode,
    /// How long an environment may stay idle before it is shut down (`SPINDOWN`).
    pub idle_timeout: Duration,
    /// How many environments one function may have at once; more requests are throttled (429).
    pub max_concurrency: usize,
    /// Whether idle environments are stopped with SIGSTOP as Lambda freezes them.
    pub freeze: bool,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            environment: BTreeMap::new(),
            daemon_address: None,
            sampling: SamplingMode::Everything,
            idle_timeout: Duration::from_secs(5 * 60),
            max_concurrency: 100,
            freeze: true,
        }
    }
}

/// How `Active` tracing decides where the caller has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SamplingMode {
    /// Every request: it is a desk.
    #[default]
    Everything,
    /// As Lambda: the first request of each second, and 5 % of the rest.
    Lambda,
}

/// One request to a function.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    pub payload: Bytes,
    /// The caller's `X-Amzn-Trace-Id`.
    pub trace_header: Option<TraceHeader>,
    /// `X-Amz-Client-Context`, decoded JSON.
    pub client_context: Option<String>,
}

/// What the caller of a function gets: what `Invoke` answers with status 200.
#[derive(Debug, Clone)]
pub struct InvokeOutcome {
    pub request_id: String,
    /// The response, or on a function error Lambda's
    /// `{"errorMessage":…,"errorType":…}`.
    pub payload: Bytes,
    /// `X-Amz-Function-Error`.
    pub function_error: Option<FunctionError>,
    /// The trace header under which the function ran.
    pub trace_header: TraceHeader,
    /// The last 4 KB of the invocation's log, START to REPORT: `X-Amz-Log-Result` before
    /// base64. Everything up to the response is in it; REPORT is, once the extensions are done.
    pub log_tail: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionError {
    Handled,
    Unhandled,
}

/// What `Invoke` answers with another status than 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    /// 404 `ResourceNotFoundException`
    UnknownFunction(String),
    /// 429 `TooManyRequestsException`
    TooManyRequests(String),
    /// 413 `RequestTooLargeException`: over 6 MB (6,291,556 bytes)
    RequestTooLarge(usize),
    /// 502: the runtime or an extension could not be started. The text says what to do.
    CannotStart(String),
    /// 503 `ServiceException`: the sandbox is shutting down
    ShuttingDown,
}

/// Where documents that the platform itself draws are sent: `AWS::Lambda` and
/// `AWS::Lambda::Function` segments. Must not block.
pub trait SegmentSink: Send + Sync + 'static {
    fn put(&self, documents: Vec<Document>);
}

/// Where a function's log goes, line by line, as CloudWatch would get it. Must not block.
pub trait LogSink: Send + Sync + 'static {
    /// One line without its end, of `source`.
    fn line(&self, function: &str, source: LogSource, line: &str);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// INIT_START, START, END, REPORT.
    Platform,
    Function,
    Extension,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A function with `Active` tracing and the defaults of Lambda.
    pub(crate) fn function(name: &str) -> FunctionConfig {
        FunctionConfig {
            name: name.to_owned(),
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            handler: "app.handler".to_owned(),
            task_root: "/".into(),
            bootstrap: "/bootstrap".into(),
            extensions: Vec::new(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            tracing: TracingMode::Active,
            environment: BTreeMap::new(),
        }
    }
}
