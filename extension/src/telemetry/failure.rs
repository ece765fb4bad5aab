use std::time::Duration;

use xray_document::{Cause, Exception, Exceptions};

use super::platform_event::Fault;

/// Error types of runtimes' own errors. Lambda reports the unknown ones if the type that the
/// runtime reported has another form (AWS's Lambda emulator, `fatalerror`).
const UNKNOWN_TYPES: [&str; 2] = ["Runtime.Unknown", "Function.Unknown"];

/// The one error type `Function.…` that Lambda finds itself.
const RESPONSE_TOO_LARGE: &str = "Function.ResponseSizeTooLarge";

/// The type that Lambda's response to the caller has after a timeout. Telemetry leaves it out
/// (AWS's Lambda emulator).
const TIMED_OUT: &str = "Sandbox.Timedout";

impl Fault {
    /// Returns whether the function needed more time than it may.
    pub(super) fn is_timeout(&self) -> bool {
        self.status == "timeout"
    }

    /// Returns whether the function itself reported the error: it ended as usual, and its own
    /// subsegment or Lambda's segment has the exception.
    pub(super) fn is_handled(&self) -> bool {
        self.status == "error"
            && self
                .error_type()
                .is_none_or(|kind| kind.starts_with("Function.") && kind != RESPONSE_TOO_LARGE)
    }

    /// The error type; `None` if Lambda reports none, or does not know it.
    pub(super) fn error_type(&self) -> Option<&str> {
        self.error_type
            .as_deref()
            .filter(|kind| !UNKNOWN_TYPES.contains(kind))
    }

    /// The exception of this fault. `duration` is the time after which the invocation ended;
    /// `None` if the fault is not an invocation's.
    pub(super) fn cause(&self, duration: Option<Duration>) -> Cause {
        let timed_out_after = duration.filter(|_| self.is_timeout());
        let kind = self.error_type().or(timed_out_after.map(|_| TIMED_OUT));
        let message = match (timed_out_after, kind) {
            // Lambda's words.
            (Some(duration), _) => {
                format!("Task timed out after {:.2} seconds", duration.as_secs_f64())
            }
            (_, Some("Runtime.OutOfMemory")) => "the runtime ran out of memory".to_owned(),
            (_, Some("Runtime.ExitError")) => "the runtime exited".to_owned(),
            _ => format!("Lambda reported {}", self.status),
        };
        let mut exception = Exception::new(kind.unwrap_or_default(), message);
        exception.kind = kind.map(str::to_owned);
        Cause::Exceptions(Exceptions {
            exceptions: vec![exception],
            ..Exceptions::default()
        })
    }
}
