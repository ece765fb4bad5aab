use std::fmt;

use xray_document::limits::MAX_DOCUMENT_BYTES;
use xray_document::{Datagram, DatagramError, DocumentHead, ErrorCode};

use crate::raw_document::RawDocument;

/// The content of one datagram.
#[derive(Debug)]
pub(crate) enum Received {
    Document(RawDocument),
    /// The signal of the wrapper that it has sent every document of this invocation.
    Done {
        request_id: String,
        /// The number of documents of the sender up to now, if it counts them.
        documents: Option<u64>,
    },
    /// Spans (`T1S`, `T1U`) or metrics (`M1`) of OpenTelemetry, which the ADOT SDKs send to the
    /// daemon's port in Lambda. PutTraceSegments accepts neither; Lambda's own daemon does.
    OpenTelemetry(Box<[u8]>),
    /// The datagram contains no document that X-Ray would accept.
    Rejected(Rejection),
}

/// The reason why a datagram is rejected. It is logged, so it never quotes the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The datagram is malformed; the daemon would reject it too.
    Datagram(DatagramError),
    /// The stream is not one of the wrapper.
    Frame,
    /// A datagram of OpenTelemetry, and no other daemon is known.
    OpenTelemetry,
    /// PutTraceSegments would leave the document unprocessed with this error code.
    Document(ErrorCode),
}

/// Checks the fields that X-Ray requires, in one pass, and copies the document only if it
/// passes.
pub(crate) fn parse(datagram: &[u8]) -> Received {
    let json = match Datagram::parse(datagram) {
        Ok(Datagram::Document(json)) => json,
        Ok(Datagram::Done {
            request_id,
            documents,
        }) => {
            return Received::Done {
                request_id: request_id.to_owned(),
                documents,
            };
        }
        Err(error) => return Received::Rejected(Rejection::Datagram(error)),
    };
    match DocumentHead::parse(json) {
        Ok(head) => Received::Document(RawDocument::new(
            Some(head.trace_id),
            head.id,
            head.in_progress,
            json,
        )),
        Err(_) if is_open_telemetry(json) => Received::OpenTelemetry(datagram.into()),
        Err(error) => Received::Rejected(Rejection::Document(error.code)),
    }
}

fn is_open_telemetry(body: &str) -> bool {
    ["T1S", "T1U", "M1"]
        .iter()
        .any(|kind| body.starts_with(kind))
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram(error) => write!(f, "{error}"),
            Self::Frame => f.write_str("its stream is not one of the wrapper"),
            Self::OpenTelemetry => f.write_str(
                "it contains OpenTelemetry data, which PutTraceSegments does not accept; use an X-Ray SDK, or pass it to Lambda's own daemon with XRAY_LAMBDA_SINKS=relay",
            ),
            Self::Document(code) => match code {
                ErrorCode::ParseError => f.write_str("its document is not a JSON object"),
                ErrorCode::SegmentTooLarge => {
                    write!(f, "its document is larger than {MAX_DOCUMENT_BYTES} bytes")
                }
                code => write!(
                    f,
                    "its document has a missing or malformed {}",
                    field(*code)
                ),
            },
        }
    }
}

/// The field of the document that an error code of X-Ray refers to.
fn field(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MissingId | ErrorCode::InvalidId => "id",
        ErrorCode::MissingTraceId | ErrorCode::InvalidTraceId => "trace_id",
        ErrorCode::MissingName | ErrorCode::InvalidName => "name",
        ErrorCode::MissingParentId | ErrorCode::InvalidParentId => "parent_id",
        ErrorCode::MissingStartTime | ErrorCode::InvalidTime => "start_time",
        ErrorCode::ParseError | ErrorCode::InvalidSegment | ErrorCode::SegmentTooLarge => {
            "structure"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"{"id":"53995c3f42cd8ad8","name":"a","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1.5E9,"in_progress":true}"#;

    fn datagram(body: &str) -> Received {
        let mut datagram = Vec::new();
        Datagram::Document(body).write_to(&mut datagram);
        parse(&datagram)
    }

    fn rejection(body: &str) -> Option<Rejection> {
        match datagram(body) {
            Received::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    #[test]
    fn a_valid_document_keeps_its_text() {
        let Received::Document(document) = datagram(VALID) else {
            panic!("not a document")
        };
        let expected = RawDocument::new(
            Some("1-5759e988-bd862e3fe1be46a994272793".parse().unwrap()),
            "53995c3f42cd8ad8".parse().unwrap(),
            true,
            VALID,
        );
        assert_eq!(document, expected);
    }

    #[test]
    fn a_rejection_names_the_reason_and_never_quotes_the_datagram() {
        let secret = VALID.replace("53995c3f42cd8ad8", "secret");
        let rejected = rejection(&secret).unwrap();
        assert_eq!(rejected, Rejection::Document(ErrorCode::InvalidId));
        assert_eq!(
            rejected.to_string(),
            "its document has a missing or malformed id"
        );
        let large = VALID.replace("\"a\"", &format!("\"{}\"", "a".repeat(64 * 1024)));
        assert_eq!(
            rejection(&large),
            Some(Rejection::Document(ErrorCode::SegmentTooLarge))
        );
    }

    #[test]
    fn open_telemetry_payloads_are_recognised_and_kept() {
        for kind in ["T1S", "T1U", "M1"] {
            let body = format!("{kind}CgoKCA==");
            let Received::OpenTelemetry(bytes) = datagram(&body) else {
                panic!("{kind}")
            };
            assert!(bytes.ends_with(body.as_bytes()) && bytes.starts_with(b"{"));
        }
    }
}
