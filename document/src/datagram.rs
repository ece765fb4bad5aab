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
    /// follows them on the same socket. It is our extension of the protocol.
    Done {
        /// Request id of the invocation.
        request_id: &'a str,
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
        }

        let newline = datagram.iter().position(|&byte| byte == b'\n');
        let (header, body) = datagram.split_at(newline.ok_or(DatagramError::NoSeparator)?);
        let body = std::str::from_utf8(&body[1..]).map_err(|_| DatagramError::NotUtf8)?;
        if body.is_empty() {
            return Err(DatagramError::Empty);
        }
        if [header, b"\n"].concat() == DATAGRAM_HEADER {
            return Ok(Self::Document(body));
        }
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
        })
    }

    /// Appends the datagram's bytes to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Document(json) => {
                out.extend_from_slice(DATAGRAM_HEADER);
                out.extend_from_slice(json.as_bytes());
            }
            Self::Done { request_id } => {
                let id = serde_json::Value::from(*request_id);
                let text =
                    format!("{{\"format\":\"{SIGNAL_FORMAT}\",\"version\":1}}\n{{\"done\":{id}}}");
                out.extend_from_slice(text.as_bytes());
            }
        }
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
        let mut bytes = Vec::new();
        Datagram::Done { request_id: "8b2c" }.write_to(&mut bytes);
        assert_eq!(
            Datagram::parse(&bytes),
            Ok(Datagram::Done { request_id: "8b2c" })
        );
        assert!(!bytes.starts_with(b"{\"format\":\"json\""));
    }
}
