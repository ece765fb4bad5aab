use std::fmt;

use serde::Deserialize;

/// What `/next` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Invoke(Invoke),
    /// The environment ends; at `deadline_ms` (epoch) it is killed.
    Shutdown {
        reason: ShutdownReason,
        deadline_ms: u64,
    },
    /// One that Lambda invented after this was written: skipped.
    Unknown,
}

/// An invocation has begun, or is about to: the runtime is told at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    pub request_id: String,
    /// When the function's timeout strikes, in epoch milliseconds.
    pub deadline_ms: u64,
    pub function_arn: String,
    /// The sandbox's trace header; empty where Lambda gives none.
    pub trace_header: String,
}

/// Why an environment ends. Lambda documents SPINDOWN, TIMEOUT and FAILURE; its emulator
/// says `SandboxTerminated`, `Timeout`, `ReleaseFail` and `spindown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownReason {
    Spindown,
    Timeout,
    Failure,
    Other(String),
}

impl Event {
    /// Reads `/next`'s body; `None` where it is not an event at all.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        Some(match wire.event_type.as_str() {
            "INVOKE" => Self::Invoke(Invoke {
                request_id: wire.request_id.unwrap_or_default(),
                deadline_ms: wire.deadline_ms.unwrap_or(0),
                function_arn: wire.invoked_function_arn.unwrap_or_default(),
                trace_header: wire
                    .tracing
                    .and_then(|tracing| tracing.value)
                    .unwrap_or_default(),
            }),
            "SHUTDOWN" => Self::Shutdown {
                reason: ShutdownReason::from(wire.shutdown_reason.unwrap_or_default()),
                deadline_ms: wire.deadline_ms.unwrap_or(0),
            },
            _ => Self::Unknown,
        })
    }
}

impl From<String> for ShutdownReason {
    fn from(text: String) -> Self {
        let lower = text.to_ascii_lowercase();
        if lower.contains("spindown") || lower.contains("terminated") {
            Self::Spindown
        } else if lower.contains("time") {
            Self::Timeout
        } else if lower.contains("fail") {
            Self::Failure
        } else {
            Self::Other(text)
        }
    }
}

impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
            Self::Other(text) => text,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    event_type: String,
    request_id: Option<String>,
    deadline_ms: Option<u64>,
    invoked_function_arn: Option<String>,
    tracing: Option<Tracing>,
    shutdown_reason: Option<String>,
}

#[derive(Deserialize)]
struct Tracing {
    value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoke_without_tracing_is_an_invoke() {
        let body = br#"{"eventType":"INVOKE","deadlineMs":1733337530000,"requestId":"8b2c","invokedFunctionArn":"arn:x","new":{}}"#;
        let Some(Event::Invoke(invoke)) = Event::parse(body) else {
            panic!("not an invoke")
        };
        assert_eq!(
            (invoke.request_id.as_str(), invoke.deadline_ms),
            ("8b2c", 1_733_337_530_000)
        );
        assert_eq!(invoke.trace_header, "");
    }

    #[test]
    fn every_spelling_of_a_shutdown_reason_is_understood() {
        for (text, reason) in [
            ("SPINDOWN", ShutdownReason::Spindown),
            ("spindown", ShutdownReason::Spindown),
            ("SandboxTerminated", ShutdownReason::Spindown),
            ("TIMEOUT", ShutdownReason::Timeout),
            ("Timeout", ShutdownReason::Timeout),
            ("FAILURE", ShutdownReason::Failure),
            ("ReleaseFail", ShutdownReason::Failure),
            ("new", ShutdownReason::Other("new".to_owned())),
        ] {
            let body =
                format!(r#"{{"eventType":"SHUTDOWN","shutdownReason":"{text}","deadlineMs":5}}"#);
            assert_eq!(
                Event::parse(body.as_bytes()),
                Some(Event::Shutdown {
                    reason,
                    deadline_ms: 5
                })
            );
        }
    }

    #[test]
    fn an_event_of_the_future_is_unknown_and_nonsense_is_none() {
        assert_eq!(
            Event::parse(br#"{"eventType":"RESTORE"}"#),
            Some(Event::Unknown)
        );
        assert_eq!(Event::parse(b"[]"), None);
    }
}
