use serde::Deserialize;
use serde_json::value::RawValue;

use crate::buffer::Batch;
use crate::export::{Fate, LeftOut, Outcome};

/// Reads X-Ray's answer to PutTraceSegments.
pub(super) fn outcome(
    status: u16,
    error_type: Option<&str>,
    body: &[u8],
    batch: &Batch,
) -> Outcome {
    if (200..300).contains(&status) {
        match unprocessed(body) {
            Some(unprocessed) => Outcome::Accepted(find_left_out(&unprocessed, batch)),
            // A proxy's page, or an answer cut short: X-Ray may have taken nothing.
            None => Outcome::Later(format!(
                "an answer of {status} that is not one of X-Ray's; check AWS_ENDPOINT_URL_XRAY and the proxy"
            )),
        }
    } else {
        failure(status, error_type, body)
    }
}

/// A document that X-Ray left out of a batch that it took.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Unprocessed {
    /// Absent if X-Ray could not read it.
    id: Option<String>,
    error_code: Option<String>,
}

/// The entries of `UnprocessedTraceSegments`; `None` if the body is not an answer of X-Ray.
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
    // An entry that cannot be read names no document, like one without an id.
    let entries = response.unprocessed.unwrap_or_default().into_iter();
    Some(
        entries
            .map(|entry| serde_json::from_str(entry.get()).unwrap_or_default())
            .collect(),
    )
}

/// Finds the documents of the batch that the entries name. An entry that names no document
/// of the batch still stands for one, which is rejected: only the count matters then.
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
            // Of two versions of a document the newer one must not be lost.
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
        let code: String = entry
            .error_code
            .iter()
            .flat_map(|code| code.chars())
            .filter(char::is_ascii_alphanumeric)
            .take(64)
            .collect();
        let fate = if index.is_some() && is_transient(&code) {
            Fate::Later
        } else {
            Fate::Rejected
        };
        Some(LeftOut {
            index: index.or_else(|| others.next())?,
            fate,
            reason: format!("X-Ray left it unprocessed: {code}"),
        })
    });
    left_out.collect()
}

fn failure(status: u16, error_type: Option<&str>, body: &[u8]) -> Outcome {
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
        400 | 413 | 415 if !is_transient(&kind) => Outcome::Rejected(reason),
        _ => Outcome::Later(reason),
    }
}

/// Whether an error does not concern the document: a throttle, the service's own failure,
/// or credentials or a clock that may be right the next time.
fn is_transient(code: &str) -> bool {
    const TRANSIENT: [&str; 13] = [
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

    /// Index and fate of each document that an answer of 200 leaves out.
    fn left_out(ids: &[u64], body: &str) -> Vec<(usize, Fate)> {
        let Outcome::Accepted(left) = outcome(200, None, body.as_bytes(), &batch(ids)) else {
            panic!("not accepted")
        };
        left.iter().map(|left| (left.index, left.fate)).collect()
    }

    #[test]
    fn unprocessed_documents_are_read_with_null_ids_and_without_a_list() {
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
    fn of_two_versions_of_a_document_the_newer_one_waits() {
        let body = r#"{"UnprocessedTraceSegments":[{"Id":"0000000000000001","ErrorCode":"ThrottledException"}]}"#;
        assert_eq!(left_out(&[1, 1], body), [(1, Fate::Later)]);
    }

    #[test]
    fn more_entries_than_documents_refuse_no_document_twice() {
        let body = r#"{"UnprocessedTraceSegments":[{},{},{}]}"#;
        assert_eq!(
            left_out(&[1, 2], body),
            [(0, Fate::Rejected), (1, Fate::Rejected)]
        );
    }

    #[test]
    fn a_200_that_is_not_an_answer_of_x_ray_took_nothing() {
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
    fn only_an_error_of_the_request_itself_is_final() {
        let is_final = |status, kind| {
            matches!(
                outcome(status, Some(kind), b"", &batch(&[1])),
                Outcome::Rejected(_)
            )
        };
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
            outcome(400, None, body, &batch(&[1])),
            Outcome::Rejected("X-Ray answered 400 InvalidRequestException".to_owned())
        );
    }
}
