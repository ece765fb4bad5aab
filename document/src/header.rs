use std::fmt;

use crate::ids::{SegmentId, TraceId};
use crate::limits::MAX_HEADER_EXTRA_BYTES;

/// The HTTP header that carries a trace from one service to the next.
pub const TRACE_HEADER: &str = "X-Amzn-Trace-Id";

/// The value of [`TRACE_HEADER`]: `Root=…;Parent=…;Sampled=…` and whatever else
/// the caller put there, such as Lambda's `Lineage`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceHeader {
    pub root: Option<TraceId>,
    pub parent: Option<SegmentId>,
    pub sampled: Sampled,
    /// Fields that X-Ray does not define, in their order: opaque, and sent on.
    pub extra: Vec<(String, String)>,
}

/// The sampling decision in a trace header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sampled {
    /// `Sampled=1`
    Yes,
    /// `Sampled=0`
    No,
    /// `Sampled=?`: the callee decides and reports back.
    Requested,
    /// No `Sampled` field.
    #[default]
    Undecided,
}

impl TraceHeader {
    /// A header for a call made by `parent` in the trace `root`.
    pub fn new(root: TraceId, parent: SegmentId, sampled: Sampled) -> Self {
        Self {
            root: Some(root),
            parent: Some(parent),
            sampled,
            extra: Vec::new(),
        }
    }

    /// Reads a header. Never fails: the order is free, keys are compared without
    /// case, `Self` (a load balancer's) is dropped as every SDK drops it, and a pair
    /// without `=` or an id that is none is left out.
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

    /// Reads W3C's `traceparent`: `00-<32 hex>-<16 hex>-<flags>`, flag bit 0 being
    /// `Sampled`. Later versions are read by their first four fields, as W3C asks.
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
        let shaped =
            version.len() == 2 && trace.len() == 32 && parent.len() == 16 && flags.len() == 2;
        let hex = [version, trace, parent, flags].into_iter().all(lower_hex);
        if !shaped || !hex || version == "ff" || (version == "00" && fields.next().is_some()) {
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

    /// Writes W3C's `traceparent`; `None` without a root and a parent. What is not
    /// `Sampled=1` has flags `00`.
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
    fn a_pass_through_header_stays_without_parent_and_sampled() {
        let text = format!("Root={ROOT};Lineage=2:c3e4b99a:0");
        let header = TraceHeader::parse(&text);
        assert_eq!((header.parent, header.sampled), (None, Sampled::Undecided));
        assert_eq!(header.to_string(), text);
    }

    #[test]
    fn a_traceparent_and_back_is_the_same() {
        let text = "00-4efaaf4d1e8720b39541901950019ee5-53995c3f42cd8ad8-01";
        let header = TraceHeader::from_traceparent(text).unwrap();
        assert_eq!(
            header.root.unwrap().to_string(),
            "1-4efaaf4d-1e8720b39541901950019ee5"
        );
        assert_eq!(header.to_traceparent().as_deref(), Some(text));
    }

    #[test]
    fn no_line_break_enters_by_an_extra_field() {
        let header = TraceHeader::parse(&format!("Root={ROOT};Evil=a\r\nX: y"));
        assert!(header.extra.is_empty());
    }

    #[test]
    fn w3c_forbids_version_ff_zero_ids_and_upper_case() {
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
