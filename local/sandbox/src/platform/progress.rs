use xray_document::Timestamp;

use super::init::InitReport;
use super::span::Span;
use super::status::Status;
use crate::state::{Failure, RuntimeResponse};

/// The progress of an invocation since START.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) start: Timestamp,
    /// Present if the request is the first of its environment.
    pub(crate) init: Option<InitReport>,
    /// The runtime and the extensions received the request.
    pub(crate) dispatched: bool,
    pub(crate) response: Option<RuntimeResponse>,
    /// The time of the runtime's next call of `/next`, which ends its work.
    pub(crate) runtime_done: Option<Timestamp>,
}

impl Progress {
    pub(crate) fn new(start: Timestamp, init: Option<InitReport>) -> Self {
        Self {
            start,
            init,
            dispatched: false,
            response: None,
            runtime_done: None,
        }
    }

    /// The type of the error that the runtime reported for the request.
    fn response_error(&self) -> Option<&str> {
        self.response.as_ref()?.error_type.as_deref()
    }

    pub(super) fn status(&self, failure: Option<&Failure>) -> Status {
        if failure.is_none() && self.response_error().is_some() {
            return Status::Error;
        }
        Status::of(failure)
    }

    /// `errorType` of log lines and telemetry.
    pub(super) fn error_type(&self, failure: Option<&Failure>) -> Option<String> {
        let error_type = failure.map(Failure::error_type);
        error_type
            .or_else(|| self.response_error())
            .map(known_error_type)
    }

    /// The spans of `platform.runtimeDone`.
    pub(super) fn runtime_spans(&self) -> Vec<Span> {
        let Some(response) = &self.response else {
            return Vec::new();
        };
        let (first_byte, complete) = (response.first_byte, response.complete);
        let mut spans = vec![
            Span::new("responseLatency", self.start, first_byte),
            Span::new("responseDuration", first_byte, complete),
        ];
        spans.extend(
            self.runtime_done
                .map(|done| Span::new("runtimeOverhead", complete, done)),
        );
        spans
    }

    /// The span of `platform.report`.
    pub(super) fn extension_span(&self, end: Timestamp) -> Option<Span> {
        self.runtime_done
            .map(|done| Span::new("extensionOverhead", done, end))
    }
}

/// Returns the type if it has the form of Lambda's own types. Any other type becomes
/// `Runtime.Unknown` or `Function.Unknown`.
fn known_error_type(error_type: &str) -> String {
    let prefixes = ["Runtime.", "Function.", "Extension.", "Sandbox."];
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let is_known = prefixes
        .iter()
        .any(|prefix| error_type.strip_prefix(prefix).is_some_and(is_name));
    match (is_known, error_type.starts_with("Function.")) {
        (true, _) => error_type.to_owned(),
        (false, true) => "Function.Unknown".to_owned(),
        (false, false) => "Runtime.Unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_types_of_lambdas_form_are_reported() {
        for (given, reported) in [
            ("Runtime.ExitError", "Runtime.ExitError"),
            (
                "Function.ResponseSizeTooLarge",
                "Function.ResponseSizeTooLarge",
            ),
            ("unhandled", "Runtime.Unknown"),
            ("Function.<script>", "Function.Unknown"),
            ("KeyError", "Runtime.Unknown"),
        ] {
            assert_eq!(known_error_type(given), reported);
        }
    }
}
