use std::time::Duration;

use xray_document::{Exceptions, Timestamp};

use crate::platform::telemetry::{Span, span};
use crate::platform::{Init, cause};
use crate::state::{Answer, Failure};

/// What has happened to a request since START.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) start: Timestamp,
    /// Where the request was the first of its environment.
    pub(crate) init: Option<Init>,
    /// Runtime and extensions have it.
    pub(crate) dispatched: bool,
    pub(crate) answer: Option<Answer>,
    /// When the runtime called `/next` again.
    pub(crate) runtime_done: Option<Timestamp>,
}

impl Progress {
    pub(crate) fn begin(start: Timestamp, init: Option<Init>) -> Self {
        Self {
            start,
            init,
            dispatched: false,
            answer: None,
            runtime_done: None,
        }
    }

    /// `status` and `errorType` of telemetry's events.
    pub(crate) fn status(&self, failure: Option<&Failure>) -> (&'static str, Option<String>) {
        let answered = self
            .answer
            .as_ref()
            .and_then(|answer| answer.error_type.as_deref());
        match (failure, answered) {
            (Some(failure), _) => (
                failure.status(),
                Some(known_error_type(failure.error_type())),
            ),
            (None, Some(error_type)) => ("error", Some(known_error_type(error_type))),
            (None, None) => ("success", None),
        }
    }

    /// The spans that `platform.runtimeDone` has.
    pub(crate) fn runtime_spans(&self) -> Vec<Span> {
        let Some(answer) = &self.answer else {
            return Vec::new();
        };
        let mut spans = vec![
            span("responseLatency", self.start, answer.first_byte),
            span("responseDuration", answer.first_byte, answer.complete),
        ];
        spans.extend(
            self.runtime_done
                .map(|done| span("runtimeOverhead", answer.complete, done)),
        );
        spans
    }

    pub(crate) fn cause(
        &self,
        failure: Option<&Failure>,
        id: &str,
        timeout: Duration,
    ) -> Option<Exceptions> {
        if let Some(failure) = failure {
            return Some(cause(
                None,
                failure.error_type(),
                &failure.payload(id, timeout),
            ));
        }
        let answer = self.answer.as_ref()?;
        let error_type = answer.error_type.as_deref()?;
        Some(cause(
            answer.xray_cause.as_deref(),
            error_type,
            &answer.payload,
        ))
    }
}

/// Telemetry names types of Lambda's form only; a runtime's own become unknown.
fn known_error_type(error_type: &str) -> String {
    let of_lambda = ["Runtime.", "Function.", "Extension.", "Sandbox."];
    let form = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let known = of_lambda
        .iter()
        .any(|prefix| error_type.strip_prefix(prefix).is_some_and(form));
    match (known, error_type.starts_with("Function.")) {
        (true, _) => error_type.to_owned(),
        (false, true) => "Function.Unknown".to_owned(),
        (false, false) => "Runtime.Unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_gets_error_types_of_lambdas_form() {
        for (given, told) in [
            ("Runtime.ExitError", "Runtime.ExitError"),
            (
                "Function.ResponseSizeTooLarge",
                "Function.ResponseSizeTooLarge",
            ),
            ("unhandled", "Runtime.Unknown"),
            ("Function.<script>", "Function.Unknown"),
            ("KeyError", "Runtime.Unknown"),
        ] {
            assert_eq!(known_error_type(given), told);
        }
    }
}
