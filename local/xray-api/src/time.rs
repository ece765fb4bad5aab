use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use xray_document::Timestamp;

/// A time in a request: epoch seconds, as SDKs send them, or an ISO 8601 text, which
/// people write by hand.
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
                Timestamp::from_seconds(seconds).ok_or_else(|| E::custom("not a time of this era"))
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
                iso_8601(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Time).map(RequestTime)
    }
}

/// A date, or a date and a time, in UTC where no offset is given.
fn iso_8601(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
        return Timestamp::from_seconds(day_seconds(text)?);
    };
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    Timestamp::from_seconds(day_seconds(date)? + clock_seconds(clock)? - offset_seconds(offset)?)
}

/// Seconds from the epoch to `YYYY-MM-DD`.
fn day_seconds(date: &str) -> Option<f64> {
    let [year, month, day] = parts(date, '-')?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let days_in_month = *days_in.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if date.len() != 10 || !(1..=days_in_month).contains(&day) {
        return None;
    }
    // Years counted from March, so that the leap day is the last of its year.
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    const DAYS_TO_EPOCH: i64 = 719_468;
    Some(((days - DAYS_TO_EPOCH) * 86_400) as f64)
}

/// `HH:MM` or `HH:MM:SS`, with a fraction or without.
fn clock_seconds(clock: &str) -> Option<f64> {
    let mut parts = clock.splitn(3, ':');
    let hours = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let seconds = parts.next().unwrap_or("00");
    let numeric = seconds
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = seconds.parse().ok().filter(|_| numeric)?;
    let valid = hours < 24 && minutes < 60 && seconds < 61.0;
    valid.then_some((hours * 3600 + minutes * 60) as f64 + seconds)
}

/// `Z`, `+HH:MM`, `+HHMM` or `+HH`, and the same with `-`.
fn offset_seconds(offset: &str) -> Option<f64> {
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0.0),
        ("+", rest) => (1.0, rest),
        ("-", rest) => (-1.0, rest),
        _ => return None,
    };
    let rest = rest.replace(':', "");
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = if minutes.is_empty() {
        0
    } else {
        digits(minutes)?
    };
    Some(sign * (digits(hours)? * 3600 + minutes * 60) as f64)
}

fn parts(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || parts.next().and_then(digits);
    let read = [next()?, next()?, next()?];
    parts.next().is_none().then_some(read)
}

fn digits(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
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
    fn numbers_and_texts_are_the_same_times() {
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
    fn what_is_no_time_is_refused() {
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
