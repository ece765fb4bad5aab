use serde::Deserialize;
use xray_document::{Exception, Exceptions, StackFrame};

/// Bytes of a runtime's X-Ray cause; a larger one loses its stacks. (Lambda's runtime interface
/// emulator compacts a cause to 64 KiB.)
const MAX_CAUSE_BYTES: usize = 60 * 1024;

/// The cause of a failed invocation: the one that the runtime sent for X-Ray, or else the
/// error's type and message.
pub(super) fn cause(xray_cause: Option<&str>, error_type: &str, payload: &[u8]) -> Exceptions {
    if let Some(exceptions) = xray_cause.and_then(runtime_cause) {
        return exceptions;
    }
    let error: ErrorBody = serde_json::from_slice(payload).unwrap_or_default();
    let kind = error.error_type.unwrap_or_else(|| error_type.to_owned());
    let exception = Exception::new(kind, error.error_message.unwrap_or_default());
    Exceptions {
        exceptions: vec![exception],
        ..Exceptions::default()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ErrorBody {
    error_type: Option<String>,
    error_message: Option<String>,
}

/// Reads `Lambda-Runtime-Function-XRay-Error-Cause`. `None` if it is invalid or empty.
fn runtime_cause(json: &str) -> Option<Exceptions> {
    let cause: CauseBody = serde_json::from_str(json).ok()?;
    let is_large = json.len() > MAX_CAUSE_BYTES;
    let mut exceptions: Vec<_> = cause
        .exceptions
        .into_iter()
        .map(|exception_body| {
            let mut exception = Exception::new(
                exception_body.kind.unwrap_or_default(),
                exception_body.message.unwrap_or_default(),
            );
            if is_large {
                exception.truncated = i64::try_from(exception_body.stack.len()).ok();
            } else {
                exception.stack = exception_body.stack;
            }
            exception
        })
        .collect();
    if exceptions.is_empty()
        && let Some(message) = cause.message.filter(|message| !message.is_empty())
    {
        exceptions.push(Exception::new("", message));
    }
    let directory = cause
        .working_directory
        .filter(|directory| !directory.is_empty());
    let is_empty = exceptions.is_empty() && directory.is_none() && cause.paths.is_empty();
    (!is_empty).then_some(Exceptions {
        working_directory: directory,
        paths: cause.paths,
        exceptions,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CauseBody {
    exceptions: Vec<ExceptionBody>,
    working_directory: Option<String>,
    paths: Vec<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ExceptionBody {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    stack: Vec<StackFrame>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_cause_keeps_its_stack() {
        let cause = cause(
            Some(
                r#"{"working_directory":"/var/task","paths":["a.py"],"exceptions":[{"type":"KeyError","message":"pk","stack":[{"path":"a.py","line":3,"label":"handler"}]}]}"#,
            ),
            "Runtime.Unknown",
            b"",
        );
        assert_eq!(cause.working_directory.as_deref(), Some("/var/task"));
        assert_eq!(cause.exceptions[0].kind.as_deref(), Some("KeyError"));
        assert_eq!(cause.exceptions[0].stack[0].line, Some(3));
    }

    #[test]
    fn an_empty_cause_is_replaced_by_the_error_itself() {
        let cause = cause(
            Some(r#"{"exceptions":[],"working_directory":"","paths":[]}"#),
            "Runtime.Unknown",
            br#"{"errorType":"ValueError","errorMessage":"no"}"#,
        );
        assert_eq!(cause.exceptions[0].kind.as_deref(), Some("ValueError"));
        assert_eq!(cause.exceptions[0].message.as_deref(), Some("no"));
    }
}
