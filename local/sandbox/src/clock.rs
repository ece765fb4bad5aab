//! Times as Lambda writes them.

use std::time::Duration;

use xray_document::Timestamp;

/// ISO 8601 with milliseconds, `2026-01-10T09:00:00.120Z`: telemetry and log lines.
pub(crate) fn iso(time: Timestamp) -> String {
    let millis = time.as_micros().div_euclid(1000);
    let (seconds, millis) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `2026/01/10`, as log streams begin.
pub(crate) fn date_path(time: Timestamp) -> String {
    let (year, month, day) = civil(time.as_micros().div_euclid(86_400_000_000));
    format!("{year:04}/{month:02}/{day:02}")
}

/// Milliseconds with microseconds behind the point, as telemetry's numbers are.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Epoch milliseconds.
pub(crate) fn epoch_millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

/// Year, month and day of a day since 1970-01-01, proleptic Gregorian: eras of 400
/// years of 146,097 days, years that begin in March so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_telemetry_writes_them() {
        let time = Timestamp::from_micros(1_733_337_522_136_904);
        assert_eq!(iso(time), "2024-12-04T18:38:42.136Z");
        assert_eq!(date_path(time), "2024/12/04");
    }

    #[test]
    fn leap_days_and_year_ends_are_right() {
        let day = |days: i64| date_path(Timestamp::from_micros(days * 86_400_000_000));
        assert_eq!(day(0), "1970/01/01");
        assert_eq!(day(11_016), "2000/02/29");
        assert_eq!(day(19_782), "2024/02/29");
        assert_eq!(day(20_453), "2025/12/31");
    }
}
