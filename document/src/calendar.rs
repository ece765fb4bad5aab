//! The Gregorian calendar, extended to all years: the only calendar arithmetic of the
//! workspace. The two conversions between days and dates are Howard Hinnant's
//! ("chrono-Compatible Low-Level Date Algorithms", `civil_from_days` and `days_from_civil`).

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 0000-03-01, the start of the first era, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
/// Days of one era: 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// A [`Timestamp`](crate::Timestamp) as a date and a time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UtcTime {
    /// Year; negative before the year 0.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59. Epoch time has no leap seconds.
    pub second: u8,
    /// Microsecond, 0 to 999,999.
    pub microsecond: u32,
}

impl UtcTime {
    /// Converts microseconds since the epoch.
    pub(crate) fn from_micros(micros: i64) -> Self {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = date_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        // Every value is within its type's range, so no cast loses bits.
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (second_of_day / 3_600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            microsecond: micros.rem_euclid(MICROS_PER_SECOND) as u32,
        }
    }
}

/// Year, month and day of a number of days since 1970-01-01. Years are counted from March, so
/// that the leap day is the last day of its year.
fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a date; the inverse of [`date_from_days`].
fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year
        - DAYS_TO_EPOCH
}

/// Reads an ISO 8601 date, or date and time, into microseconds since the epoch; see
/// [`Timestamp::from_iso8601`](crate::Timestamp::from_iso8601).
pub(crate) fn parse(text: &str) -> Option<i64> {
    let Some((day, time)) = text.split_once(['T', 't', ' ']) else {
        return day_seconds(text)?.checked_mul(MICROS_PER_SECOND);
    };
    let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let (second_of_day, fraction) = time_of_day(time)?;
    let seconds = day_seconds(day)? + second_of_day - offset_seconds(offset)?;
    seconds
        .checked_mul(MICROS_PER_SECOND)?
        .checked_add(fraction)
}

/// Seconds from the epoch to the start of `YYYY-MM-DD`.
fn day_seconds(text: &str) -> Option<i64> {
    // Longer years, months and days would overflow the arithmetic below.
    if text.len() != "YYYY-MM-DD".len() {
        return None;
    }
    let mut parts = text.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let days = days_from_date(year, month, day);
    // A day that does not exist, such as February 30, converts back to another date.
    let exists = (1..=12).contains(&month) && date_from_days(days) == (year, month, day);
    exists.then_some(days * SECONDS_PER_DAY)
}

/// Seconds and microseconds since midnight, from `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
/// Decimals beyond the sixth are cut off.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let second = parts.next().unwrap_or("00");
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    digits(fraction)?;
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let second = digits(second)?;
    // 60 is a leap second. It counts as the first second of the next minute.
    let valid = hour < 24 && minute < 60 && second <= 60;
    if !valid {
        return None;
    }
    Some((hour * 3_600 + minute * 60 + second, digits(&fraction)?))
}

/// Seconds east of UTC, from `Z`, `+HH:MM`, `+HHMM` or `+HH`, or the same with `-`.
fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (rest, "00"),
        4 => rest.split_at_checked(2)?,
        _ => rest.split_once(':')?,
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60))
}

/// A number of decimal digits only, without a sign. Digits beyond the 18th are ignored, because
/// they may not fit; only decimals of a second can be that long.
fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.get(..text.len().min(18))?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn iso_8601_is_read_to_the_microsecond() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1970-01-01T00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2024-02-29", 1_709_164_800_000_000),
            ("2024-12-04T18:38:42.136204Z", 1_733_337_522_136_204),
            ("2024-12-04 18:38:42", 1_733_337_522_000_000),
            ("2024-12-04T19:38:42+01:00", 1_733_337_522_000_000),
            ("2024-12-04T13:08:42-0530", 1_733_337_522_000_000),
            ("2024-12-04T16:38:42-02", 1_733_337_522_000_000),
            ("2026-11-22T12:07:32.976Z", 1_795_349_252_976_000),
            ("2026-03-01T00:00:00.1234567891Z", 1_772_323_200_123_456),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ] {
            assert_eq!(parse(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn any_other_text_is_rejected() {
        for text in [
            "",
            "now",
            "T",
            "2026-1-10",
            "2026-13-10T09:00:00Z",
            "2023-02-29",
            "2026-00-10",
            "2026-01-00",
            "2026-01-10T24:00:00Z",
            "2026-01-10T09:60:00Z",
            "2026-01-10T09:00:61Z",
            "2026-01-10T09:00:00.-1Z",
            "2026-01-10T09:00:00.Z",
            "2026-01-10T09Z",
            "2026-01-10T09:00:00+1",
            "2026-01-10T09:00:00+01:00Z",
            "2026-01-10T09:00:00+25:00",
            "2026-01-10T09:00:00é",
            "+026-01-10",
            "999999999999999999-01-01",
            "2026-01-10T999999999999999999:00",
            "2026-01-10T09:00+999999999999999999:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "[-0-9TZ:.+ ]{0,40}") {
            parse(&text);
        }
    }
}
