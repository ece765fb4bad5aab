use serde::Deserialize;

/// What `/next` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Invoke(Invoke),
    /// The environment ends; at `deadline_ms` (epoch) it is killed.
    Shutdown {
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

impl Event {
    /// Reads `/next`'s body; `None` where it is not an event at all.
    pub fn parse(body: &[u8]) -> Option<Self> {
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
    fn a_shutdown_is_one_whatever_its_reason() {
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
    fn an_event_of_the_future_is_unknown_and_nonsense_is_none() {
        assert_eq!(
            Event::parse(br#"{"eventType":"RESTORE"}"#),
            Some(Event::Unknown)
        );
        assert_eq!(Event::parse(b"[]"), None);
    }
}
