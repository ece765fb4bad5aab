//! The input and the output of the sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use xray_document::{Document, TraceHeader};

use crate::process::SupervisorCommand;

/// The configuration of a function.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// `AWS_LAMBDA_FUNCTION_NAME`
    pub name: String,
    /// `AWS_REGION`
    pub region: String,
    /// Part of the function's ARN.
    pub account_id: String,
    /// `_HANDLER`. Most custom runtimes ignore it.
    pub handler: String,
    /// The folder of the unpacked code: `LAMBDA_TASK_ROOT` and the working directory.
    pub task_root: PathBuf,
    /// The executable of the runtime: a binary, or a script with a `#!` line.
    pub bootstrap: PathBuf,
    /// The executables of external extensions, in the order of their layers. In Lambda they
    /// are in `/opt/extensions`. 10 at most.
    pub extensions: Vec<PathBuf>,
    /// `Timeout`. Lambda's default is 3 s.
    pub timeout: Duration,
    /// `MemorySize` in MB. Lambda's default is 128. The sandbox does not limit memory; it warns.
    pub memory_mb: u32,
    /// `TracingConfig.Mode`
    pub tracing: TracingMode,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
}

/// `TracingConfig.Mode` (Lambda API reference, `TracingConfig`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TracingMode {
    /// Lambda samples requests and sends segments of its own.
    Active,
    /// Lambda passes the caller's trace on and sends no segments.
    #[default]
    PassThrough,
}

/// The configuration that all functions share.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Variables for every function and extension: credentials, `AWS_ENDPOINT_URL_XRAY`,
    /// `AWS_ENDPOINT_URL_DYNAMODB`. A function's own variables override them.
    pub environment: BTreeMap<String, String>,
    /// `AWS_XRAY_DAEMON_ADDRESS` (`host:port`) of functions without extensions. `None`, the
    /// default, sets a loopback port on which nothing listens.
    pub daemon_address: Option<String>,
    /// The sampling of requests whose callers did not decide.
    pub sampling: SamplingMode,
    /// The time after which an idle environment is shut down (`SPINDOWN`). Default: 5 minutes.
    pub idle_timeout: Duration,
    /// The maximum of concurrent requests to one function; further requests are throttled (429).
    /// Default: 100.
    pub max_concurrency: usize,
    /// Stops idle environments with SIGSTOP, as Lambda freezes them. Default: true.
    pub freeze: bool,
    /// The program that supervises the processes of an environment. Without it, which is the
    /// default, functions cannot start.
    pub supervisor: Option<SupervisorCommand>,
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
            supervisor: None,
        }
    }
}

/// The sampling of requests to functions with `Active` tracing whose callers did not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SamplingMode {
    /// Samples every request, as suits a developer's machine.
    #[default]
    Everything,
    /// Samples as Lambda does: the first request of each second, and 5 % of the rest.
    Lambda,
}

/// One request to a function.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The event, 6 MB at most.
    pub payload: Bytes,
    /// The caller's `X-Amzn-Trace-Id`.
    pub trace_header: Option<TraceHeader>,
    /// `X-Amz-Client-Context`, decoded from base64: JSON.
    pub client_context: Option<String>,
}

/// The result of a request with status 200.
#[derive(Debug, Clone)]
pub struct InvokeOutcome {
    /// `x-amzn-RequestId`
    pub request_id: String,
    /// The function's response; after an error of the function, the JSON object that describes
    /// it, `{"errorMessage":…,"errorType":…}`.
    pub payload: Bytes,
    /// `X-Amz-Function-Error`
    pub function_error: Option<FunctionError>,
    /// The trace header that the function received.
    pub trace_header: TraceHeader,
    /// `X-Amz-Log-Result` before base64: the last 4 KB of the log from START to the response.
    /// Lambda's ends with REPORT, which comes later here.
    pub log_tail: Vec<u8>,
}

/// The kind of a function's error (Lambda API reference, `Invoke`, `X-Amz-Function-Error`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionError {
    /// The sandbox reports every error as `Unhandled`.
    Handled,
    /// The function returned an error, timed out or crashed.
    Unhandled,
}

/// The result of a request with a status other than 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    /// 404 `ResourceNotFoundException`, with the name that the caller used.
    UnknownFunction(String),
    /// 429 `TooManyRequestsException`, with its message.
    TooManyRequests(String),
    /// 413 `RequestTooLargeException`, with the bytes of the payload: over 6 MB (6,291,456).
    RequestTooLarge(usize),
    /// 502: the runtime or an extension cannot start. The message has the next step.
    CannotStart(String),
    /// 503 `ServiceException`: the sandbox is shutting down.
    ShuttingDown,
}

/// Receives the segments that Lambda itself sends: `AWS::Lambda` and `AWS::Lambda::Function`.
pub trait SegmentSink: Send + Sync + 'static {
    /// Must not block.
    fn put(&self, documents: Vec<Document>);
}

/// Receives the functions' logs, as CloudWatch Logs does for Lambda.
pub trait LogSink: Send + Sync + 'static {
    /// Receives one line without its end. Must not block.
    fn line(&self, function: &str, source: LogSource, line: &str);
}

/// The writer of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// Lambda itself: INIT_START, START, END, REPORT.
    Platform,
    /// The runtime's process.
    Function,
    /// An extension's process.
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
