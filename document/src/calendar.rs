//! Dates of the proleptic Gregorian calendar, the one calendar arithmetic of the workspace.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 0000-03-01, where the count of eras begins, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
/// Days of an era: 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// A [`Timestamp`](crate::Timestamp) as date and time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UtcTime {
    /// The year; negative before the year 0.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59: epoch time has no leap seconds.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

impl UtcTime {
    /// From microseconds since the epoch.
    pub(crate) fn from_micros(micros: i64) -> Self {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        // Each part is within its range, so no cast cuts anything off.
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3_600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            microsecond: micros.rem_euclid(MICROS_PER_SECOND) as u32,
        }
    }
}

/// Year, month and day of a day since 1970-01-01. Years begin in March, so that the leap
/// day is the last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01, the inverse of [`date`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + 365 * of_era + of_era / 4 - of_era / 100 + of_year - DAYS_TO_EPOCH
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
    let (of_day, fraction) = time_of_day(time)?;
    let seconds = day_seconds(day)? + of_day - offset_seconds(offset)?;
    seconds
        .checked_mul(MICROS_PER_SECOND)?
        .checked_add(fraction)
}

/// Seconds from the epoch to the start of `YYYY-MM-DD`.
fn day_seconds(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let days = days(year, month, day);
    // A day that its month lacks comes back as another date.
    let exists = (1..=12).contains(&month) && date(days) == (year, month, day);
    (text.len() == "YYYY-MM-DD".len() && exists).then_some(days * SECONDS_PER_DAY)
}

/// Seconds and microseconds since midnight of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
/// Decimals beyond the sixth are cut off.
fn time_of_day(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let second = parts.next().unwrap_or("00");
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    digits(fraction)?;
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let second = digits(second)?;
    // 60 is a leap second, which is the next minute's first here.
    let valid = hour < 24 && minute < 60 && second <= 60;
    valid.then_some((hour * 3_600 + minute * 60 + second, digits(&fraction)?))
}

/// `Z`, `+HH:MM`, `+HHMM` or `+HH`, and the same with `-`.
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
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Eighteen digits fit; more decimals than that are nanoseconds nobody sends.
    plain.then(|| text.get(..text.len().min(18))?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_read_to_the_microsecond() {
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
    fn other_texts_are_refused() {
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
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_ends_the_reader(text in "[-0-9TZ:.+ ]{0,40}") {
            parse(&text);
        }
    }
}
