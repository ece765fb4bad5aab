use serde::Deserialize;
use serde_json::value::RawValue;

use super::Outcome;

/// A document that X-Ray left out of a batch that it took.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub struct Unprocessed {
    /// Absent where X-Ray could not read it.
    pub id: Option<String>,
    pub error_code: Option<String>,
}

impl Unprocessed {
    /// Whether the same document may be taken later.
    pub fn is_passing(&self) -> bool {
        self.error_code.as_deref().is_some_and(is_passing)
    }
}

/// Reads what X-Ray answered to PutTraceSegments.
pub(super) fn outcome(status: u16, error_type: Option<&str>, body: &[u8]) -> Outcome {
    if (200..300).contains(&status) {
        #[derive(Deserialize, Default)]
        struct Answer<'a> {
            #[serde(rename = "UnprocessedTraceSegments", borrow)]
            unprocessed: Option<Vec<&'a RawValue>>,
        }
        if body.trim_ascii().is_empty() {
            return Outcome::Taken(Vec::new());
        }
        let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
            // A proxy's page, or an answer cut short: nobody knows what X-Ray took.
            return Outcome::Later(format!(
                "an answer of {status} that is not one of X-Ray's; check AWS_ENDPOINT_URL_XRAY and the proxy"
            ));
        };
        // An entry that cannot be read names no document, as one without an Id.
        let unprocessed = answer.unprocessed.unwrap_or_default().into_iter();
        return Outcome::Taken(
            unprocessed
                .map(|entry| serde_json::from_str(entry.get()).unwrap_or_default())
                .collect(),
        );
    }
    #[derive(Deserialize, Default)]
    struct Failure {
        #[serde(rename = "__type")]
        kind: Option<String>,
    }
    let failure: Failure = serde_json::from_slice(body).unwrap_or_default();
    // `Name`, `Name:http://…` or `namespace#Name` (AWS REST JSON protocol, errors).
    let kind = error_type
        .map(str::to_owned)
        .or(failure.kind)
        .unwrap_or_default();
    let kind = kind
        .split(':')
        .next()
        .and_then(|kind| kind.rsplit('#').next())
        .unwrap_or_default();
    let kind: String = kind
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    let reason = format!("X-Ray answered {status} {kind}")
        .trim_end()
        .to_owned();
    match status {
        403 | 401 => Outcome::Later(format!(
            "{reason}; the function's role needs xray:PutTraceSegments"
        )),
        // 408, 429, 5xx, and redirects and other answers of something between us and X-Ray.
        400 | 413 | 415 if !is_passing(&kind) => Outcome::Refused(reason),
        _ => Outcome::Later(reason),
    }
}

/// Error names that say nothing of the document: throttles, the service's own failures,
/// and credentials or clocks that may be right the next time.
fn is_passing(code: &str) -> bool {
    const PASSING: [&str; 13] = [
        "throttl",
        "toomanyrequests",
        "limitexceeded",
        "slowdown",
        "internal",
        "unavailable",
        "timeout",
        "expired",
        "skewed",
        "unrecognizedclient",
        "signature",
        "token",
        "accessdenied",
    ];
    let code = code.to_ascii_lowercase();
    PASSING.iter().any(|part| code.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprocessed_documents_are_read_with_null_ids_and_without_a_list() {
        let body = br#"{"UnprocessedTraceSegments":[{"Id":null,"ErrorCode":"MissingId","Message":"m"},{"Id":"53995c3f42cd8ad8","ErrorCode":"ThrottledException"}]}"#;
        let Outcome::Taken(unprocessed) = outcome(200, None, body) else {
            panic!("not taken")
        };
        let passing: Vec<bool> = unprocessed.iter().map(Unprocessed::is_passing).collect();
        assert_eq!(passing, [false, true]);
        for body in ["", "\n", "{}", r#"{"UnprocessedTraceSegments":null}"#] {
            assert_eq!(
                outcome(200, None, body.as_bytes()),
                Outcome::Taken(Vec::new())
            );
        }
    }

    #[test]
    fn one_strange_entry_does_not_hide_the_others() {
        let body = br#"{"UnprocessedTraceSegments":[7,{"Id":"53995c3f42cd8ad8","ErrorCode":"ThrottledException"}]}"#;
        let Outcome::Taken(unprocessed) = outcome(200, None, body) else {
            panic!("not taken")
        };
        assert_eq!(unprocessed.len(), 2);
        assert_eq!(unprocessed[0], Unprocessed::default());
        assert!(unprocessed[1].is_passing());
    }

    #[test]
    fn a_200_that_is_no_answer_of_x_rays_took_nothing() {
        for body in [
            "<html>log in</html>",
            r#"{"UnprocessedTraceSegments":[{"Id":"53"#,
            "[1]",
        ] {
            let outcome = outcome(200, None, body.as_bytes());
            assert!(matches!(outcome, Outcome::Later(_)), "{body}: {outcome:?}");
        }
    }

    #[test]
    fn only_what_is_wrong_with_the_request_itself_is_final() {
        let is_final =
            |status, kind| matches!(outcome(status, Some(kind), b""), Outcome::Refused(_));
        assert!(is_final(400, "InvalidRequestException"));
        for (status, kind) in [
            (429, "ThrottledException"),
            (400, "ThrottlingException:http://internal.amazon.com/"),
            (400, "ExpiredTokenException"),
            (403, "AccessDeniedException"),
            (500, ""),
            (503, "ServiceUnavailable"),
            (302, ""),
        ] {
            assert!(!is_final(status, kind), "{status} {kind}");
        }
    }

    #[test]
    fn a_reason_names_the_error_and_never_repeats_the_body() {
        let body = br#"{"__type":"com.amazonaws.xray#InvalidRequestException","Message":"secret"}"#;
        assert_eq!(
            outcome(400, None, body),
            Outcome::Refused("X-Ray answered 400 InvalidRequestException".to_owned())
        );
    }
}
