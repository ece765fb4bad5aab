use std::fmt;

use serde::Deserialize;

/// The line before a document in a datagram to the X-Ray daemon.
pub const DATAGRAM_HEADER: &[u8] = b"{\"format\":\"json\",\"version\":1}\n";

/// The line before the wrapper's own signals. The daemon answers an unknown format by
/// counting the datagram as rejected, so a signal that reaches one does no harm.
const SIGNAL_FORMAT: &str = "xray-lambda";

/// One UDP datagram of the X-Ray daemon's protocol: a JSON header, the first `\n`, and
/// exactly one document (aws-xray-daemon 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A segment or subsegment, unparsed, as the daemon forwards it.
    Document(&'a str),
    /// The wrapper's word that this invocation's documents have all been sent: it
    /// travels behind them on the same socket.
    Done { request_id: &'a str },
}

impl<'a> Datagram<'a> {
    /// Reads a datagram as the daemon does: split at the first `\n`; `format` is `json`
    /// in any case, `version` is 1, other members of the header are ignored.
    ///
    /// # Errors
    /// What the daemon counts as rejected, and a body that is not UTF-8.
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

/// Why a datagram was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramError {
    NoSeparator,
    Empty,
    BadHeader,
    NotUtf8,
    BadSignal,
}

impl fmt::Display for DatagramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSeparator => "no newline between the header and the document",
            Self::Empty => "no document after the header",
            Self::BadHeader => "the header is not {\"format\":\"json\",\"version\":1}",
            Self::NotUtf8 => "the document is not UTF-8",
            Self::BadSignal => "a signal without \"done\"",
        })
    }
}

impl std::error::Error for DatagramError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_newline_ends_the_header_and_later_ones_belong_to_the_body() {
        let datagram = b"{\"version\": 1, \"format\": \"JSON\", \"more\": true}\n{\n}";
        assert_eq!(Datagram::parse(datagram), Ok(Datagram::Document("{\n}")));
    }

    #[test]
    fn what_the_daemon_rejects_is_rejected_with_its_reason() {
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
    fn a_signal_is_read_back_and_no_daemon_takes_it_for_a_document() {
        let mut bytes = Vec::new();
        Datagram::Done { request_id: "8b2c" }.write_to(&mut bytes);
        assert_eq!(
            Datagram::parse(&bytes),
            Ok(Datagram::Done { request_id: "8b2c" })
        );
        assert!(!bytes.starts_with(b"{\"format\":\"json\""));
    }
}
