use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calendar::{self, UtcTime};

/// A time in X-Ray's form: epoch seconds as a JSON number, scientific notation included.
/// Stored in whole microseconds, the precision that the X-Ray Developer Guide recommends
/// (segment documents). The default is the epoch, 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The current time of the wall clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Creates a time from microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Creates a time from epoch seconds, rounded to the microsecond. Returns `None` if the
    /// number is not finite or its microseconds do not fit in 64 bits.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let micros = (seconds * 1e6).round();
        (micros.abs() < 9e18).then_some(Self(micros as i64))
    }

    /// Seconds since the epoch, as documents contain them. From the year 2106 on (2^32 seconds),
    /// an f64 cannot represent each microsecond.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Reads an ISO 8601 date, or date and time. Returns `None` for any other text.
    ///
    /// A time without an offset is in UTC. Decimals beyond the microsecond are cut off.
    /// Examples: `2026-01-10T09:00:00.120Z` (the Telemetry API's form), `2026-01-10`,
    /// `2026-01-10 09:00`, `2026-01-10T10:00:00+01:00`.
    pub fn from_iso8601(text: &str) -> Option<Self> {
        calendar::parse(text).map(Self)
    }

    /// Writes ISO 8601 in UTC with milliseconds, for example `2026-01-10T09:00:00.120Z`: Lambda's
    /// form in telemetry and in logs. Microseconds are cut off.
    pub fn to_iso8601(self) -> String {
        let utc = self.utc();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            utc.year,
            utc.month,
            utc.day,
            utc.hour,
            utc.minute,
            utc.second,
            utc.microsecond / 1_000
        )
    }

    /// Date and time of day in UTC.
    pub fn utc(self) -> UtcTime {
        UtcTime::from_micros(self.0)
    }

    /// Duration from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06}",
            self.0.div_euclid(1_000_000),
            self.0.rem_euclid(1_000_000)
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_seconds())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Self::from_seconds(seconds)
            .ok_or_else(|| serde::de::Error::custom("the time is out of range"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_keeps_the_microseconds() {
        let time = Timestamp::from_micros(1_733_337_522_136_204);
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "1733337522.136204");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn a_time_in_scientific_notation_is_read() {
        let time: Timestamp = serde_json::from_str("1.478293361271E9").unwrap();
        assert_eq!(time.as_micros(), 1_478_293_361_271_000);
    }

    #[test]
    fn a_time_out_of_range_is_rejected() {
        assert!(serde_json::from_str::<Timestamp>("1e300").is_err());
    }

    #[test]
    fn leap_days_year_ends_and_centuries_are_written_correctly() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
        ] {
            let time = Timestamp::from_micros(seconds * 1_000_000);
            assert_eq!(time.to_iso8601(), text);
        }
    }

    proptest! {
        #[test]
        fn iso_8601_keeps_the_milliseconds(
            millis in -62_135_596_800_000_i64..253_402_300_800_000,
        ) {
            let time = Timestamp::from_micros(millis * 1_000);
            prop_assert_eq!(Timestamp::from_iso8601(&time.to_iso8601()), Some(time));
        }
    }
}
