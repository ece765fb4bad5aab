use bytes::Bytes;
use serde_json::json;

use super::extension::ShutdownReason;
use crate::process::Exit;

/// The reason why an environment has to end, with Lambda's error types and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The runtime called `init/error`.
    RuntimeInit { error_type: String, payload: Bytes },
    /// The process of the runtime ended.
    RuntimeExit(Exit),
    /// An extension called `init/error`.
    ExtensionInit { name: String, error_type: String },
    /// An extension called `exit/error`.
    ExtensionExit { name: String, error_type: String },
    /// The process of an extension ended.
    ExtensionCrash { name: String, exit: Exit },
    /// Init or the invocation took longer than allowed.
    Timeout,
    /// The sandbox shut down during the invocation.
    Interrupted,
}

impl Failure {
    /// An executable cannot start anymore, though it started before.
    pub(crate) fn entrypoint(message: &str) -> Self {
        let error_type = "Runtime.InvalidEntrypoint";
        let payload = json!({"errorType": error_type, "errorMessage": message}).to_string();
        Self::RuntimeInit {
            error_type: error_type.to_owned(),
            payload: payload.into(),
        }
    }

    /// The reason that extensions receive with SHUTDOWN.
    pub(crate) fn shutdown_reason(&self) -> ShutdownReason {
        match self {
            Self::Timeout => ShutdownReason::Timeout,
            Self::Interrupted => ShutdownReason::Spindown,
            _ => ShutdownReason::Failure,
        }
    }

    /// Lambda's `errorType`.
    pub(crate) fn error_type(&self) -> &str {
        match self {
            Self::RuntimeInit { error_type, .. } => error_type,
            Self::RuntimeExit(_) => "Runtime.ExitError",
            Self::ExtensionInit { .. } => "Extension.InitError",
            Self::ExtensionExit { .. } => "Extension.ExitError",
            Self::ExtensionCrash { .. } => "Extension.Crash",
            Self::Timeout => "Sandbox.Timedout",
            Self::Interrupted => "Sandbox.Failure",
        }
    }

    /// The text after `RequestId: … Error: `.
    pub(crate) fn message(&self, timeout: std::time::Duration) -> String {
        match self {
            Self::RuntimeInit { error_type, .. } => {
                format!("the runtime's init failed: {error_type}")
            }
            Self::RuntimeExit(Exit::Code(0)) => {
                "Runtime exited without providing a reason".to_owned()
            }
            Self::RuntimeExit(exit) => format!("Runtime exited with error: {exit}"),
            Self::ExtensionInit { name, error_type } | Self::ExtensionExit { name, error_type } => {
                format!("extension {name}: {error_type}")
            }
            Self::ExtensionCrash { name, exit } => format!("extension {name}: {exit}"),
            Self::Timeout => format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            Self::Interrupted => "the sandbox was shut down".to_owned(),
        }
    }

    /// The response that the caller of the function receives.
    pub(crate) fn payload(&self, request_id: &str, timeout: std::time::Duration) -> Bytes {
        if let Self::RuntimeInit { payload, .. } = self
            && !payload.is_empty()
        {
            return payload.clone();
        }
        let message = format!("RequestId: {request_id} Error: {}", self.message(timeout));
        // Lambda writes the type first; serde_json would sort the message before it.
        let (kind, message) = (json!(self.error_type()), json!(message));
        Bytes::from(format!(
            r#"{{"errorType":{kind},"errorMessage":{message}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn payload(failure: &Failure) -> String {
        String::from_utf8(failure.payload("r-1", Duration::from_secs(3)).to_vec()).unwrap()
    }

    #[test]
    fn failures_have_lambdas_shape() {
        assert_eq!(
            payload(&Failure::Timeout),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 3.00 seconds"}"#
        );
        assert_eq!(
            payload(&Failure::RuntimeExit(Exit::Code(1))),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: Runtime exited with error: exit status 1"}"#
        );
        assert_eq!(
            payload(&Failure::RuntimeExit(Exit::Signal(9))),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: Runtime exited with error: signal: killed"}"#
        );
    }

    #[test]
    fn the_init_error_of_a_runtime_reaches_the_caller() {
        let init_error = Bytes::from_static(b"{\"errorType\":\"ImportError\"}");
        let failure = Failure::RuntimeInit {
            error_type: "Runtime.ImportError".into(),
            payload: init_error.clone(),
        };
        assert_eq!(failure.payload("r-1", Duration::from_secs(3)), init_error);
    }
}
