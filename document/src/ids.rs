use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A trace's id: `1-` + 8 hex digits + `-` + 24 hex digits, 35 characters.
///
/// The first group is normally epoch seconds, but ids made from W3C ones are
/// legal too (X-Ray API reference). Read case-insensitively, written lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(u128);

impl TraceId {
    /// A new id for a trace that begins at `epoch_seconds`.
    pub fn random(epoch_seconds: u32) -> Self {
        let low = fastrand::u128(..) & ((1 << 96) - 1);
        Self(u128::from(epoch_seconds) << 96 | low)
    }

    /// From the 128 bits that W3C writes as 32 hex digits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The first group: epoch seconds, where X-Ray or an SDK made the id.
    pub const fn epoch_seconds(self) -> u32 {
        (self.0 >> 96) as u32
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "1-{:08x}-{:024x}",
            self.epoch_seconds(),
            self.0 & ((1 << 96) - 1)
        )
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 35 && &bytes[..2] == b"1-" && bytes[10] == b'-';
        if !shaped {
            return Err(IdError::TraceId);
        }
        let epoch = hex(&bytes[2..10]).ok_or(IdError::TraceId)?;
        let unique = hex(&bytes[11..]).ok_or(IdError::TraceId)?;
        Ok(Self(epoch << 96 | unique))
    }
}

/// The id of a segment or subsegment: 16 hex digits, unique in its trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(u64);

impl SegmentId {
    /// A new id; never zero, which W3C forbids.
    pub fn random() -> Self {
        Self(fastrand::u64(1..))
    }

    pub const fn from_u64(bits: u64) -> Self {
        Self(bits)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SegmentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bits = hex(text.as_bytes()).filter(|_| text.len() == 16);
        bits.map(|bits| Self(bits as u64)).ok_or(IdError::SegmentId)
    }
}

/// A text that is not an id of X-Ray's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    TraceId,
    SegmentId,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => {
                "not a trace id: expected 1-, 8 hex digits, -, 24 hex digits \
                 (for example 1-5759e988-bd862e3fe1be46a994272793)"
            }
            Self::SegmentId => "not a segment id: expected 16 hex digits",
        })
    }
}

impl std::error::Error for IdError {}

/// The value of up to 32 hex digits of either case.
fn hex(digits: &[u8]) -> Option<u128> {
    let mut value = 0;
    for &digit in digits {
        value = value << 4 | u128::from(char::from(digit).to_digit(16)?);
    }
    Some(value)
}

macro_rules! as_string {
    ($id:ty) => {
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::tolerant::from_str(deserializer)
            }
        }
    };
}
as_string!(TraceId);
as_string!(SegmentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_keeps_its_leading_zeros() {
        let text = "1-0000a1b2-00112233445566778899aabb";
        assert_eq!(text.parse::<TraceId>().unwrap().to_string(), text);
    }

    #[test]
    fn upper_case_hex_is_read_and_written_lower() {
        let id: TraceId = "1-6750A1B2-00112233445566778899AABB".parse().unwrap();
        assert_eq!(id.to_string(), "1-6750a1b2-00112233445566778899aabb");
        let id: SegmentId = "53995C3F42CD8AD8".parse().unwrap();
        assert_eq!(id.to_string(), "53995c3f42cd8ad8");
    }

    #[test]
    fn a_random_trace_id_carries_its_second() {
        assert_eq!(
            TraceId::random(1_733_337_522).epoch_seconds(),
            1_733_337_522
        );
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "1-",
            "2-6750a1b2-00112233445566778899aabb",
            "1-6750a1b2-00112233445566778899aab",
            "1-6750a1b2-0011223344556677é899aab",
            "1-+750a1b2-00112233445566778899aabb",
        ] {
            assert_eq!(text.parse::<TraceId>(), Err(IdError::TraceId), "{text}");
        }
        for text in [
            "",
            "53995c3f42cd8ad",
            "53995c3f42cd8ad88",
            "+3995c3f42cd8ad8",
            "53995c3f42cd8adg",
        ] {
            assert_eq!(text.parse::<SegmentId>(), Err(IdError::SegmentId), "{text}");
        }
    }
}
