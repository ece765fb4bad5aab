use std::sync::Arc;

use xray_document::Timestamp;

use super::category::TelemetryCategory;
use super::init::{InitPhase, InitReport};
use super::progress::Progress;
use super::trace::SampledTrace;
use crate::state::{Failure, RegisteredEvents};
use crate::{FunctionConfig, InvokeError};

/// One fact that the platform reports. It holds times, ids and results, no presentation.
#[derive(Debug)]
pub(crate) enum PlatformEvent<'a> {
    InitStart {
        phase: InitPhase,
        function: &'a FunctionConfig,
        log_stream: &'a str,
        runtime_version: &'a str,
    },
    /// The runtime called `/next` for the first time, or init failed before it did.
    InitRuntimeDone {
        phase: InitPhase,
        failure: Option<&'a Failure>,
    },
    InitReport(&'a InitReport),
    /// An extension is ready or reported an error.
    Extension {
        name: &'a str,
        events: RegisteredEvents,
        report: ExtensionReport<'a>,
    },
    TelemetrySubscription {
        name: &'a str,
        types: &'a [TelemetryCategory],
    },
    /// A subscriber of the Telemetry API was too slow. Only that subscriber receives it.
    LogsDropped {
        records: usize,
        bytes: usize,
    },
    /// The function has an environment, or may start one, for the request.
    Accepted {
        request: &'a ReceivedRequest,
    },
    /// The caller received an error instead of a response.
    Rejected {
        request: &'a ReceivedRequest,
        at: Timestamp,
        error: &'a InvokeError,
    },
    /// The invocation begins in its environment.
    Start {
        request: &'a ReceivedRequest,
        at: Timestamp,
    },
    /// The caller received a response, or the error of the function.
    Responded {
        request: &'a ReceivedRequest,
        at: Timestamp,
        is_error: bool,
    },
    /// The runtime called `/next` again, or the invocation failed before it did.
    RuntimeDone {
        request: &'a ReceivedRequest,
        progress: &'a Progress,
        failure: Option<&'a Failure>,
        end: Timestamp,
    },
    /// The environment failed during the invocation.
    Failed {
        request: &'a ReceivedRequest,
        failure: &'a Failure,
        at: Timestamp,
    },
    Report(InvocationReport<'a>),
}

/// A request that reached its function.
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) id: String,
    pub(crate) function: Arc<FunctionConfig>,
    /// The time of its arrival.
    pub(crate) at: Timestamp,
    /// `None` if the request is not sampled or tracing is not `Active`.
    pub(crate) trace: Option<SampledTrace>,
}

/// The change of an extension. An error comes with the type that the extension reported.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExtensionReport<'a> {
    Ready,
    InitError(&'a str),
    ExitError(&'a str),
}

impl<'a> ExtensionReport<'a> {
    /// The name of the state in log lines and telemetry.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::InitError(_) => "InitError",
            Self::ExitError(_) => "ExitError",
        }
    }

    pub(super) fn error_type(self) -> Option<&'a str> {
        match self {
            Self::Ready => None,
            Self::InitError(error_type) | Self::ExitError(error_type) => Some(error_type),
        }
    }
}

/// The end of an invocation.
#[derive(Debug)]
pub(crate) struct InvocationReport<'a> {
    pub(crate) request: &'a ReceivedRequest,
    pub(crate) progress: &'a Progress,
    /// Present if the environment ended with the invocation. An error that the runtime reported
    /// for this request alone is in `progress`.
    pub(crate) failure: Option<&'a Failure>,
    pub(crate) end: Timestamp,
    pub(crate) peak_memory_mb: u64,
}
