use std::fmt;

use crate::ids::{SegmentId, TraceId};
use crate::limits::MAX_HEADER_EXTRA_BYTES;

/// Name of the HTTP header that passes a trace from one service to the next. Its case does
/// not matter.
pub const TRACE_HEADER: &str = "X-Amzn-Trace-Id";

/// The value of [`TRACE_HEADER`]: `Root=…;Parent=…;Sampled=…` and the caller's other fields,
/// for example Lambda's `Lineage`.
///
/// `Display` writes these fields in this order and leaves out the ones that are not set, as the
/// SDKs do. The default is a header without fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceHeader {
    /// `Root`: the trace.
    pub root: Option<TraceId>,
    /// `Parent`: the segment or subsegment that made the call.
    pub parent: Option<SegmentId>,
    /// `Sampled`: the sampling decision.
    pub sampled: Sampled,
    /// Fields that X-Ray does not define, as keys and values in their order. They are sent on
    /// unread.
    pub extra: Vec<(String, String)>,
}

/// The sampling decision in a trace header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sampled {
    /// `Sampled=1`: the trace is recorded.
    Yes,
    /// `Sampled=0`: the trace is not recorded.
    No,
    /// `Sampled=?`: the callee decides and reports its decision in the response.
    Requested,
    /// The field is missing or has another value.
    #[default]
    Undecided,
}

impl TraceHeader {
    /// Creates the header of a call that `parent` makes in the trace `root`.
    pub fn new(root: TraceId, parent: SegmentId, sampled: Sampled) -> Self {
        Self {
            root: Some(root),
            parent: Some(parent),
            sampled,
            extra: Vec::new(),
        }
    }

    /// Reads a header. Never fails, because a malformed header must not fail a request.
    ///
    /// The order of the fields is free, and keys are compared without case. Left out are:
    /// a field without `=`, an id that is malformed, `Self` (load balancers add it, and every
    /// SDK drops it), an unknown field with characters other than printable ASCII, and unknown
    /// fields beyond [`MAX_HEADER_EXTRA_BYTES`] in total.
    pub fn parse(text: &str) -> Self {
        let mut header = Self::default();
        let mut extra_bytes = 0;
        for pair in text.split(';') {
            let Some((key, value)) = pair.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if key.eq_ignore_ascii_case("root") {
                header.root = value.parse().ok();
            } else if key.eq_ignore_ascii_case("parent") {
                header.parent = value.parse().ok();
            } else if key.eq_ignore_ascii_case("sampled") {
                header.sampled = match value {
                    "1" => Sampled::Yes,
                    "0" => Sampled::No,
                    "?" => Sampled::Requested,
                    _ => Sampled::Undecided,
                };
            } else if !key.is_empty() && !key.eq_ignore_ascii_case("self") {
                extra_bytes += key.len() + value.len() + 2;
                let printable = pair.bytes().all(|b| (b' '..=b'~').contains(&b));
                if printable && extra_bytes <= MAX_HEADER_EXTRA_BYTES {
                    header.extra.push((key.to_owned(), value.to_owned()));
                }
            }
        }
        header
    }

    /// Reads W3C's `traceparent`: `00-<32 hex>-<16 hex>-<flags>`, with `Sampled` in bit 0 of
    /// the flags. Of later versions, the first four fields are read (W3C Trace Context).
    /// Returns `None` if the text is malformed.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('-');
        let (version, trace, parent, flags) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let lower_hex = |s: &str| {
            s.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let lengths =
            version.len() == 2 && trace.len() == 32 && parent.len() == 16 && flags.len() == 2;
        let hex = [version, trace, parent, flags].into_iter().all(lower_hex);
        if !lengths || !hex || version == "ff" || (version == "00" && fields.next().is_some()) {
            return None;
        }
        let root = u128::from_str_radix(trace, 16).ok().filter(|&id| id != 0)?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|&id| id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let sampled = if flags & 1 == 1 {
            Sampled::Yes
        } else {
            Sampled::No
        };
        Some(Self::new(
            TraceId::from_u128(root),
            SegmentId::from_u64(parent),
            sampled,
        ))
    }

    /// Writes W3C's `traceparent`. Returns `None` if the root or the parent is missing. The
    /// flags are `01` for `Sampled=1`, else `00`.
    pub fn to_traceparent(&self) -> Option<String> {
        let (root, parent) = (self.root?, self.parent?);
        let flags = u8::from(self.sampled == Sampled::Yes);
        Some(format!("00-{:032x}-{parent}-{flags:02x}", root.as_u128()))
    }
}

impl fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut pair = |key: &str, value: &dyn fmt::Display| {
            let result = write!(f, "{separator}{key}={value}");
            separator = ";";
            result
        };
        if let Some(root) = &self.root {
            pair("Root", root)?;
        }
        if let Some(parent) = &self.parent {
            pair("Parent", parent)?;
        }
        match self.sampled {
            Sampled::Yes => pair("Sampled", &'1')?,
            Sampled::No => pair("Sampled", &'0')?,
            Sampled::Requested => pair("Sampled", &'?')?,
            Sampled::Undecided => {}
        }
        for (key, value) in &self.extra {
            pair(key, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn order_case_and_spaces_do_not_matter() {
        let header = TraceHeader::parse(&format!(
            " sampled=1 ; Lineage=a87bd80c:1|68fd508a:5;Self=1-x; parent=53995c3f42cd8ad8 ;ROOT={ROOT};junk"
        ));
        assert_eq!(
            header.to_string(),
            format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5")
        );
    }

    #[test]
    fn a_header_of_pass_through_mode_gains_no_parent_and_no_decision() {
        let text = format!("Root={ROOT};Lineage=2:c3e4b99a:0");
        let header = TraceHeader::parse(&text);
        assert_eq!((header.parent, header.sampled), (None, Sampled::Undecided));
        assert_eq!(header.to_string(), text);
    }

    #[test]
    fn a_traceparent_is_read_and_written_unchanged() {
        let text = "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01";
        let header = TraceHeader::from_traceparent(text).unwrap();
        assert_eq!(
            header.root.unwrap().to_string(),
            "1-4efaaf4d-1e8720b39541901950019ee5"
        );
        assert_eq!(header.to_traceparent().as_deref(), Some(text));
    }

    #[test]
    fn an_unknown_field_with_a_line_break_is_left_out() {
        let header = TraceHeader::parse(&format!("Root={ROOT};Evil=a\r\nX: y"));
        assert!(header.extra.is_empty());
    }

    #[test]
    fn a_traceparent_that_w3c_forbids_is_rejected() {
        for text in [
            "ff-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01",
            "00-00000000000000000000000000000000-53995c3f42cd8ad8-01",
            "00-4efaaf4d1e8720b39541901950019ee5-0000000000000000-01",
            "00-4EFAAF4D1E8720B39541901950019EE5-53995c3f42cd8ad8-01",
            "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01-more",
        ] {
            assert_eq!(TraceHeader::from_traceparent(text), None, "{text}");
        }
    }
}
