use serde::Deserialize;
use xray_document::{Sampled, TraceHeader};

/// An event of `/next`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// INVOKE: an invocation begins.
    Invoke(Invoke),
    /// SHUTDOWN: the environment ends.
    Shutdown {
        /// The time when Lambda kills the environment, in milliseconds since the epoch; 0 if
        /// Lambda does not state it.
        deadline_ms: u64,
    },
    /// An event that this version does not know.
    Unknown,
}

/// An INVOKE event. Lambda sends the invocation to the runtime at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    pub(crate) request_id: String,
    /// The time when the function times out, in milliseconds since the epoch.
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    /// The invocation's trace header; empty if Lambda sends none.
    pub(crate) trace_header: String,
}

impl Invoke {
    /// Returns whether the trace header says `Sampled=1`. SDKs record nothing for others.
    pub(crate) fn is_sampled(&self) -> bool {
        TraceHeader::parse(&self.trace_header).sampled == Sampled::Yes
    }
}

impl Event {
    /// Reads the body of a response of `/next`; `None` if it is not an event.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let raw: RawEvent = serde_json::from_slice(body).ok()?;
        Some(match raw.event_type.as_str() {
            "INVOKE" => Self::Invoke(Invoke {
                request_id: raw.request_id.unwrap_or_default(),
                deadline_ms: raw.deadline_ms.unwrap_or(0),
                function_arn: raw.invoked_function_arn.unwrap_or_default(),
                trace_header: raw
                    .tracing
                    .and_then(|tracing| tracing.value)
                    .unwrap_or_default(),
            }),
            "SHUTDOWN" => Self::Shutdown {
                deadline_ms: raw.deadline_ms.unwrap_or(0),
            },
            _ => Self::Unknown,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    event_type: String,
    request_id: Option<String>,
    deadline_ms: Option<u64>,
    invoked_function_arn: Option<String>,
    tracing: Option<Tracing>,
}

#[derive(Deserialize)]
struct Tracing {
    value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoke_may_have_no_trace_header() {
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
    fn a_shutdown_may_have_any_reason() {
        for reason in ["SPINDOWN", "SandboxTerminated", "new"] {
            let body =
                format!(r#"{{"eventType":"SHUTDOWN","shutdownReason":"{reason}","deadlineMs":5}}"#);
            assert_eq!(
                Event::parse(body.as_bytes()),
                Some(Event::Shutdown { deadline_ms: 5 })
            );
        }
    }

    #[test]
    fn a_new_event_is_unknown_and_another_body_is_no_event() {
        assert_eq!(
            Event::parse(br#"{"eventType":"RESTORE"}"#),
            Some(Event::Unknown)
        );
        assert_eq!(Event::parse(b"[]"), None);
    }
}
