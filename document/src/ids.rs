use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Id of a trace: `1-`, 8 hex digits, `-` and 24 hex digits; 35 characters.
///
/// The first 8 digits are normally epoch seconds. X-Ray does not validate them, so that ids
/// converted from W3C's are valid, too (X-Ray API reference). Hex digits are read in either
/// case and written in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(u128);

impl TraceId {
    /// Creates a random id for a trace that begins at `epoch_seconds`.
    pub fn random(epoch_seconds: u32) -> Self {
        let low = fastrand::u128(..) & ((1 << 96) - 1);
        Self(u128::from(epoch_seconds) << 96 | low)
    }

    /// Creates an id from the 128 bits that W3C writes as 32 hex digits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits that W3C writes as 32 hex digits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The first 8 digits: the epoch seconds at which the trace began, if X-Ray or an SDK
    /// created the id.
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
        let well_formed = bytes.len() == 35 && &bytes[..2] == b"1-" && bytes[10] == b'-';
        if !well_formed {
            return Err(IdError::TraceId);
        }
        let epoch = hex(&bytes[2..10]).ok_or(IdError::TraceId)?;
        let unique = hex(&bytes[11..]).ok_or(IdError::TraceId)?;
        Ok(Self(epoch << 96 | unique))
    }
}

/// Id of a segment, subsegment or exception: 16 hex digits, unique in its trace (X-Ray
/// Developer Guide, segment documents). Hex digits are read in either case and written in
/// lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(u64);

impl SegmentId {
    /// Creates a random id. It is never zero, because W3C forbids that.
    pub fn random() -> Self {
        Self(fastrand::u64(1..))
    }

    /// Creates an id from its 64 bits.
    pub const fn from_u64(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits of the id.
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

/// The error of a text that is not an X-Ray id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// The text is not a [`TraceId`].
    TraceId,
    /// The text is not a [`SegmentId`].
    SegmentId,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => {
                "not a trace id: expected 1-, 8 hex digits, -, 24 hex digits \
                 (for example 1-5759e988-bd862e3fe1be46a994272793)"
            }
            Self::SegmentId => {
                "not a segment id: expected 16 hex digits (for example 53995c3f42cd8ad8)"
            }
        })
    }
}

impl std::error::Error for IdError {}

/// Value of up to 32 hex digits in either case.
fn hex(digits: &[u8]) -> Option<u128> {
    let mut value = 0;
    for &digit in digits {
        value = value << 4 | u128::from(char::from(digit).to_digit(16)?);
    }
    Some(value)
}

macro_rules! serialize_as_string {
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
serialize_as_string!(TraceId);
serialize_as_string!(SegmentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_keeps_its_leading_zeros() {
        let text = "1-0000a1b2-00112233445566778899aabb";
        assert_eq!(text.parse::<TraceId>().unwrap().to_string(), text);
    }

    #[test]
    fn upper_case_hex_is_read_and_written_in_lower_case() {
        let id: TraceId = "1-6750A1B2-00112233445566778899AABB".parse().unwrap();
        assert_eq!(id.to_string(), "1-6750a1b2-00112233445566778899aabb");
        let id: SegmentId = "53995C3F42CD8AD8".parse().unwrap();
        assert_eq!(id.to_string(), "53995c3f42cd8ad8");
    }

    #[test]
    fn a_random_trace_id_contains_its_epoch_seconds() {
        assert_eq!(
            TraceId::random(1_733_337_522).epoch_seconds(),
            1_733_337_522
        );
    }

    #[test]
    fn a_malformed_id_is_rejected() {
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
