use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use xray_document::Timestamp;

/// A time in a request: epoch seconds, which SDKs send, or an ISO 8601 text, which is
/// easier to write by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestTime(pub(crate) Timestamp);

impl<'de> serde::Deserialize<'de> for RequestTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;

        impl Visitor<'_> for Time {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: epoch seconds, or a text such as 2026-11-22T12:00:00Z")
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
                Timestamp::from_seconds(seconds)
                    .ok_or_else(|| E::custom("the time is too far from 1970"))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                if let Ok(seconds) = text.parse() {
                    return self.visit_f64(seconds);
                }
                Timestamp::from_iso8601(text.trim())
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Time).map(RequestTime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<i64> {
        serde_json::from_str::<RequestTime>(json)
            .ok()
            .map(|RequestTime(time)| time.as_micros())
    }

    #[test]
    fn a_number_and_a_text_give_the_same_time() {
        let second = 1_733_337_522_000_000;
        for json in [
            "1733337522",
            "1733337522.0",
            "1.733337522E9",
            "\"1733337522\"",
            "\"2024-12-04T18:38:42Z\"",
            "\"2024-12-04T18:38:42\"",
            "\"2024-12-04 18:38:42.000\"",
            "\"2024-12-04T19:38:42+01:00\"",
            "\"2024-12-04T13:08:42-0530\"",
            "\"2024-12-04T16:38:42-02\"",
        ] {
            assert_eq!(read(json), Some(second), "{json}");
        }
        assert_eq!(read("\"2024-12-04T18:38:42.25Z\""), Some(second + 250_000));
        assert_eq!(read("\"2024-02-29\""), Some(1_709_164_800_000_000));
        assert_eq!(read("\"1970-01-01T00:00Z\""), Some(0));
    }

    #[test]
    fn other_values_are_rejected() {
        for json in [
            "null",
            "true",
            "{}",
            "1e300",
            "\"\"",
            "\"yesterday\"",
            "\"NaN\"",
            "\"2024-13-01\"",
            "\"2023-02-29\"",
            "\"2024-12-04T25:00:00Z\"",
            "\"2024-12-04T18:38:42+\"",
            "\"2024-12-04T18:38:42é\"",
            "\"2024-12-04TZ\"",
            "\"+024-12-04\"",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
