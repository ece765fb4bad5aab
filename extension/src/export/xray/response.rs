use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::buffer::Batch;
use crate::export::sink::{Fate, LeftOut, Outcome};

/// Reads X-Ray's response to PutTraceSegments.
pub(super) fn outcome(
    status: u16,
    error_type: Option<&str>,
    body: &[u8],
    batch: &Batch,
) -> Outcome {
    if (200..300).contains(&status) {
        // X-Ray responds with 200 (X-Ray API Reference, PutTraceSegments). An empty 204 is not
        // its answer.
        match unprocessed(body).filter(|_| status == 200) {
            Some(unprocessed) => Outcome::Accepted(find_left_out(&unprocessed, batch)),
            // A proxy's page or an incomplete response: X-Ray may have accepted nothing.
            None => Outcome::Later(
                format!(
                    "the response {status} is not from X-Ray; check AWS_ENDPOINT_URL_XRAY and the proxy"
                )
                .into(),
            ),
        }
    } else {
        failure(status, error_type, body)
    }
}

/// An entry of `UnprocessedTraceSegments`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Unprocessed {
    /// The document's id; absent if X-Ray could not read it.
    id: Option<String>,
    error_code: Option<String>,
}

/// Returns the entries of `UnprocessedTraceSegments`; `None` if the body is not from X-Ray.
fn unprocessed(body: &[u8]) -> Option<Vec<Unprocessed>> {
    #[derive(Deserialize, Default)]
    struct ResponseBody<'a> {
        #[serde(rename = "UnprocessedTraceSegments", borrow)]
        unprocessed: Option<Vec<&'a RawValue>>,
    }
    if body.trim_ascii().is_empty() {
        return Some(Vec::new());
    }
    let response: ResponseBody<'_> = serde_json::from_slice(body).ok()?;
    // A malformed entry counts as an entry without an id.
    let entries = response.unprocessed.unwrap_or_default().into_iter();
    Some(
        entries
            .map(|entry| serde_json::from_str(entry.get()).unwrap_or_default())
            .collect(),
    )
}

/// Finds the documents that the entries name. An entry that names no document of the batch
/// rejects any other document, so that the count of rejected documents is right.
fn find_left_out(unprocessed: &[Unprocessed], batch: &Batch) -> Vec<LeftOut> {
    let mut ids: Vec<_> = batch
        .documents()
        .map(|document| Some(document.id))
        .collect();
    let unprocessed = &unprocessed[..unprocessed.len().min(ids.len())];
    let named: Vec<Option<usize>> = unprocessed
        .iter()
        .map(|entry| {
            let id = entry.id.as_deref().and_then(|id| id.parse().ok())?;
            // Two versions of a document have the same id; the newer one must not be lost.
            let index = ids.iter().rposition(|candidate| *candidate == Some(id))?;
            ids[index] = None;
            Some(index)
        })
        .collect();
    let mut others = ids
        .iter()
        .enumerate()
        .filter_map(|(index, id)| id.map(|_| index));
    let left_out = unprocessed.iter().zip(named).filter_map(|(entry, index)| {
        let code = printable(entry.error_code.as_deref().unwrap_or_default());
        let fate = if index.is_some() && is_transient(&code) {
            Fate::Later
        } else {
            Fate::Rejected
        };
        Some(LeftOut {
            index: index.or_else(|| others.next())?,
            fate,
            reason: format!("X-Ray did not process it: {code}"),
        })
    });
    left_out.collect()
}

fn failure(status: u16, error_type: Option<&str>, body: &[u8]) -> Outcome {
    let kind = error_name(error_type, body);
    let message = message(body);
    let reason = format!("X-Ray responded with {status} {kind}");
    let reason = reason.trim_end();
    if let Some(denial) = Denial::of(status, &kind, &message) {
        return Outcome::Later(format!("{reason}: {}", denial.explanation()).into());
    }
    match status {
        400 if message.contains("log group does not exist") => Outcome::Later(
            format!("{reason}: Transaction Search is on, but its log group does not exist yet; if this lasts, turn Transaction Search off and on again in CloudWatch").into(),
        ),
        400 | 413 if !is_transient(&kind) => Outcome::Split(reason.to_owned()),
        415 if !is_transient(&kind) => Outcome::Rejected(reason.to_owned()),
        // 408, 429, 5xx, redirects, and errors of a proxy.
        _ => Outcome::Later(reason.into()),
    }
}

/// The reason why AWS does not accept who sends a request (X-Ray API Reference, common errors;
/// IAM User Guide, troubleshooting signature errors).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// The session token has expired.
    Expired,
    /// The time of the signature is too far from AWS's.
    ClockSkew,
    /// AWS computes another signature.
    WrongSignature,
    /// AWS does not know the access key or the session token.
    UnknownKey,
    /// The role may not call PutTraceSegments.
    NoPermission,
    /// A status that a proxy, too, may send.
    Unnamed,
}

impl Denial {
    /// `kind` is the error's name, `message` its text in lower case.
    fn of(status: u16, kind: &str, message: &str) -> Option<Self> {
        let is_time = ["signature expired", "signature not yet current"]
            .iter()
            .any(|text| message.contains(text));
        Some(match kind.strip_suffix("Exception").unwrap_or(kind) {
            "ExpiredToken" => Self::Expired,
            "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => Self::ClockSkew,
            "InvalidSignature" | "SignatureDoesNotMatch" if is_time => Self::ClockSkew,
            "InvalidSignature" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
                Self::WrongSignature
            }
            "UnrecognizedClient"
            | "InvalidClientTokenId"
            | "InvalidToken"
            | "MissingAuthenticationToken" => Self::UnknownKey,
            "AccessDenied" | "NotAuthorized" | "Forbidden" => Self::NoPermission,
            _ if matches!(status, 401 | 403) => Self::Unnamed,
            _ => return None,
        })
    }

    /// The reason, and what the user can do.
    fn explanation(self) -> &'static str {
        match self {
            Self::Expired => "the credentials have expired",
            Self::ClockSkew => "the clock of this sandbox differs from AWS's by minutes",
            Self::WrongSignature => {
                "the signature does not match; check AWS_SECRET_ACCESS_KEY, AWS_REGION and that no proxy changes requests"
            }
            Self::UnknownKey => {
                "AWS does not know the credentials; check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN"
            }
            Self::NoPermission => {
                "the function's role needs xray:PutTraceSegments, and no endpoint policy may deny it"
            }
            Self::Unnamed => {
                "the function's role needs xray:PutTraceSegments, or a proxy denies the request"
            }
        }
    }
}

/// The name of the error in a response, from the header `x-amzn-errortype` or the body.
pub(super) fn error_name(error_type: Option<&str>, body: &[u8]) -> String {
    #[derive(Deserialize, Default)]
    struct ErrorBody {
        #[serde(rename = "__type")]
        kind: Option<String>,
    }
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    // `Name`, `Name:http://…` or `namespace#Name` (AWS REST JSON protocol, errors).
    let kind = error_type
        .map(str::to_owned)
        .or(body.kind)
        .unwrap_or_default();
    let kind = kind
        .split(':')
        .next()
        .and_then(|kind| kind.rsplit('#').next())
        .unwrap_or_default();
    printable(kind)
}

/// The text of the error in a response, in lower case. It is compared and never logged, because
/// it may quote a document or a header.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize, Default)]
    struct ErrorBody {
        #[serde(rename = "Message", alias = "message")]
        message: Option<String>,
    }
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    body.message.unwrap_or_default().to_ascii_lowercase()
}

/// Reads `Retry-After`: seconds, or the time of the next attempt (RFC 9110, section 10.2.3).
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(header).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The name of an error without characters that could forge a log line, at most 64 of them.
pub(super) fn printable(error: &str) -> String {
    error
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect()
}

/// Returns whether the same request may succeed later: after throttling or a failure of the
/// service.
fn is_transient(code: &str) -> bool {
    const TRANSIENT: [&str; 7] = [
        "throttl",
        "toomanyrequests",
        "limitexceeded",
        "slowdown",
        "internal",
        "unavailable",
        "timeout",
    ];
    let code = code.to_ascii_lowercase();
    TRANSIENT.iter().any(|part| code.contains(part))
}

#[cfg(test)]
mod tests {
    use xray_document::SegmentId;

    use super::*;
    use crate::buffer::{BatchLimits, DocumentBuffer};
    use crate::raw_document::RawDocument;

    /// A batch of documents with these ids.
    fn batch(ids: &[u64]) -> Batch {
        let mut buffer = DocumentBuffer::new(1 << 20);
        for &id in ids {
            buffer.push(RawDocument::new(None, SegmentId::from_u64(id), false, "{}"));
        }
        let limits = BatchLimits {
            documents: 50,
            bytes: 1 << 20,
        };
        buffer.take_batch(limits).unwrap()
    }

    /// The index and fate of each document that a response with status 200 does not accept.
    fn left_out(ids: &[u64], body: &str) -> Vec<(usize, Fate)> {
        let Outcome::Accepted(left) = outcome(200, None, body.as_bytes(), &batch(ids)) else {
            panic!("not accepted")
        };
        left.iter().map(|left| (left.index, left.fate)).collect()
    }

    #[test]
    fn unprocessed_documents_may_have_null_ids_or_no_list() {
        let body = r#"{"UnprocessedTraceSegments":[{"Id":null,"ErrorCode":"MissingId","Message":"m"},{"Id":"0000000000000001","ErrorCode":"ThrottledException"}]}"#;
        assert_eq!(
            left_out(&[1, 2, 3], body),
            [(1, Fate::Rejected), (0, Fate::Later)]
        );
        for body in ["", "\n", "{}", r#"{"UnprocessedTraceSegments":null}"#] {
            assert_eq!(left_out(&[1], body), []);
        }
    }

    #[test]
    fn a_malformed_entry_does_not_hide_the_others() {
        let body = r#"{"UnprocessedTraceSegments":[7,{"Id":"0000000000000001","ErrorCode":"ThrottledException"}]}"#;
        assert_eq!(
            left_out(&[1, 2], body),
            [(1, Fate::Rejected), (0, Fate::Later)]
        );
    }

    #[test]
    fn the_newer_of_two_versions_of_a_document_waits() {
        let body = r#"{"UnprocessedTraceSegments":[{"Id":"0000000000000001","ErrorCode":"ThrottledException"}]}"#;
        assert_eq!(left_out(&[1, 1], body), [(1, Fate::Later)]);
    }

    #[test]
    fn more_entries_than_documents_reject_no_document_twice() {
        let body = r#"{"UnprocessedTraceSegments":[{},{},{}]}"#;
        assert_eq!(
            left_out(&[1, 2], body),
            [(0, Fate::Rejected), (1, Fate::Rejected)]
        );
    }

    #[test]
    fn a_200_that_is_not_from_x_ray_accepts_no_document() {
        for body in [
            "<html>log in</html>",
            r#"{"UnprocessedTraceSegments":[{"Id":"53"#,
            "[1]",
        ] {
            let outcome = outcome(200, None, body.as_bytes(), &batch(&[1]));
            assert!(matches!(outcome, Outcome::Later(_)), "{body}: {outcome:?}");
        }
    }

    #[test]
    fn a_2xx_other_than_200_accepts_no_document() {
        for status in [201, 202, 204, 206] {
            for body in ["", "{}"] {
                let outcome = outcome(status, None, body.as_bytes(), &batch(&[1]));
                assert!(matches!(outcome, Outcome::Later(_)), "{status} {outcome:?}");
            }
        }
    }

    #[test]
    fn only_an_error_in_the_request_splits_the_batch() {
        let is_split = |status, kind| {
            matches!(
                outcome(status, Some(kind), b"", &batch(&[1])),
                Outcome::Split(_)
            )
        };
        assert!(is_split(400, "InvalidRequestException"));
        assert!(is_split(413, ""));
        for (status, kind) in [
            (429, "ThrottledException"),
            (400, "ThrottlingException:http://internal.amazon.com/"),
            (400, "ExpiredTokenException"),
            (403, "AccessDeniedException"),
            (500, ""),
            (503, "ServiceUnavailable"),
            (302, ""),
        ] {
            assert!(!is_split(status, kind), "{status} {kind}");
        }
    }

    fn reason_of(status: u16, kind: &str, body: &str) -> String {
        match outcome(status, Some(kind), body.as_bytes(), &batch(&[1])) {
            Outcome::Later(failure) => failure.reason,
            outcome => panic!("{status} {kind}: {outcome:?}"),
        }
    }

    #[test]
    fn the_reason_of_a_denial_is_named() {
        let expired = r#"{"message":"Signature expired: 20260301T120000Z is now earlier than 20260301T121000Z (20260301T121500Z - 5 min.)"}"#;
        let early =
            r#"{"Message":"Signature not yet current: 20260301T120000Z is still later than …"}"#;
        for (status, kind, body, reason) in [
            (403, "ExpiredTokenException", "{}", "have expired"),
            (400, "ExpiredToken", "{}", "have expired"),
            (403, "InvalidSignatureException", expired, "clock"),
            (403, "InvalidSignatureException", early, "clock"),
            (403, "RequestExpired", "{}", "clock"),
            (
                403,
                "InvalidSignatureException",
                "{}",
                "AWS_SECRET_ACCESS_KEY",
            ),
            (
                403,
                "UnrecognizedClientException",
                "{}",
                "AWS_ACCESS_KEY_ID",
            ),
            (
                400,
                "MissingAuthenticationTokenException",
                "{}",
                "AWS_ACCESS_KEY_ID",
            ),
            (403, "AccessDeniedException", "{}", "endpoint policy"),
            (403, "", "<html>", "proxy"),
        ] {
            let text = reason_of(status, kind, body);
            assert!(text.contains(reason), "{status} {kind}: {text}");
            assert!(!text.contains("2026"), "{text}");
        }
    }

    #[test]
    fn a_missing_log_group_of_transaction_search_passes_by_itself() {
        // The text of aws-xray-sdk-dotnet#312.
        let body = r#"{"__type":"InvalidRequestException","Message":"The specified log group does not exist. (Service: AWSLogs; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: d1906469; Proxy: null)"}"#;
        let text = reason_of(400, "InvalidRequestException", body);
        assert!(
            text.contains("Transaction Search") && !text.contains("d1906469"),
            "{text}"
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 01 Mar 2026 12:00:00 GMT").unwrap();
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 01 Mar 2026 12:00:30 GMT", Some(30)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(header, now),
                seconds.map(Duration::from_secs),
                "{header}"
            );
        }
    }

    #[test]
    fn a_reason_names_the_error_and_never_quotes_the_body() {
        let body = br#"{"__type":"com.amazonaws.xray#InvalidRequestException","Message":"secret"}"#;
        assert_eq!(
            outcome(400, None, body, &batch(&[1])),
            Outcome::Split("X-Ray responded with 400 InvalidRequestException".to_owned())
        );
    }
}
