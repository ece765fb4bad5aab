use std::fmt;

use serde::Deserialize;

/// Header line in front of a document in a datagram to the X-Ray daemon (aws-xray-daemon 3.6).
pub const DATAGRAM_HEADER: &[u8] = b"{\"format\":\"json\",\"version\":1}\n";

/// `format` in the header of a signal from the wrapper. The X-Ray daemon counts a datagram of
/// an unknown format as rejected, so a signal that reaches a daemon does no harm.
const SIGNAL_FORMAT: &str = "xray-lambda";

/// One UDP datagram of the X-Ray daemon's protocol: a JSON header, `\n`, and exactly one
/// document (aws-xray-daemon 3.6).
///
/// A datagram has up to [`MAX_DATAGRAM_BYTES`](crate::limits::MAX_DATAGRAM_BYTES). The daemon
/// never replies to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// JSON of a segment or subsegment, unparsed. The daemon does not parse it, either.
    Document(&'a str),
    /// A signal from the wrapper: it has sent all documents of an invocation. The signal
    /// follows them on the same socket. It is our extension of the protocol; docs/protocol.md
    /// describes it.
    Done {
        /// Request id of the invocation.
        request_id: &'a str,
        /// Number of documents of the sender since it opened its socket or stream, with those
        /// that it had to drop. The receiver compares it with the number of documents that
        /// arrived. `None` if the sender does not count.
        documents: Option<u64>,
    },
}

impl<'a> Datagram<'a> {
    /// Reads a datagram as the daemon does (aws-xray-daemon 3.6): the first `\n` ends the
    /// header, whose `format` is `json` in any case and whose `version` is 1. Other fields of
    /// the header are ignored.
    ///
    /// # Errors
    /// The datagram is one that the daemon counts as rejected, or its body is not UTF-8, or it is
    /// a malformed signal.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DatagramError> {
        #[derive(Deserialize)]
        struct Header<'h> {
            #[serde(borrow)]
            format: std::borrow::Cow<'h, str>,
            version: u32,
        }
        #[derive(Deserialize)]
        struct Signal<'s> {
            done: &'s str,
            #[serde(default)]
            documents: Option<u64>,
        }

        // Most senders write the header in this form.
        if let Some(body) = datagram.strip_prefix(DATAGRAM_HEADER) {
            return Ok(Self::Document(body_text(body)?));
        }
        let newline = datagram.iter().position(|&byte| byte == b'\n');
        let (header, body) = datagram.split_at(newline.ok_or(DatagramError::NoSeparator)?);
        let body = body_text(&body[1..])?;
        let header: Header<'_> =
            serde_json::from_slice(header).map_err(|_| DatagramError::BadHeader)?;
        if header.version != 1 {
            return Err(DatagramError::BadHeader);
        }
        if header.format.eq_ignore_ascii_case("json") {
            return Ok(Self::Document(body));
        }
        if header.format != SIGNAL_FORMAT {
            return Err(DatagramError::BadHeader);
        }
        let signal: Signal<'_> =
            serde_json::from_str(body).map_err(|_| DatagramError::BadSignal)?;
        Ok(Self::Done {
            request_id: signal.done,
            documents: signal.documents,
        })
    }

    /// Appends the datagram's bytes to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Document(json) => {
                out.extend_from_slice(DATAGRAM_HEADER);
                out.extend_from_slice(json.as_bytes());
            }
            Self::Done {
                request_id,
                documents,
            } => {
                let id = serde_json::Value::from(*request_id);
                let mut text =
                    format!("{{\"format\":\"{SIGNAL_FORMAT}\",\"version\":1}}\n{{\"done\":{id}");
                if let Some(documents) = documents {
                    text.push_str(&format!(",\"documents\":{documents}"));
                }
                text.push('}');
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

fn body_text(body: &[u8]) -> Result<&str, DatagramError> {
    match std::str::from_utf8(body) {
        Ok("") => Err(DatagramError::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(DatagramError::NotUtf8),
    }
}

/// The reason to reject a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramError {
    /// No `\n` ends the header.
    NoSeparator,
    /// Nothing follows the header.
    Empty,
    /// The header is not JSON, or has another format or version.
    BadHeader,
    /// The body is not UTF-8.
    NotUtf8,
    /// The body of a signal is not JSON, or has no `done`.
    BadSignal,
}

impl fmt::Display for DatagramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSeparator => "the datagram has no newline between header and document",
            Self::Empty => "the datagram has no document after its header",
            Self::BadHeader => "the datagram's header is not {\"format\":\"json\",\"version\":1}",
            Self::NotUtf8 => "the document is not UTF-8",
            Self::BadSignal => "the signal has no \"done\"",
        })
    }
}

impl std::error::Error for DatagramError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_newline_ends_the_header() {
        let datagram = b"{\"version\": 1, \"format\": \"JSON\", \"more\": true}\n{\n}";
        assert_eq!(Datagram::parse(datagram), Ok(Datagram::Document("{\n}")));
    }

    #[test]
    fn a_datagram_that_the_daemon_rejects_is_rejected_with_the_reason() {
        let cases: [(&[u8], DatagramError); 7] = [
            (b"", DatagramError::NoSeparator),
            (
                b"{\"format\":\"json\",\"version\":1}",
                DatagramError::NoSeparator,
            ),
            (
                b"{\"format\":\"json\",\"version\":1}\n",
                DatagramError::Empty,
            ),
            (
                b"{\"format\":\"json\",\"version\":2}\n{}",
                DatagramError::BadHeader,
            ),
            (
                b"{\"format\":\"xml\",\"version\":1}\n{}",
                DatagramError::BadHeader,
            ),
            (b"T1S\nabc", DatagramError::BadHeader),
            (
                b"{\"format\":\"json\",\"version\":1}\n\xff",
                DatagramError::NotUtf8,
            ),
        ];
        for (datagram, error) in cases {
            assert_eq!(
                Datagram::parse(datagram),
                Err(error),
                "{}",
                datagram.escape_ascii()
            );
        }
    }

    #[test]
    fn a_signal_reads_back_and_has_another_format_than_a_document() {
        for documents in [None, Some(0), Some(7)] {
            let signal = Datagram::Done {
                request_id: "8b2c",
                documents,
            };
            let mut bytes = Vec::new();
            signal.write_to(&mut bytes);
            assert_eq!(Datagram::parse(&bytes), Ok(signal));
            assert!(!bytes.starts_with(b"{\"format\":\"json\""));
        }
    }

    #[test]
    fn a_signal_may_have_fields_of_a_later_version() {
        let bytes =
            b"{\"format\":\"xray-lambda\",\"version\":1}\n{\"done\":\"8b2c\",\"later\":[1]}";
        let signal = Datagram::Done {
            request_id: "8b2c",
            documents: None,
        };
        assert_eq!(Datagram::parse(bytes), Ok(signal));
    }
}
